//! The outbox relay: publishes what nobody published: records that were put off, and what a worker left that did not
//! live to publish it.

use std::time::Duration;

use async_trait::async_trait;
use botbuilder_service::lifecycle::{Backoff, OnExit, Service, ServiceError};
use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::{
    Runtime,
    publish::{Of, publish_left},
};

/// How often the outbox is looked at.
const EVERY: Duration = Duration::from_millis(500);
/// How long a worker is given to publish its own records.
const GRACE: TimeDelta = TimeDelta::seconds(2);

/// The relay.
pub struct Relay {
    runtime: Runtime,
}

impl Relay {
    /// A relay over this database and stream.
    pub const fn new(runtime: Runtime) -> Self {
        Self { runtime }
    }
}

#[async_trait]
impl Service for Relay {
    fn name(&self) -> &'static str {
        "relay"
    }

    fn on_exit(&self) -> OnExit {
        OnExit::Restart(Backoff::default())
    }

    async fn run(&mut self, stop: CancellationToken) -> Result<(), ServiceError> {
        let runtime = &self.runtime;
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(EVERY) => {}
            }
            let now = runtime.clock.now();
            let before = now - GRACE;
            match publish_left(&runtime.store, &*runtime.stream, Of::Everyone, before, now).await {
                Ok(0) => {}
                Ok(published) => debug!(published, "published what was left"),
                Err(error) => warn!(error = %error, "records left unpublished wait"),
            }
        }
    }
}
