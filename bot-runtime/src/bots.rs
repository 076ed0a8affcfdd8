//! The bots' published versions. A version never changes, so its flow is kept once read; which version a new
//! conversation starts with, the bot's settings and the flows it may call are looked up again every few seconds.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use botbuilder_bots::orchestration_of;
use botbuilder_domain::{BotId, FlowId, VersionId};
use botbuilder_flow::{Bot, Flow, Library, Limits, Orchestration};
use botbuilder_store::{
    Error, OrgScope, Tx,
    bots::{bot_flows, entity_versions, flow_orchestrations},
};
use serde::Deserialize;
use tracing::error;

/// How long the answer to "which version is current" is believed.
const CURRENT_FOR: Duration = Duration::from_secs(2);
/// How long a bot's settings and the flows it may call are believed.
const SETTINGS_FOR: Duration = Duration::from_secs(10);
/// Most flows that a bot may come to call.
const CALLED_MAX: usize = 100;
/// How many times the usual limit a bot may set for itself.
const LIMIT_FACTOR: u32 = 4;

/// When something was looked up, and what was found.
type Looked<T> = (Instant, Option<T>);

/// A version that was read, and the flow it is a version of.
#[derive(Clone)]
struct Known {
    id: FlowId,
    flow: Arc<Flow>,
}

