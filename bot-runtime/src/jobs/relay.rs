//! The outbox relay: publishes what nobody else publishes. What was written over the API it publishes as soon as it hears
//! of the commit; records that were put off, and what a worker left that did not live to publish it, a little later.

use std::{convert::Infallible, time::Duration};

use async_trait::async_trait;
use botbuilder_service::lifecycle::{Backoff, OnExit, Service, ServiceError};
use botbuilder_store::{
    Error,
    system::bell::{Bell, Of as Told},
};
use chrono::TimeDelta;
use tokio::{sync::Notify, time::Instant};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::{
    Runtime,
    publish::{Of, publish_left, publish_said},
};

/// How often the outbox is looked at.
const EVERY: Duration = Duration::from_millis(500);
/// How often it is looked at for a while after something was written to it: what stands behind the replies of a turn
/// goes out as soon as those are published.
const SOON: Duration = Duration::from_millis(50);
/// How long a worker is given to publish its own records.
const GRACE: TimeDelta = TimeDelta::seconds(2);
/// For how long it is looked at often: the grace, and some.
const ATTENTIVE: Duration = Duration::from_secs(3);
/// The pause before the database is asked again to tell of commits.
const LISTEN_AGAIN: Duration = Duration::from_secs(2);

/// The relay.
pub struct Relay {
    runtime: Runtime,
}

impl Relay {
    /// A relay over this database and stream.
    pub const fn new(runtime: Runtime) -> Self {
        Self { runtime }
    }

    /// Publishes until it is told to stop.
    async fn relay(&self, written: &Notify, stop: &CancellationToken) {
        let runtime = &self.runtime;
        let mut attentive_until = Instant::now();
        let mut looked = Instant::now();
        loop {
            let pause = if Instant::now() < attentive_until { SOON } else { EVERY };
            tokio::select! {
                () = stop.cancelled() => return,
                () = written.notified() => attentive_until = Instant::now() + ATTENTIVE,
                () = tokio::time::sleep(pause) => {}
            }
            let now = runtime.clock.now();
            match publish_said(&runtime.store, &*runtime.stream, now).await {
                Ok(0) => {}
                Ok(published) => debug!(published, "published what was written over the api"),
                Err(error) => warn!(error = %error, "records written over the api wait"),
            }
            if looked.elapsed() < EVERY {
                continue;
            }
            looked = Instant::now();
            let before = now - GRACE;
            match publish_left(&runtime.store, &*runtime.stream, Of::Everyone, before, now).await {
                Ok(0) => {}
                Ok(published) => debug!(published, "published what was left"),
                Err(error) => warn!(error = %error, "records left unpublished wait"),
            }
        }
    }

    /// Tells of commits. Without it they are seen all the same, a little later.
    async fn listen(&self, written: &Notify) -> Infallible {
        loop {
            let Err(error) = self.hear(written).await;
            debug!(error = %error, "the database does not tell of commits");
            tokio::time::sleep(LISTEN_AGAIN).await;
        }
    }

    async fn hear(&self, written: &Notify) -> Result<Infallible, Error> {
        let mut bell = Bell::listen(&self.runtime.store, Told::Outbox).await?;
        loop {
            bell.rings().await?;
            written.notify_one();
        }
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
        let written = Notify::new();
        tokio::select! {
            () = self.relay(&written, &stop) => Ok(()),
            never = self.listen(&written) => match never {},
        }
    }
}
