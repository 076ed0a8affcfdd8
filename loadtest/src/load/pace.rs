//! When requests are due.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use tokio::task::JoinSet;

use crate::http::Connection;

/// Requests at a fixed rate, shared out among workers: each takes every n-th.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    start: Instant,
    rate: f64,
    count: usize,
}

impl Pace {
    /// So many a second for so long, from now on.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a number of requests that a run can send"
    )]
    pub fn starting(rate: f64, time: Duration) -> Self {
        Self { start: Instant::now(), rate, count: (rate * time.as_secs_f64()) as usize }
    }

    /// How many there are.
    pub const fn count(&self) -> usize {
        self.count
    }

    /// When a request is due.
    #[expect(clippy::cast_precision_loss, reason = "a number of requests that a run can send")]
    pub fn due(&self, index: usize) -> Instant {
        self.start + Duration::from_secs_f64(index as f64 / self.rate)
    }

    /// Waits until a request is due, and gives that instant. It does not wait where that has passed: what follows
    /// is late, and counts as late.
    pub async fn wait(&self, index: usize) -> Instant {
        let due = self.due(index);
        if due > Instant::now() {
            tokio::time::sleep_until(due.into()).await;
        }
        due
    }
}

/// Sends every request when it is due, over so many connections in turns; each has to be answered with 200. Gives the
/// instant at which the last one was.
pub async fn send_all(
    to: SocketAddr,
    connections: usize,
    pace: Pace,
    request: impl Fn(usize) -> Vec<u8> + Send + Sync + 'static,
) -> Result<Instant> {
    let request = Arc::new(request);
    let mut writers = JoinSet::new();
    for writer in 0..connections {
        let request = Arc::clone(&request);
        writers.spawn(async move {
            let mut connection = Connection::open(to).await?;
            for index in (writer..pace.count()).step_by(connections) {
                let request = request(index);
                pace.wait(index).await;
                let status = connection.send(&request).await?;
                ensure!(status == 200, "a message was answered with {status}");
            }
            Ok::<_, anyhow::Error>(Instant::now())
        });
    }
    let mut last = None;
    while let Some(ended) = writers.join_next().await {
        last = last.max(Some(ended??));
    }
    last.context("nothing was sent")
}
