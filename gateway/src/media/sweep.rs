//! Uploads that were never sent are removed after a day.

use std::time::Duration;

use async_trait::async_trait;
use botbuilder_service::lifecycle::{Backoff, OnExit, Service, ServiceError};
use botbuilder_store::{OrgScope, channels::media};
use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::Gateway;

/// How often it is looked whether there is anything to remove.
const EVERY: Duration = Duration::from_hours(1);
/// How long an upload can be sent.
const KEPT: TimeDelta = TimeDelta::hours(24);
/// Most uploads of one look.
const AT_ONCE: usize = 1_000;

/// The job.
pub struct Sweeper {
    gateway: Gateway,
}

impl Sweeper {
    /// A job of this gateway.
    pub const fn new(gateway: Gateway) -> Self {
        Self { gateway }
    }

    /// Removes what was uploaded more than a day ago and is in no message, flow or document. The answer is how many files
    /// that were.
    pub async fn look(&self) -> Result<usize, Failed> {
        let before = self.gateway.clock.now() - KEPT;
        let mut removed = 0;
        for upload in self.gateway.media.uploads_before(before, AT_ONCE).await? {
            let scope = OrgScope::of_service(upload.org);
            let mut tx = self.gateway.store.begin(&scope).await?;
            let used = media::is_used(&mut tx, &scope, &upload.sha256).await?;
            tx.commit().await?;
            if !used {
                self.gateway.media.remove(upload.org, &upload.sha256).await?;
                removed += 1;
            }
            self.gateway.media.forget_upload(&upload).await?;
        }
        Ok(removed)
    }
}

/// Why a look did not end.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// The place where files are kept fails.
    #[error(transparent)]
    Files(#[from] botbuilder_media::Error),
    /// The database fails.
    #[error(transparent)]
    Database(#[from] botbuilder_store::Error),
}

#[async_trait]
impl Service for Sweeper {
    fn name(&self) -> &'static str {
        "unsent uploads"
    }

    fn on_exit(&self) -> OnExit {
        OnExit::Restart(Backoff::default())
    }

    async fn run(&mut self, stop: CancellationToken) -> Result<(), ServiceError> {
        loop {
            match self.look().await {
                Ok(0) => {}
                Ok(removed) => info!(removed, "uploads that were never sent are gone"),
                Err(error) => warn!(error = %error, "unsent uploads are looked at again later"),
            }
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }
}