/// Loads and keeps published versions.
pub struct Bots {
    most: usize,
    limits: Limits,
    /// None where the version is gone or cannot be run.
    flows: Mutex<HashMap<VersionId, Option<Known>>>,
    ready: Mutex<HashMap<VersionId, Looked<Arc<Bot>>>>,
    current: Mutex<HashMap<BotId, Looked<VersionId>>>,
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
        Self { most, limits, flows: Mutex::default(), ready: Mutex::default(), current: Mutex::default() }
    }

    /// The version a new conversation with this bot starts with.
    pub async fn current(
        &self,
        tx: &mut Tx,
        scope: &OrgScope,
        bot: BotId,
    ) -> Result<Option<Arc<Bot>>, Error> {
        let known = fresh(&lock(&self.current), &bot, CURRENT_FOR);
        let version = if let Some((_, version)) = known {
            version
        } else {
            let version = bot_flows::current_version(tx, scope, bot).await?;
            lock(&self.current).insert(bot, (Instant::now(), version));
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
        if let Some((_, known)) = fresh(&lock(&self.ready), &version, SETTINGS_FOR) {
            return Ok(known);
        }
        let loaded = match self.flow(tx, scope, bot, version).await? {
            Some(flow) => self.load(tx, scope, bot, version, flow).await?.map(Arc::new),
            None => None,
        };
        let mut ready = lock(&self.ready);
        if ready.len() >= self.most {
            ready.clear();
        }
        ready.insert(version, (Instant::now(), loaded.clone()));
        Ok(loaded)
    }

    /// The same bot with these versions in its library as well: flows that were called before others were published.
    pub async fn with_called(
        &self,
        tx: &mut Tx,
        scope: &OrgScope,
        id: BotId,
        bot: Arc<Bot>,
        called: &[VersionId],
    ) -> Result<Arc<Bot>, Error> {
        if called.iter().all(|version| bot.library.version(*version).is_some()) {
            return Ok(bot);
        }
        let mut library = bot.library.clone();
        for version in called {
            if let Some(known) = self.flow(tx, scope, id, *version).await? {
                library.add(*version, known.flow);
            }
        }
        Ok(Arc::new(Bot::clone(&bot).with_library(library)))
    }

    /// The flow of a version.
    async fn flow(
        &self,
        tx: &mut Tx,
        scope: &OrgScope,
        bot: BotId,
        version: VersionId,
    ) -> Result<Option<Known>, Error> {
        if let Some(known) = lock(&self.flows).get(&version) {
            return Ok(known.clone());
        }
        let Some(published) = entity_versions::get_flow(tx, scope, bot, version).await? else {
            return Ok(None);
        };
        Ok(self.read(published.flow.into(), version, &published.definition))
    }

    /// Reads a definition, and keeps what came of it.
    fn read(&self, id: FlowId, version: VersionId, definition: &serde_json::Value) -> Option<Known> {
        let flow = match Flow::strict(definition) {
            Ok(flow) => Some(Known { id, flow: Arc::new(flow) }),
            Err(problems) => {
                error!(version.id = %version, ?problems, "published flow cannot be run");
                None
            }
        };
        let mut flows = lock(&self.flows);
        if flows.len() >= self.most {
            flows.clear();
        }
        flows.insert(version, flow.clone());
        flow
    }

    async fn load(
        &self,
        tx: &mut Tx,
        scope: &OrgScope,
        bot: BotId,
        version: VersionId,
        Known { id, flow }: Known,
    ) -> Result<Option<Bot>, Error> {
        let Some(known) = botbuilder_bots::known(tx, scope, bot).await? else { return Ok(None) };
        let orchestration = flow_orchestrations::active(tx, scope, bot).await?;
        let mut orchestration = orchestration.map(|active| orchestration_of(bot, active));
        let shows_flows = known.settings.experiments.values().any(|experiment| experiment.flow.is_some());
        if orchestration.is_none() && (shows_flows || known.settings.flows().next().is_some()) {
            // A conversation in a flow that an intent started, or that an experiment shows, begins anew with the default
            // flow.
            let entry = bot_flows::default(tx, scope, bot).await?.unwrap_or(id);
            orchestration = Some(Orchestration::none(entry.to_string()));
        }
        let mut open: Vec<String> = flow.calls().map(str::to_owned).collect();
        open.extend(known.settings.flows().map(str::to_owned));
        open.extend(orchestration.iter().flat_map(Orchestration::flows).map(str::to_owned));
        let shown: Vec<VersionId> = known.settings.versions().collect();
        let mut variants = Library::default();
        for version in shown {
            if let Some(variant) = self.flow(tx, scope, bot, version).await? {
                open.extend(variant.flow.calls().map(str::to_owned));
                variants.add(version, variant.flow);
            }
        }
        let library = self.library(tx, scope, bot, open, variants).await?;
        let limits = budget(self.limits, known.stored.get("budget"));
        let bot = Bot::of(version, flow, known.settings).with_limits(limits).with_library(library);
        Ok(Some(match orchestration {
            Some(orchestration) => bot.among(id.to_string(), Arc::new(orchestration)),
            None => bot,
        }))
    }

    /// These flows, and those that they may come to call, beside what is there.
    async fn library(
        &self,
        tx: &mut Tx,
        scope: &OrgScope,
        bot: BotId,
        mut open: Vec<String>,
        mut library: Library,
    ) -> Result<Library, Error> {
        let mut seen = Vec::new();
        while let Some(id) = open.pop() {
            if seen.contains(&id) || seen.len() >= CALLED_MAX {
                continue;
            }
            seen.push(id.clone());
            let Ok(called) = id.parse::<FlowId>() else { continue };
            let Some((version, definition)) = bot_flows::published(tx, scope, bot, called).await? else {
                continue;
            };
            let known = lock(&self.flows).get(&version).cloned();
            if let Some(known) = known.unwrap_or_else(|| self.read(called, version, &definition)) {
                open.extend(known.flow.calls().map(str::to_owned));
                library.publish(id, version, known.flow);
            }
        }
        Ok(library)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What was found, if it was looked up lately.
fn fresh<K: Eq + std::hash::Hash, T: Clone>(
    known: &HashMap<K, Looked<T>>,
    key: &K,
    within: Duration,
) -> Option<Looked<T>> {
    known.get(key).filter(|(since, _)| since.elapsed() < within).cloned()
}

/// `bots.settings.budget`: what a turn of this bot may do.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct OwnBudget {
    steps: Option<u32>,
    messages: Option<u32>,
    seconds: Option<u32>,
    calls: Option<u32>,
    tokens: Option<u64>,
    micros: Option<u64>,
}

/// The usual limits, with the bot's own in their places, as far as they are not beyond measure.
fn budget(usual: Limits, own: Option<&serde_json::Value>) -> Limits {
    let own = own.and_then(|json| OwnBudget::deserialize(json).ok()).unwrap_or_default();
    let small = |own: Option<u32>, usual: u32| {
        own.map_or(usual, |own| own.clamp(1, usual.saturating_mul(LIMIT_FACTOR)))
    };
    let large = |own: Option<u64>, usual: u64| {
        own.map_or(usual, |own| own.min(usual.saturating_mul(LIMIT_FACTOR.into())))
    };
    Limits {
        steps: small(own.steps, usual.steps),
        messages: small(own.messages, usual.messages),
        seconds: small(own.seconds, usual.seconds),
        calls: small(own.calls, usual.calls),
        tokens: large(own.tokens, usual.tokens),
        micros: large(own.micros, usual.micros),
        ..usual
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_bot_sets_its_own_limits_within_measure() {
        let usual = Limits::default();
        let own = json!({ "steps": 10, "messages": 100_000, "calls": 0, "tokens": 1 });
        let limits = budget(usual, Some(&own));
        assert_eq!((limits.steps, limits.messages, limits.calls, limits.tokens), (10, 256, 1, 1));
        assert_eq!(budget(usual, None), usual);
        assert_eq!(budget(usual, Some(&json!({ "steps": "many" }))), usual);
    }
}
