//! Publishes messages that were sent in bulk, each when its turn has come. Their turns keep to the rate of their
//! account, so the dispatcher never has more of them in hand than it can send.

use std::time::Duration;

use async_trait::async_trait;
use botbuilder_service::lifecycle::{Backoff, OnExit, Service, ServiceError};
use botbuilder_store::system::{bulk_messages, outbox_events};
use botbuilder_stream::Record;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{Runtime, publish::LeftError};

/// How often it is looked.
const EVERY: Duration = Duration::from_millis(100);
/// Most records of one transaction.
const BATCH: i64 = 500;

/// The job.
pub struct Bulk {
    runtime: Runtime,
}

impl Bulk {
    /// The job over this database and stream.
    pub const fn new(runtime: Runtime) -> Self {
        Self { runtime }
    }

    /// Publishes what is due. Returns how many records that were.
    async fn publish_due(&self) -> Result<usize, LeftError> {
        let runtime = &self.runtime;
        let now = runtime.clock.now();
        let mut tx = runtime.store.begin_worker().await?;
        let rows = bulk_messages::due(&mut tx, now, BATCH).await?;
        let mut positions = Vec::with_capacity(rows.len());
        let mut records = Vec::with_capacity(rows.len());
        for row in rows {
            positions.push(row.position);
            records.push(Record::new(row.partition_key, row.payload.to_string()));
        }
        let published = records.len();
        if published > 0 {
            runtime.stream.append(crate::OUTBOUND, records).await?;
            fail::fail_point!("bulk.before_mark", |_| std::process::abort());
            // Published again if this is lost; the dispatcher recognises that.
            outbox_events::mark_published(&mut tx, &positions, now).await?;
        }
        tx.commit().await?;
        Ok(published)
    }
}

#[async_trait]
impl Service for Bulk {
    fn name(&self) -> &'static str {
        "bulk"
    }

    fn on_exit(&self) -> OnExit {
        OnExit::Restart(Backoff::default())
    }

    async fn run(&mut self, stop: CancellationToken) -> Result<(), ServiceError> {
        loop {
            match self.publish_due().await {
                // More may be due already.
                Ok(published) if published >= usize::try_from(BATCH).unwrap_or(usize::MAX) => continue,
                Ok(_) => {}
                Err(error) => warn!(error = %error, "messages sent in bulk wait"),
            }
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }
}
