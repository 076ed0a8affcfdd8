//! The bots' published versions. A version never changes, so it is kept once loaded; which version a new
//! conversation starts with is looked up again every few seconds.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use botbuilder_domain::{BotId, VersionId};
use botbuilder_flow::{Bot, Limits, Settings};
use botbuilder_store::{
    Error, OrgScope, Tx,
    bots::{bot_flows, entity_versions},
};
use tracing::error;

/// How long the answer to "which version is current" is believed.
const CURRENT_FOR: Duration = Duration::from_secs(2);
/// Loads and keeps published versions.
pub struct Bots {
    most: usize,
    limits: Limits,
    versions: Mutex<HashMap<VersionId, Option<Arc<Bot>>>>,
    current: Mutex<HashMap<BotId, (Instant, Option<VersionId>)>>,
}

impl Default for Bots {
    fn default() -> Self {
        Self::new(10_000, Limits::default())
    }
}

impl Bots {
    /// Keeps so many versions at most, and lets a turn of each do so much. Beyond it all are dropped: they are loaded
    /// again as they are needed.
    pub fn new(most: usize, limits: Limits) -> Self {
        Self { most, limits, versions: Mutex::default(), current: Mutex::default() }
    }

    /// The version a new conversation with this bot starts with.
    pub async fn current(
        &self,
        tx: &mut Tx,
        scope: &OrgScope,
        bot: BotId,
    ) -> Result<Option<Arc<Bot>>, Error> {
        let known = {
            let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
            current.get(&bot).filter(|(since, _)| since.elapsed() < CURRENT_FOR).map(|(_, version)| *version)
        };
        let version = if let Some(version) = known {
            version
        } else {
            let version = bot_flows::current_version(tx, scope, bot).await?;
            let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
            current.insert(bot, (Instant::now(), version));
            version
        };
        match version {
            Some(version) => self.version(tx, scope, bot, version).await,
            None => Ok(None),
        }
    }

    /// That version of the bot. None where it is gone or cannot be run; the log says why.
    pub async fn version(
        &self,
        tx: &mut Tx,
        scope: &OrgScope,
        bot: BotId,
        version: VersionId,
    ) -> Result<Option<Arc<Bot>>, Error> {
        if let Some(known) = self.versions.lock().unwrap_or_else(PoisonError::into_inner).get(&version) {
            return Ok(known.clone());
        }
        let loaded = match entity_versions::get_flow(tx, scope, bot, version).await? {
            None => None,
            Some(published) => {
                let settings = Settings::with_fallback(published.fallback);
                match Bot::new(version, &published.definition, settings) {
                    Ok(bot) => Some(Arc::new(bot.with_limits(self.limits))),
                    Err(problems) => {
                        error!(bot.id = %bot, version.id = %version, ?problems, "published flow cannot be run");
                        None
                    }
                }
            }
        };
        let mut versions = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
        if versions.len() >= self.most {
            versions.clear();
        }
        versions.insert(version, loaded.clone());
        Ok(loaded)
    }
}
