//! A bot: the flow of one published version, its texts, its limits.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use botbuilder_domain::{Content, VersionId};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::{
    authored::{IntentAnswer, Keyword, Messages},
    circumstances::Once,
    experiment::Experiment,
    expression::Value,
    flow::Flow,
    hours::BusinessHours,
    orchestration::Orchestration,
    problem::Problem,
    session::Session,
};

/// What a bot is, for one version. It does not change; the runtime caches and shares it.
#[derive(Debug, Clone)]
pub struct Bot {
    /// The version of the flow.
    pub version: VersionId,
    /// The flow.
    pub flow: Arc<Flow>,
    /// The flows that it may call.
    pub library: Library,
    /// The bot's own texts.
    pub settings: Settings,
    /// How much a turn may do.
    pub limits: Limits,
    /// The id of the flow, by which an orchestration knows it.
    pub flow_id: Option<String>,
    /// How other flows of the bot follow this one.
    pub orchestration: Option<Arc<Orchestration>>,
    /// What [`Bot::circumstances`] made.
    pub(crate) kept: Once,
}

/// The texts that belong to the bot rather than to its flow: what `bot_messages` and
/// `bots.fallback_message` hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Sent when a turn fails and its node has no `error` port.
    pub fallback: Content,
    /// What is said of itself.
    #[serde(skip_serializing_if = "Messages::is_empty")]
    pub messages: Messages,
    /// Answers to single words, the more important first.
    pub keywords: Vec<Keyword>,
    /// Intents that have an answer of their own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub intents: Vec<IntentAnswer>,
    /// The language the bot's texts are in.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub language: String,
    /// Whether conversations may be handed to a person.
    pub handoff: bool,
    /// When somebody works, for `is_open()` and its kin.
    pub hours: Option<BusinessHours>,
    /// `bot` in expressions: `bots.settings.constants`.
    pub constants: Value,
    /// The bot's experiments that are running, by their ids.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub experiments: BTreeMap<String, Experiment>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            fallback: Content::text("Sorry, something went wrong. Please write again to start over."),
            messages: Messages::default(),
            keywords: Vec::new(),
            intents: Vec::new(),
            language: String::new(),
            handoff: true,
            hours: None,
            constants: Value::Null,
            experiments: BTreeMap::new(),
        }
    }
}

impl Settings {
    /// The flows that intents start, by their ids; one may be named more than once.
    pub fn flows(&self) -> impl Iterator<Item = &str> {
        self.intents.iter().filter_map(|answer| answer.flow.as_deref())
    }

    /// The versions of flows that experiments show.
    pub fn versions(&self) -> impl Iterator<Item = VersionId> + '_ {
        let variants = self.experiments.values().flat_map(|experiment| &experiment.variants);
        variants.filter_map(|variant| variant.version)
    }

    /// With this fallback, or our own where the bot has none, and no keywords.
    pub fn with_fallback(fallback: Option<String>) -> Self {
        let own = Self::default();
        Self { fallback: fallback.map_or_else(|| own.fallback.clone(), Content::text), ..own }
    }
}

/// How much one turn, and one session, may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Nodes entered in a turn.
    pub steps: u32,
    /// Messages sent in a turn. The fallback message comes on top.
    pub messages: u32,
    /// Questions asked outside in a turn.
    pub calls: u32,
    /// Seconds from the beginning of a turn to the last answer it takes.
    pub seconds: u32,
    /// Tokens of models in a turn.
    pub tokens: u64,
    /// What a turn may cost, in millionths of the currency's major unit.
    pub micros: u64,
    /// Flows that may be in each other's calls at a time.
    pub nesting: usize,
    /// Units of [`crate::expression::Budget`] in a turn.
    pub cost: u64,
    /// Longest text of a message, in bytes; a longer one is cut.
    pub text_bytes: usize,
    /// Longest text in a variable, in bytes; a longer one is cut.
    pub value_bytes: usize,
    /// All variables of a session together, in bytes of JSON. With the rest of the session, which takes less
    /// than a kilobyte, this keeps it below 16 KiB.
    pub variables_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            steps: 250,
            messages: 64,
            calls: 20,
            seconds: 30,
            tokens: 50_000,
            micros: 500_000,
            nesting: 8,
            cost: 1_000_000,
            text_bytes: 16_384,
            value_bytes: 4_096,
            variables_bytes: 15 * 1_024,
        }
    }
}

