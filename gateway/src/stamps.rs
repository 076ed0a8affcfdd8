//! When something last came in by a channel, and went out: noted in memory, and written once a minute for all channels, so
//! that no message costs a statement. A process that dies loses a minute of it.

use std::{
    collections::HashMap,
    mem,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use botbuilder_domain::{ChannelId, Inbound, OrgId};
use botbuilder_service::lifecycle::{Backoff, OnExit, Service, ServiceError};
use botbuilder_store::{
    Error, OrgScope,
    channels::stamps::{self, Stamp},
};
use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::Gateway;

/// How often is written.
const EVERY: Duration = Duration::from_mins(1);

/// What is not written yet.
#[derive(Debug, Default)]
pub struct Stamps(Mutex<HashMap<OrgId, HashMap<ChannelId, Stamp>>>);

impl Stamps {
    /// Something of a contact came in.
    pub fn came_in(&self, org: OrgId, channel: ChannelId, at: DateTime<Utc>) {
        self.note(org, channel, Stamp { inbound: Some(at), outbound: None });
    }

    /// A provider took something.
    pub fn went_out(&self, org: OrgId, channel: ChannelId, at: DateTime<Utc>) {
        self.note(org, channel, Stamp { inbound: None, outbound: Some(at) });
    }

    fn note(&self, org: OrgId, channel: ChannelId, stamp: Stamp) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = noted.entry(org).or_default().entry(channel).or_default();
        *known = known.and(stamp);
    }

    /// Writes what was noted. What the database does not take is noted again.
    pub async fn write(&self, gateway: &Gateway) -> Result<(), Error> {
        let noted = mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let mut failed = None;
        for (org, of_org) in noted {
            let of_org: Vec<(ChannelId, Stamp)> = of_org.into_iter().collect();
            if let Err(error) = write(gateway, org, &of_org).await {
                for (channel, stamp) in of_org {
                    self.note(org, channel, stamp);
                }
                failed = Some(error);
            }
        }
        failed.map_or(Ok(()), Err)
    }
}

async fn write(gateway: &Gateway, org: OrgId, stamps: &[(ChannelId, Stamp)]) -> Result<(), Error> {
    let scope = OrgScope::of_service(org);
    let mut tx = gateway.store.begin(&scope).await?;
    stamps::write(&mut tx, &scope, stamps).await?;
    tx.commit().await
}

/// Whether an event is something that a contact did, and not something that a network tells.
pub(crate) const fn is_of_contact(what: &Inbound) -> bool {
    matches!(
        what,
        Inbound::Message { .. }
            | Inbound::Part { .. }
            | Inbound::Postback { .. }
            | Inbound::Edit { .. }
            | Inbound::Delete { .. }
            | Inbound::Reaction { .. }
            | Inbound::Opened { .. }
            | Inbound::Unsupported { .. }
    )
}

/// The service that writes.
pub struct Stamping {
    gateway: Gateway,
}

impl Stamping {
    /// The service of this gateway.
    pub const fn new(gateway: Gateway) -> Self {
        Self { gateway }
    }
}

#[async_trait]
impl Service for Stamping {
    fn name(&self) -> &'static str {
        "channel stamps"
    }

    fn on_exit(&self) -> OnExit {
        OnExit::Restart(Backoff::default())
    }

    async fn run(&mut self, stop: CancellationToken) -> Result<(), ServiceError> {
        loop {
            let stopped = tokio::select! {
                () = stop.cancelled() => true,
                () = tokio::time::sleep(EVERY) => false,
            };
            if let Err(error) = self.gateway.stamps.write(&self.gateway).await {
                warn!(error = %error, "when channels were last used waits for the database");
            }
            if stopped {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use botbuilder_domain::Id;
    use chrono::TimeDelta;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn the_latest_of_each_stands() {
        let (stamps, org, channel) = (Stamps::default(), Id::new(Uuid::nil()), Id::new(Uuid::from_u128(1)));
        let at = |seconds| DateTime::<Utc>::UNIX_EPOCH + TimeDelta::seconds(seconds);
        stamps.came_in(org, channel, at(5));
        stamps.came_in(org, channel, at(3));
        stamps.went_out(org, channel, at(4));
        let noted = stamps.0.lock().unwrap();
        let stamp = Stamp { inbound: Some(at(5)), outbound: Some(at(4)) };
        assert_eq!(noted[&org], HashMap::from([(channel, stamp)]));
    }
}
