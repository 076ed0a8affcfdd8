//! Templates are read from their providers every hour: what a notification did not tell, this does.

use std::time::Duration;

use async_trait::async_trait;
use botbuilder_adapter_kit::{Act, Trouble};
use botbuilder_domain::{ChannelId, OrgId};
use botbuilder_service::lifecycle::{Backoff, OnExit, Service, ServiceError};
use botbuilder_store::{
    Error, OrgScope,
    channels::{channel_templates, channels},
    secret::RootKey,
};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::{Gateway, connecting::Connecting};

/// How often.
const EVERY: Duration = Duration::from_hours(1);
/// The first time is not the moment of the start, in which everything else begins.
const FIRST: Duration = Duration::from_mins(2);
/// Most channels of one look at the database.
const PAGE: i64 = 100;

/// The job.
pub struct TemplateSync {
    gateway: Gateway,
    connecting: Connecting,
    root: RootKey,
}

/// Why a channel's templates were not read.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Store(#[from] Error),
    #[error(transparent)]
    Provider(#[from] Trouble),
}

impl TemplateSync {
    /// The job of this gateway.
    pub const fn new(gateway: Gateway, connecting: Connecting, root: RootKey) -> Self {
        Self { gateway, connecting, root }
    }

    /// Reads the templates of every channel that has some. A channel that cannot be read holds back no other.
    async fn all(&self, stop: &CancellationToken) -> Result<(), Error> {
        let mut after = None;
        loop {
            let mut tx = self.gateway.store.begin_worker().await?;
            let page = channel_templates::channels(&mut tx, after, PAGE).await?;
            tx.commit().await?;
            let Some((_, last)) = page.last() else { return Ok(()) };
            after = Some(*last);
            for (org, channel) in page {
                if stop.is_cancelled() {
                    return Ok(());
                }
                if let Err(error) = self.one(org, channel).await {
                    warn!(channel.id = %channel, error = %error, "templates were not read");
                }
            }
        }
    }

    async fn one(&self, org: OrgId, channel: ChannelId) -> Result<(), Failed> {
        let scope = OrgScope::of_service(org);
        let mut tx = self.gateway.store.begin(&scope).await?;
        let opened = channels::open(&mut tx, &scope, &self.root, channel).await?;
        tx.commit().await?;
        let Some(opened) = opened.filter(|opened| opened.active) else { return Ok(()) };
        let Some(templates) = self.connecting.act(opened, Act::List(None)).await?.templates else {
            return Ok(());
        };
        let (given, now) = (json!(templates), self.gateway.clock.now());
        let mut tx = self.gateway.store.begin(&scope).await?;
        let synced = channel_templates::sync(&mut tx, &scope, channel, &given, true, now).await?;
        tx.commit().await?;
        let channel_templates::Synced { added, updated, gone } = synced;
        debug!(channel.id = %channel, added, updated, gone, "templates were read");
        Ok(())
    }
}

#[async_trait]
impl Service for TemplateSync {
    fn name(&self) -> &'static str {
        "templates"
    }

    fn on_exit(&self) -> OnExit {
        OnExit::Restart(Backoff::default())
    }

    async fn run(&mut self, stop: CancellationToken) -> Result<(), ServiceError> {
        let mut wait = FIRST;
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(wait) => {}
            }
            wait = EVERY;
            if let Err(error) = self.all(&stop).await {
                warn!(error = %error, "templates wait for the database");
            }
        }
    }
}
