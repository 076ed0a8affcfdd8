//! The job that puts new releases into installations with `auto_update`, as `POST /v1/installed-plugins/{id}/update` does
//! when a person asks: a release that wants more permissions waits for them, and one that the settings do not fit is left
//! alone until they do, with the reason in `error_message`.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use botbuilder_domain::{Clock, Ids, OrgId};
use botbuilder_service::lifecycle::{Service, ServiceError};
use botbuilder_store::{
    OrgScope, Store,
    audit::audit_logs::{self, Actor},
    platform::plugin_updates,
    plugins::plugin_installations::TABLE,
    system::events,
    table::rows,
};
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;
use tracing::warn;
use uuid::Uuid;

use super::{
    plugin_installations::{granted_or_waiting, held, id_in, latest, release, replaced},
    releases::{compared, text},
};
use crate::{
    auth::Client,
    error::ApiError,
    events::{By, of_act},
    resource::{
        act::{at, set},
        changes,
    },
};

/// How often new releases are looked for.
const EVERY: Duration = Duration::from_mins(5);
/// Installations of one page.
const PAGE: i64 = 200;

/// The job.
pub struct PluginUpdates {
    store: Store,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
}

impl PluginUpdates {
    /// The job over this database.
    pub fn new(store: Store, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Self {
        Self { store, clock, ids }
    }

    /// Looks at every installation that is behind. Returns how many were changed.
    pub async fn once(&self, stop: &CancellationToken) -> Result<usize, ApiError> {
        let (mut changed, mut after) = (0, None);
        loop {
            let mut tx = self.store.begin_admin().await?;
            let page = plugin_updates::behind(&mut tx, after, PAGE).await?;
            tx.commit().await?;
            for (org, id) in &page {
                if stop.is_cancelled() {
                    return Ok(changed);
                }
                match self.installation(*org, *id).await {
                    Ok(done) => changed += usize::from(done),
                    // It was uninstalled meanwhile.
                    Err(ApiError::NotFound) => {}
                    Err(error) => warn!(?error, installation = %id, "a plugin is updated later"),
                }
            }
            after = page.last().map(|(_, id)| *id);
            if after.is_none() {
                return Ok(changed);
            }
        }
    }

    /// Updates one installation. Whether anything changed.
    async fn installation(&self, org: OrgId, id: Uuid) -> Result<bool, ApiError> {
        let scope = OrgScope::of_service(org);
        let mut tx = self.store.begin(&scope).await?;
        let (before, known) = held(&mut tx, &scope, id).await?;
        let present = id_in(&known, "version_id");
        let newest = latest(&mut tx, &scope, &known).await?.filter(|newest| present != Some(*newest));
        let (Some(version), Some(true)) = (newest, known.get("auto_update").and_then(Value::as_bool)) else {
            return Ok(false);
        };
        let Some(next) = release(&mut tx, &scope, &known, version).await? else { return Ok(false) };
        if let Some(present) = present
            && let Some(present) = release(&mut tx, &scope, &known, present).await?
            && present.get("status") == Some(&json!("published"))
            && compared(text(&next, "version"), text(&present, "version")).is_le()
        {
            // Somebody put a later one in place than is offered to all.
            return Ok(false);
        }
        let (verb, values) = match replaced(&known, version, &next) {
            Ok(values) => granted_or_waiting(&known, version, &next, values),
            Err(ApiError::Refused(refusal)) => {
                let why =
                    format!("release {} is not put in place: {}", text(&next, "version"), refusal.detail);
                ("update_held", set([("error_message", json!(why))]))
            }
            Err(other) => return Err(other),
        };
        if is_same(&known, &values) {
            return Ok(false);
        }
        let row = rows::update(&mut tx, &scope, &TABLE, at(id), values).await?.ok_or(ApiError::NotFound)?;
        let act = changes::act(&TABLE, verb, Some(&before), Some(&row))?;
        let by = By { user: None, source: "system", request: None };
        let told = of_act(&act, &by, self.ids.next(), self.clock.now());
        events::note(&mut tx, &scope, self.ids.next(), &told).await?;
        let actor = Actor { label: Some("updates of plugins".to_owned()), ..Client::default().nobody() };
        audit_logs::append(&mut tx, Some(org), self.ids.next(), &actor, act).await?;
        tx.commit().await?;
        Ok(true)
    }
}

/// Whether a row has these values already.
fn is_same(row: &Map<String, Value>, values: &Map<String, Value>) -> bool {
    values.iter().all(|(name, value)| row.get(name).unwrap_or(&Value::Null) == value)
}

#[async_trait]
impl Service for PluginUpdates {
    fn name(&self) -> &'static str {
        "updates of plugins"
    }

    async fn run(&mut self, stop: CancellationToken) -> Result<(), ServiceError> {
        loop {
            if let Err(error) = self.once(&stop).await {
                warn!(?error, "plugins are updated later");
            }
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }
}
