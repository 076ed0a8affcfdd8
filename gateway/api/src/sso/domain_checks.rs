//! Looking up whether a domain is proved: when somebody asks, and again every day.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use botbuilder_domain::Clock;
use botbuilder_service::lifecycle::{Service, ServiceError};
use botbuilder_sso::dns::{self, Resolver};
use botbuilder_store::{
    Error, OrgScope, Store,
    sso::domains::{self, Checked, Due},
};
use chrono::{DateTime, TimeDelta, Utc};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Below which name the record stands.
const LABEL: &str = "_botbuilder-challenge";
/// How long a proved domain is believed before it is looked up again.
const DAY: TimeDelta = TimeDelta::days(1);
/// How soon a domain that is not proved yet is looked up again, times how often that was.
const SOON: TimeDelta = TimeDelta::minutes(5);
/// A proved domain is over after this many look-ups in vain, one a day.
const MISSES: i32 = 3;
/// A domain that was never proved is given up after this many.
const TRIES: i32 = 30;
/// How long one look-up is nobody else's.
const LEASE: TimeDelta = TimeDelta::minutes(5);
/// How often it is looked whether one is due.
const EVERY: Duration = Duration::from_secs(30);

/// What was found at a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// The record is there.
    Proved,
    /// It is not; why, in words.
    Missing(String),
}

/// Looks a domain's record up.
pub async fn look_up(resolver: Option<&Resolver>, due: &Due) -> Found {
    let Some(resolver) = resolver else { return Found::Missing("no name server is configured".to_owned()) };
    let name = format!("{LABEL}.{}", due.domain);
    match resolver.texts(&name).await {
        Ok(texts) if texts.iter().any(|text| text.trim() == due.token) => Found::Proved,
        Ok(texts) if texts.is_empty() => Found::Missing(format!("{name} has no TXT record")),
        Ok(_) => Found::Missing(format!("the TXT record of {name} holds another text")),
        Err(error @ dns::Error::Name) => Found::Missing(error.to_string()),
        Err(error) => Found::Missing(format!("{name} cannot be looked up: {error}")),
    }
}

/// What becomes of a domain.
pub fn verdict<'f>(due: &Due, found: &'f Found, now: DateTime<Utc>) -> Checked<'f> {
    let failure = match found {
        Found::Proved => {
            return Checked { status: "verified", check_count: 0, failure: None, next: Some(now + DAY) };
        }
        Found::Missing(why) => Some(why.as_str()),
    };
    let check_count = due.check_count + 1;
    let (status, next) = match due.status.as_str() {
        "verified" if check_count < MISSES => ("verified", Some(now + DAY)),
        "verified" | "expired" => ("expired", None),
        _ if check_count < TRIES => ("pending", Some(now + SOON * check_count)),
        _ => ("failed", None),
    };
    Checked { status, check_count, failure, next }
}

/// The job that looks domains up again. An organization whose domain is over is no longer enforced: who signs in by
/// its address is asked for a password again.
pub struct DomainChecks {
    store: Store,
    resolver: Option<Resolver>,
    clock: Arc<dyn Clock>,
}

impl DomainChecks {
    /// The job, with this name server.
    pub fn new(store: Store, resolver: Option<Resolver>, clock: Arc<dyn Clock>) -> Self {
        Self { store, resolver, clock }
    }

    /// Looks up what is due. Returns how many there were.
    pub async fn round(&self) -> Result<usize, Error> {
        let now = self.clock.now();
        let mut tx = self.store.begin_worker().await?;
        let due = domains::claim(&mut tx, 20, now, now + LEASE).await?;
        tx.commit().await?;
        for due in &due {
            let found = look_up(self.resolver.as_ref(), due).await;
            let checked = verdict(due, &found, now);
            if checked.status != due.status {
                info!(domain.id = %due.id, status = checked.status, "a domain's state changed");
            }
            let mut tx = self.store.begin(&OrgScope::of_service(due.org)).await?;
            match domains::checked(&mut tx, due.id, &checked, now).await {
                // Somebody else proved it first; it stays as it is and comes up again.
                Err(Error::Conflict { .. }) => {}
                other => {
                    other?;
                    tx.commit().await?;
                }
            }
        }
        Ok(due.len())
    }
}

#[async_trait]
impl Service for DomainChecks {
    fn name(&self) -> &'static str {
        "domain checks"
    }

    async fn run(&mut self, stop: CancellationToken) -> Result<(), ServiceError> {
        loop {
            if let Err(error) = self.round().await {
                warn!(error = %error, "domains could not be looked up");
            }
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use botbuilder_domain::OrgId;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_proved_domain_is_over_after_three_misses_and_one_hit_begins_anew() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let mut due = Due {
            id: Uuid::nil(),
            org: OrgId::new(Uuid::nil()),
            domain: "example.org".to_owned(),
            token: "t".to_owned(),
            status: "verified".to_owned(),
            method: "dns_txt".to_owned(),
            check_count: 0,
        };
        let missing = Found::Missing("gone".to_owned());
        for (expected, next) in
            [("verified", Some(now + DAY)), ("verified", Some(now + DAY)), ("expired", None)]
        {
            let checked = verdict(&due, &missing, now);
            assert_eq!((checked.status, checked.next, checked.failure), (expected, next, Some("gone")));
            due.check_count = checked.check_count;
        }
        let checked = verdict(&due, &Found::Proved, now);
        assert_eq!((checked.status, checked.check_count), ("verified", 0));
        due.status = "pending".to_owned();
        due.check_count = TRIES - 1;
        assert_eq!(verdict(&due, &missing, now).status, "failed");
    }
}