/// Flows that may be called, by their ids and by their versions.
#[derive(Debug, Clone, Default)]
pub struct Library {
    current: HashMap<String, VersionId>,
    versions: HashMap<VersionId, Arc<Flow>>,
}

impl Library {
    /// Adds a version of a flow that is at work somewhere.
    pub fn add(&mut self, version: VersionId, flow: Arc<Flow>) {
        self.versions.insert(version, flow);
    }

    /// Adds the version of a flow that new calls take.
    pub fn publish(&mut self, id: impl Into<String>, version: VersionId, flow: Arc<Flow>) {
        self.current.insert(id.into(), version);
        self.add(version, flow);
    }

    /// The flow of that id, as new calls take it.
    pub fn get(&self, id: &str) -> Option<Arc<Flow>> {
        self.versions.get(self.current.get(id)?).map(Arc::clone)
    }

    /// The versions that new calls take, by the ids of their flows.
    pub fn current(&self) -> impl Iterator<Item = (&str, VersionId)> {
        self.current.iter().map(|(id, version)| (id.as_str(), *version))
    }

    /// The flow that a call of that id runs.
    pub(crate) fn called(&self, id: &str) -> Option<(VersionId, &Flow)> {
        let version = *self.current.get(id)?;
        Some((version, self.version(version)?))
    }

    /// The flow of that version, shared, and the id under which it is called.
    fn shared(&self, version: VersionId) -> Option<(Arc<Flow>, Option<&str>)> {
        let flow = Arc::clone(self.versions.get(&version)?);
        let id = self.current.iter().find(|(_, current)| **current == version);
        Some((flow, id.map(|(id, _)| id.as_str())))
    }

    /// Every flow.
    pub(crate) fn flows(&self) -> impl Iterator<Item = &Flow> {
        self.versions.values().map(|flow| &**flow)
    }

    /// That version.
    pub fn version(&self, version: VersionId) -> Option<&Flow> {
        self.versions.get(&version).map(|flow| &**flow)
    }
}

impl Bot {
    /// A bot of a flow that was read before.
    pub fn of(version: VersionId, flow: Arc<Flow>, settings: Settings) -> Self {
        let (library, limits) = (Library::default(), Limits::default());
        let kept = Once::default();
        Self { version, flow, library, settings, limits, flow_id: None, orchestration: None, kept }
    }

    /// The same bot with flows to call.
    #[must_use]
    pub fn with_library(self, library: Library) -> Self {
        Self { library, kept: Once::default(), ..self }
    }

    /// The same bot in the version that a conversation runs, as far as its library has it: another flow of an
    /// orchestration.
    #[must_use]
    pub fn running(&self, session: &Session) -> Cow<'_, Self> {
        let other = session.version().filter(|version| *version != self.version);
        let found = other.and_then(|version| Some((version, self.library.shared(version)?)));
        match found {
            Some((version, (flow, id))) => {
                Cow::Owned(Self { version, flow, flow_id: id.map(str::to_owned), ..self.clone() })
            }
            None => Cow::Borrowed(self),
        }
    }

    /// The same bot as one flow, of that id, of several. They are all in its library, under their ids.
    #[must_use]
    pub fn among(self, flow_id: impl Into<String>, orchestration: Arc<Orchestration>) -> Self {
        Self {
            flow_id: Some(flow_id.into()),
            orchestration: Some(orchestration),
            kept: Once::default(),
            ..self
        }
    }

    /// A bot from the definition of a published version. Returns every problem at once.
    pub fn new(version: VersionId, definition: &Json, settings: Settings) -> Result<Self, Vec<Problem>> {
        let flow = Flow::strict(definition)?;
        Ok(Self::of(version, Arc::new(flow), settings))
    }

    /// A bot from a draft, to be tested: problems that do not stop it from running are let pass.
    pub fn draft(version: VersionId, definition: &Json, settings: Settings) -> Result<Self, Vec<Problem>> {
        match Flow::draft(definition) {
            (Some(flow), _) => Ok(Self::of(version, Arc::new(flow), settings)),
            (None, problems) => Err(problems),
        }
    }

    /// The same bot with other limits.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, kept: Once::default(), ..self }
    }
}
