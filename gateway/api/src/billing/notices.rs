//! The job that tells owners and admins when most of a plan's limit is used, and when all of it is: once a month each.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use botbuilder_domain::{Clock, Ids, OrgId};
use botbuilder_service::lifecycle::{Service, ServiceError};
use botbuilder_store::{
    Error, OrgScope, Store,
    billing::notices::{self, Used},
    integrations::email_notifications::{self, Category, New},
    secret::{DataKeys, RootKey},
    tenancy::organization_members,
};
use serde_json::{Map, json};
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// How often limits are looked at.
const EVERY: Duration = Duration::from_mins(10);
/// Organizations of one page.
const ORGANIZATIONS: i64 = 200;
/// At how much of a limit people are told, in percent, the highest first.
const TOLD_AT: [i64; 2] = [100, 80];

/// The job.
pub struct LimitNotices {
    store: Store,
    keys: DataKeys,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
}

impl LimitNotices {
    /// The job over this database.
    pub fn new(store: Store, root: &RootKey, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Self {
        Self { store, keys: root.platform_keys(), clock, ids }
    }

    /// Looks at every organization. Returns how many mails were queued.
    pub async fn once(&self, stop: &CancellationToken) -> Result<usize, Error> {
        let (mut queued, mut after) = (0, None);
        loop {
            let mut tx = self.store.begin_admin().await?;
            let page = notices::organizations(&mut tx, after, ORGANIZATIONS).await?;
            tx.commit().await?;
            for org in &page {
                if stop.is_cancelled() {
                    return Ok(queued);
                }
                queued += self.organization(*org).await?;
            }
            after = page.last().copied();
            if after.is_none() {
                return Ok(queued);
            }
        }
    }

    async fn organization(&self, org: OrgId) -> Result<usize, Error> {
        let scope = OrgScope::of_service(org);
        let now = self.clock.now();
        let mut tx = self.store.begin(&scope).await?;
        let full = notices::used(&mut tx, &scope, now).await?.into_iter();
        let full: Vec<_> = full.filter_map(|used| reached(&used).map(|percent| (used, percent))).collect();
        if full.is_empty() {
            tx.commit().await?;
            return Ok(0);
        }
        let people = organization_members::administrators(&mut tx, &scope).await?;
        let mut queued = 0;
        for (used, percent) in &full {
            for person in &people {
                let month = now.format("%Y-%m");
                let key = format!("limit:{org}:{}:{percent}:{month}:{}", used.limit, person.user);
                let mail = New {
                    id: self.ids.next(),
                    org: Some(org),
                    user: Some(person.user),
                    to: &person.email,
                    from: None,
                    template: "plan_limit",
                    locale: &person.locale,
                    variables: json!({
                        "limit": used.limit, "percent": percent,
                        "used": used.measured.used, "most": used.measured.limit,
                    }),
                    secrets: Map::new(),
                    category: Category::Billing,
                };
                queued += usize::from(
                    email_notifications::insert_once(&mut tx, &self.keys, mail, &key, now).await?,
                );
            }
        }
        tx.commit().await?;
        Ok(queued)
    }
}

/// The highest of the marks that a limit has reached.
fn reached(used: &Used) -> Option<i64> {
    let most = i128::from(used.measured.limit?);
    let hundredfold = i128::from(used.measured.used) * 100;
    TOLD_AT.into_iter().find(|percent| hundredfold >= most * i128::from(*percent))
}

#[async_trait]
impl Service for LimitNotices {
    fn name(&self) -> &'static str {
        "limit notices"
    }

    async fn run(&mut self, stop: CancellationToken) -> Result<(), ServiceError> {
        loop {
            if let Err(error) = self.once(&stop).await {
                warn!(%error, "limits of plans are looked at later");
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
    use botbuilder_store::billing::limits::Measured;

    use super::*;

    #[test]
    fn people_are_told_at_four_fifths_and_at_the_end() {
        let used = |used, limit| reached(&Used { limit: "x".to_owned(), measured: Measured { limit, used } });
        assert_eq!(used(79, Some(100)), None);
        assert_eq!(used(80, Some(100)), Some(80));
        assert_eq!(used(99, Some(100)), Some(80));
        assert_eq!(used(250, Some(100)), Some(100));
        assert_eq!(used(i64::MAX, Some(i64::MAX)), Some(100));
        assert_eq!(used(5, None), None);
    }
}
