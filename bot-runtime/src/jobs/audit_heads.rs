//! Says every hour in the log where each audit chain ends. Whoever keeps the log elsewhere can tell later whether somebody
//! with access to the database wrote the chain anew: `GET /v1/audit/verify` names the same number and hash.

use std::time::Duration;

use async_trait::async_trait;
use botbuilder_service::lifecycle::{Backoff, OnExit, Service, ServiceError};
use botbuilder_store::{Error, audit::audit_chain_heads};
use chrono::{DateTime, TimeDelta, Utc};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::Runtime;

/// How often it is said.
const EVERY: Duration = Duration::from_hours(1);
/// How far back the first look goes: chains that nobody wrote to since were said by whoever ran before.
const FIRST: TimeDelta = TimeDelta::hours(2);
/// Chains of one look at the database.
const BATCH: i64 = 1_000;

/// The job.
pub struct AuditHeads {
    runtime: Runtime,
}

impl AuditHeads {
    /// It, over this database.
    pub const fn new(runtime: Runtime) -> Self {
        Self { runtime }
    }

    /// Says the ends of the chains that grew since then. Returns how many.
    pub async fn look(&self, since: DateTime<Utc>) -> Result<usize, Error> {
        let (mut after, mut said) = (None, 0);
        loop {
            let mut tx = self.runtime.store.begin_purge().await?;
            let heads = audit_chain_heads::since(&mut tx, since, after, BATCH).await?;
            tx.commit().await?;
            let Some(last) = heads.last() else { return Ok(said) };
            after = Some(last.chain);
            said += heads.len();
            for head in &heads {
                info!(audit.chain = %head.chain, audit.seq = head.seq, audit.hash = head.hash, "end of an audit chain");
            }
        }
    }
}

#[async_trait]
impl Service for AuditHeads {
    fn name(&self) -> &'static str {
        "audit heads"
    }

    fn on_exit(&self) -> OnExit {
        OnExit::Restart(Backoff::default())
    }

    async fn run(&mut self, stop: CancellationToken) -> Result<(), ServiceError> {
        let mut since = self.runtime.clock.now() - FIRST;
        loop {
            let now = self.runtime.clock.now();
            match self.look(since).await {
                Ok(_) => since = now,
                Err(error) => warn!(error = %error, "the ends of audit chains are said later"),
            }
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }
}
