//! Accounts are tried at their providers every hour, so that what stands on a channel is true of one by which nothing goes
//! out either: a token that was taken back is seen before somebody needs it, and a trouble that is over goes.

use std::time::Duration;

use async_trait::async_trait;
use botbuilder_adapter_kit::Act;
use botbuilder_domain::{ChannelId, OrgId};
use botbuilder_store::{
    Error, OrgScope, Tx,
    channels::channels::{self, Health, Opened},
};
use chrono::{DateTime, TimeDelta, Utc};
use tracing::warn;

use crate::visits::{Failed, Tools, Visit, Visits};

/// How old what stands on a channel may be.
const OLD: TimeDelta = TimeDelta::hours(1);
/// Most accounts of one round; the others are due at the next.
const MOST: i64 = 500;

/// The job.
pub type AccountChecks = Visits<Check>;

/// Tries an account.
#[derive(Debug, Default)]
pub struct Check;

#[async_trait]
impl Visit for Check {
    type Due = (OrgId, ChannelId);
    const NAME: &'static str = "account checks";
    const FIRST: Duration = Duration::from_mins(3);
    const EVERY: Duration = Duration::from_mins(5);

    async fn due(
        &self,
        tx: &mut Tx,
        now: DateTime<Utc>,
        after: Option<ChannelId>,
    ) -> Result<Vec<Self::Due>, Error> {
        // They are not in the order of their ids, and one that could not be tried is still due.
        if after.is_some() {
            return Ok(Vec::new());
        }
        channels::to_check(tx, now - OLD, MOST).await
    }

    async fn visit(&self, tools: &Tools, (org, channel): &Self::Due, opened: Opened) -> Result<bool, Failed> {
        let (scope, channel) = (OrgScope::of_service(*org), *channel);
        let trouble = tools.connecting.act(opened, Act::Check).await.err();
        let health = match &trouble {
            None => Health::Healthy,
            Some(trouble) if trouble.passes => Health::Degraded,
            Some(_) => Health::Down,
        };
        let failure = trouble.map(|trouble| (trouble.code, trouble.to_string()));
        let now = tools.gateway.clock.now();
        let mut tx = tools.gateway.store.begin(&scope).await?;
        let changed = channels::set_health(&mut tx, &scope, channel, health, failure.as_ref(), now).await?;
        if !changed {
            channels::checked(&mut tx, &scope, channel, now).await?;
        }
        tx.commit().await?;
        if changed {
            warn!(channel.id = %channel, health = health.as_str(), "health of the account changed");
        }
        Ok(changed)
    }
}
