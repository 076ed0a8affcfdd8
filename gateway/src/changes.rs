//! Accounts are kept in memory for a while ([`crate::accounts`]); whoever changes one, in this process or another, has all
//! of them look it up anew. Without that they do so a minute later.

use std::{convert::Infallible, time::Duration};

use async_trait::async_trait;
use botbuilder_service::lifecycle::{Backoff, OnExit, Service, ServiceError};
use botbuilder_store::{
    Error,
    system::bell::{Bell, Of},
};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::Gateway;

/// Changes within so long are one: many of them do not have every account looked up many times.
const TOGETHER: Duration = Duration::from_millis(100);
/// The pause before the database is asked again to tell of changes.
const LISTEN_AGAIN: Duration = Duration::from_secs(2);

/// The service that hears of changes.
pub struct ChannelChanges {
    gateway: Gateway,
}

impl ChannelChanges {
    /// The service of this gateway.
    pub const fn new(gateway: Gateway) -> Self {
        Self { gateway }
    }

    async fn hear(&self) -> Result<Infallible, Error> {
        let mut bell = Bell::listen(&self.gateway.store, Of::Channels).await?;
        // What was changed while nobody listened.
        self.gateway.forget();
        loop {
            bell.rings().await?;
            self.gateway.forget();
            tokio::time::sleep(TOGETHER).await;
        }
    }

    async fn listen(&self) -> Infallible {
        loop {
            let Err(error) = self.hear().await;
            debug!(error = %error, "the database does not tell of changed channels");
            tokio::time::sleep(LISTEN_AGAIN).await;
        }
    }
}

#[async_trait]
impl Service for ChannelChanges {
    fn name(&self) -> &'static str {
        "channel changes"
    }

    fn on_exit(&self) -> OnExit {
        OnExit::Restart(Backoff::default())
    }

    async fn run(&mut self, stop: CancellationToken) -> Result<(), ServiceError> {
        tokio::select! {
            () = stop.cancelled() => Ok(()),
            never = self.listen() => match never {},
        }
    }
}
