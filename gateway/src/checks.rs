//! Accounts are tried at their providers every hour, so that what stands on a channel is true of one by which nothing goes
//! out either: a token that was taken back is seen before somebody needs it, and a trouble that is over goes.

use std::time::Duration;

use async_trait::async_trait;
use botbuilder_adapter_kit::Act;
use botbuilder_domain::{ChannelId, OrgId};
use botbuilder_service::lifecycle::{Backoff, OnExit, Service, ServiceError};
use botbuilder_store::{
    Error, OrgScope,
    channels::channels::{self, Health},
    secret::RootKey,
};
use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{Gateway, connecting::Connecting};

/// How often it is looked which accounts are due.
const EVERY: Duration = Duration::from_mins(5);
/// The first time is not the moment of the start, in which everything else begins.
const FIRST: Duration = Duration::from_mins(3);
/// How old what stands on a channel may be.
const OLD: TimeDelta = TimeDelta::hours(1);
/// Most accounts of one look; the others are due at the next.
const MOST: i64 = 500;

/// The job.
pub struct AccountChecks {
    gateway: Gateway,
    connecting: Connecting,
    root: RootKey,
}

impl AccountChecks {
    /// The job of this gateway.
    pub const fn new(gateway: Gateway, connecting: Connecting, root: RootKey) -> Self {
        Self { gateway, connecting, root }
    }

    /// Tries the accounts that are due, until it is to stop. One that cannot be tried holds back no other.
    pub async fn look(&self, is_over: impl Fn() -> bool) -> Result<(), Error> {
        let before = self.gateway.clock.now() - OLD;
        let mut tx = self.gateway.store.begin_worker().await?;
        let due = channels::to_check(&mut tx, before, MOST).await?;
        tx.commit().await?;
        for (org, channel) in due {
            if is_over() {
                return Ok(());
            }
            if let Err(error) = self.one(org, channel).await {
                warn!(channel.id = %channel, error = %error, "account was not tried");
            }
        }
        Ok(())
    }

    async fn one(&self, org: OrgId, channel: ChannelId) -> Result<(), Error> {
        let scope = OrgScope::of_service(org);
        let mut tx = self.gateway.store.begin(&scope).await?;
        let opened = channels::open(&mut tx, &scope, &self.root, channel).await?;
        tx.commit().await?;
        let Some(opened) = opened.filter(|opened| opened.active) else { return Ok(()) };
        let trouble = self.connecting.act(opened, Act::Check).await.err();
        let health = match &trouble {
            None => Health::Healthy,
            Some(trouble) if trouble.passes => Health::Degraded,
            Some(_) => Health::Down,
        };
        let failure = trouble.map(|trouble| (trouble.code, trouble.to_string()));
        let now = self.gateway.clock.now();
        let mut tx = self.gateway.store.begin(&scope).await?;
        let changed = channels::set_health(&mut tx, &scope, channel, health, failure.as_ref(), now).await?;
        if !changed {
            channels::checked(&mut tx, &scope, channel, now).await?;
        }
        tx.commit().await?;
        if changed {
            warn!(channel.id = %channel, health = health.as_str(), "health of the account changed");
        }
        Ok(())
    }
}

#[async_trait]
impl Service for AccountChecks {
    fn name(&self) -> &'static str {
        "account checks"
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
            if let Err(error) = self.look(|| stop.is_cancelled()).await {
                warn!(error = %error, "checks of accounts wait for the database");
            }
        }
    }
}
