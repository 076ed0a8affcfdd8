//! The job behind the rotation of keys: seals anew what older keys sealed, a batch in a transaction, and retires a key
//! that nothing uses any more. It may be ended anywhere and goes on where it was; several processes share the work row
//! by row.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use botbuilder_domain::Clock;
use botbuilder_service::lifecycle::{Service, ServiceError};
use botbuilder_store::{
    Error, OrgScope, Store,
    platform::resealing::{self, COLUMNS},
    secret::RootKey,
    tenancy::organizations,
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

/// How often it is looked whether there is work.
const EVERY: Duration = Duration::from_secs(10);
/// Secrets of one transaction.
const BATCH: i64 = 200;
/// Organizations of one look.
const ORGANIZATIONS: i64 = 100;

/// The job.
pub struct Resealing {
    store: Store,
    root: RootKey,
    clock: Arc<dyn Clock>,
}

impl Resealing {
    /// The job over this database.
    pub fn new(store: Store, root: RootKey, clock: Arc<dyn Clock>) -> Self {
        Self { store, root, clock }
    }

    /// Does what there is to do. Returns how many secrets were sealed anew.
    pub async fn once(&self, stop: &CancellationToken) -> Result<u64, Error> {
        let mut tx = self.store.begin_admin().await?;
        let pending = resealing::pending(&mut tx, ORGANIZATIONS).await?;
        tx.commit().await?;
        let mut done = 0;
        for org in pending {
            let scope = OrgScope::of_service(org);
            match self.organization(&scope, stop).await {
                Ok(sealed) => done += sealed,
                Err(error @ Error::Unavailable(_)) => return Err(error),
                // One secret that does not open must not keep the others from theirs. Its key stays.
                Err(error) => error!(organization.id = %org, %error, "secrets cannot be sealed anew"),
            }
        }
        Ok(done)
    }

    async fn organization(&self, scope: &OrgScope, stop: &CancellationToken) -> Result<u64, Error> {
        let mut done = 0;
        for column in COLUMNS {
            while !stop.is_cancelled() {
                let mut tx = self.store.begin_admin().await?;
                let keys = organizations::data_keys(&mut tx, scope, &self.root).await?;
                let sealed = resealing::reseal(&mut tx, scope, column, &keys, BATCH).await?;
                tx.commit().await?;
                done += sealed;
                if sealed == 0 {
                    break;
                }
            }
        }
        let mut tx = self.store.begin_admin().await?;
        let is_retired = resealing::retire(&mut tx, scope, self.clock.now()).await?;
        tx.commit().await?;
        if done > 0 || is_retired {
            info!(organization.id = %scope.org(), sealed = done, retired = is_retired, "secrets were sealed anew");
        }
        Ok(done)
    }
}

#[async_trait]
impl Service for Resealing {
    fn name(&self) -> &'static str {
        "resealing"
    }

    async fn run(&mut self, stop: CancellationToken) -> Result<(), ServiceError> {
        loop {
            if let Err(error) = self.once(&stop).await {
                warn!(%error, "secrets are not sealed anew at the moment");
            }
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }
}
