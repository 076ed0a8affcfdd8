//! Ends the wait of messages whose contact did not write in time.

use std::time::Duration;

use async_trait::async_trait;
use botbuilder_service::lifecycle::{Backoff, OnExit, Service, ServiceError};
use botbuilder_store::{Error, system::held_messages};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::Runtime;

/// How often it is looked.
const EVERY: Duration = Duration::from_secs(5);

/// The job.
pub struct Held {
    runtime: Runtime,
}

impl Held {
    /// The job over this database.
    pub const fn new(runtime: Runtime) -> Self {
        Self { runtime }
    }

    async fn give_up(&self) -> Result<u64, Error> {
        let mut tx = self.runtime.store.begin_worker().await?;
        let given_up = held_messages::give_up(&mut tx, self.runtime.clock.now()).await?;
        tx.commit().await?;
        Ok(given_up)
    }
}

#[async_trait]
impl Service for Held {
    fn name(&self) -> &'static str {
        "held messages"
    }

    fn on_exit(&self) -> OnExit {
        OnExit::Restart(Backoff::default())
    }

    async fn run(&mut self, stop: CancellationToken) -> Result<(), ServiceError> {
        loop {
            match self.give_up().await {
                Ok(0) => {}
                Ok(given_up) => info!(given_up, "messages were held for as long as they may be"),
                Err(error) => warn!(error = %error, "messages that are held wait for the database"),
            }
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }
}
