//! Retention: removes what is over, and sees to it that next month's partitions are there.

use std::time::Duration;

use async_trait::async_trait;
use botbuilder_service::lifecycle::{Backoff, OnExit, Service, ServiceError};
use botbuilder_store::{Error, system::retention};
use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::uncertain;
use crate::Runtime;

/// How often it looks. Partitions are made months ahead, so a missed look costs nothing.
const EVERY: Duration = Duration::from_mins(10);
/// Rows removed by one statement: small enough to hold no lock for long.
const BATCH: i64 = 5000;
/// How long a published record of the outbox is kept, for whoever wonders.
const OUTBOX_KEPT: TimeDelta = TimeDelta::hours(24);
/// How long a processed callback is kept for diagnosis.
const WEBHOOKS_KEPT: TimeDelta = TimeDelta::days(14);
/// How long a session that is over is kept: reuse of its refresh token is still recognised.
const SESSIONS_KEPT: TimeDelta = TimeDelta::days(30);
/// How long a link that is over is kept.
const LINKS_KEPT: TimeDelta = TimeDelta::days(7);
/// How long notes of calls to integrations are kept.
const CALLS_KEPT: TimeDelta = TimeDelta::days(30);
/// How long a report about an uncertain message is waited for.
const UNCERTAIN_FOR: TimeDelta = TimeDelta::hours(24);

/// The job.
pub struct Retention {
    runtime: Runtime,
}

impl Retention {
    /// Retention over this database.
    pub const fn new(runtime: Runtime) -> Self {
        Self { runtime }
    }

    async fn look(&self, stop: &CancellationToken) -> Result<(), Error> {
        let store = &self.runtime.store;
        let mut tx = store.begin_purge().await?;
        let made = retention::ensure_partitions(&mut tx).await?;
        tx.commit().await?;
        if made > 0 {
            info!(made, "made partitions ahead of their month");
        }
        let now = self.runtime.clock.now();
        let given_up = uncertain::give_up(&self.runtime, now - UNCERTAIN_FOR, now).await?;
        if given_up > 0 {
            warn!(given_up, "uncertain messages count as failed");
        }
        let turns_kept = self.runtime.options.turns_kept;
        loop {
            let mut tx = store.begin_purge().await?;
            let removed = [
                retention::prune_outbox(&mut tx, now - OUTBOX_KEPT, BATCH).await?,
                retention::prune_dedupe_keys(&mut tx, now, BATCH).await?,
                retention::prune_webhooks(&mut tx, now - WEBHOOKS_KEPT, BATCH).await?,
                retention::prune_idempotency_keys(&mut tx, now, BATCH).await?,
                retention::prune_sessions(&mut tx, now - SESSIONS_KEPT, BATCH).await?,
                retention::prune_links(&mut tx, now - LINKS_KEPT, BATCH).await?,
                retention::prune_integration_logs(&mut tx, now - CALLS_KEPT, BATCH).await?,
                retention::prune_conversation_turns(&mut tx, now - turns_kept, BATCH).await?,
                // Its use is noted once a day.
                retention::prune_turn_circumstances(&mut tx, now - turns_kept - TimeDelta::days(2), BATCH)
                    .await?,
            ];
            tx.commit().await?;
            if removed.iter().all(|removed| *removed == 0) || stop.is_cancelled() {
                return Ok(());
            }
        }
    }
}

#[async_trait]
impl Service for Retention {
    fn name(&self) -> &'static str {
        "retention"
    }

    fn on_exit(&self) -> OnExit {
        OnExit::Restart(Backoff::default())
    }

    async fn run(&mut self, stop: CancellationToken) -> Result<(), ServiceError> {
        loop {
            if let Err(error) = self.look(&stop).await {
                warn!(error = %error, "retention waits");
            }
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }
}
