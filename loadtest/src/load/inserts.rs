//! The yardstick of a plain database: one row each, each committed and on disk before the next.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Result;
use sqlx::{Connection as _, Executor as _, PgConnection, PgPool};
use tokio::task::JoinSet;

use crate::load::{latency::Latencies, pace::Pace};

/// Connections that insert.
pub struct Inserts {
    connections: Vec<PgConnection>,
    body: Arc<str>,
}

impl Inserts {
    /// Opens connections to a database, for rows with this body.
    pub async fn open(pool: &PgPool, url: &str, connections: usize, body: &str) -> Result<Self> {
        pool.execute(
            "CREATE TABLE IF NOT EXISTS yardstick (
                 id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
                 received_at timestamptz NOT NULL DEFAULT now(),
                 body text NOT NULL)",
        )
        .await?;
        let mut opened = Vec::with_capacity(connections);
        for _ in 0..connections {
            opened.push(PgConnection::connect(url).await?);
        }
        Ok(Self { connections: opened, body: body.into() })
    }

    /// Every connection inserts as fast as it can. Gives the rows of a second, and how long each took.
    pub async fn closed(&mut self, time: Duration) -> Result<(f64, Latencies)> {
        let began = Instant::now();
        let latencies = self
            .each(move |mut connection, body, _, _| async move {
                let mut latencies = Latencies::new();
                while began.elapsed() < time {
                    let started = Instant::now();
                    insert(&mut connection, &body).await?;
                    latencies.add(started.elapsed());
                }
                Ok((connection, latencies))
            })
            .await?;
        Ok((rate(latencies.count(), began.elapsed()), latencies))
    }

    /// Rows at a fixed rate; each takes as long as from when it was due.
    pub async fn open_loop(&mut self, per_second: f64, time: Duration) -> Result<Latencies> {
        let pace = Pace::starting(per_second, time);
        self.each(move |mut connection, body, worker, workers| async move {
            let mut latencies = Latencies::new();
            for index in (worker..pace.count()).step_by(workers) {
                let due = pace.wait(index).await;
                insert(&mut connection, &body).await?;
                latencies.add(due.elapsed());
            }
            Ok((connection, latencies))
        })
        .await
    }

    async fn each<F, W>(&mut self, work: F) -> Result<Latencies>
    where
        F: Fn(PgConnection, Arc<str>, usize, usize) -> W,
        W: Future<Output = Result<(PgConnection, Latencies)>> + Send + 'static,
    {
        let workers = self.connections.len();
        let mut tasks = JoinSet::new();
        for (worker, connection) in self.connections.drain(..).enumerate() {
            tasks.spawn(work(connection, Arc::clone(&self.body), worker, workers));
        }
        let mut all = Latencies::new();
        while let Some(ended) = tasks.join_next().await {
            let (connection, latencies) = ended??;
            self.connections.push(connection);
            all.merge(&latencies);
        }
        Ok(all)
    }
}

async fn insert(connection: &mut PgConnection, body: &str) -> Result<()> {
    sqlx::query("INSERT INTO yardstick (body) VALUES ($1)").bind(body).execute(connection).await?;
    Ok(())
}

/// So many in such a time, in a second.
#[expect(clippy::cast_precision_loss, reason = "a number of requests that a run can send")]
pub fn rate(count: u64, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}
