//! The dispatcher: takes what is to be sent from `outbound` and hands it to the providers.
//!
//! Each partition has a [`partition::Worker`]; each conversation has one ordered lane in it, so a retry holds back
//! only its own conversation. The [`gate`] says when a message may go; what waits for long is [`parked`]. The
//! [`journal`] writes *attempt started* before each request and the outcome after it,
//! many at a time. [`send`] is one message's way through planner ([`parts`]), adapter and network; [`window`] says
//! whether it may leave at all, [`outcome`] writes down what became of it.

mod breaker;
mod failed;
mod gate;
mod journal;
mod moved;
mod multipart;
mod outcome;
mod panics;
mod parked;
mod partition;
mod parts;
mod provider;
mod send;
mod taken_up;
mod throttle;
mod window;

use std::sync::Arc;

use async_trait::async_trait;
use botbuilder_service::lifecycle::{Backoff, OnExit, Service, ServiceError};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::Gateway;

pub use provider::ProviderHttp;

/// The topic of what is to be sent.
pub const OUTBOUND: &str = "outbound";
/// The consumer group of the dispatcher on it.
pub const GROUP: &str = "dispatcher";

/// The service that sends.
pub struct Dispatcher {
    gateway: Gateway,
    http: Arc<ProviderHttp>,
}

impl Dispatcher {
    /// A dispatcher of this gateway.
    pub fn new(gateway: Gateway, http: ProviderHttp) -> Self {
        Self { gateway, http: Arc::new(http) }
    }
}

#[async_trait]
impl Service for Dispatcher {
    fn name(&self) -> &'static str {
        "dispatcher"
    }

    fn on_exit(&self) -> OnExit {
        OnExit::Restart(Backoff::default())
    }

    async fn run(&mut self, stop: CancellationToken) -> Result<(), ServiceError> {
        let (journal, mut writers) = journal::start(&self.gateway);
        let gate = Arc::new(gate::Gate::new(Arc::clone(&self.gateway.sending)));
        let mut subscription = self.gateway.stream.subscribe(OUTBOUND, GROUP).await?;
        let mut workers = JoinSet::new();
        let partitions = self.gateway.stream.partitions(OUTBOUND)?;
        loop {
            gate.share(workers.len(), partitions);
            tokio::select! {
                () = stop.cancelled() => break,
                assigned = subscription.assigned() => match assigned? {
                    Some(partition) => {
                        let sender = send::Sender::new(
                            self.gateway.clone(),
                            Arc::clone(&self.http),
                            journal.clone(),
                            Arc::clone(&gate),
                        );
                        workers.spawn(partition::Worker::new(partition, sender).run(stop.clone()));
                    }
                    None => break,
                },
                Some(ended) = workers.join_next() => ended?,
            }
        }
        while workers.join_next().await.is_some() {}
        // The writers end when the last handle is gone.
        drop(journal);
        while writers.join_next().await.is_some() {}
        Ok(())
    }
}
