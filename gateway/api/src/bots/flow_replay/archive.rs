//! Recorded conversations with the bots that had them.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use botbuilder_domain::{ConversationId, VersionId};
use botbuilder_flow::{
    Bot, Flow, Session, circumstances::Circumstances, recording::Digest, replay::Recorded,
};
use botbuilder_store::{
    OrgScope, Tx,
    bots::entity_versions,
    flows::{
        conversation_turns::{self, Turn},
        turn_circumstances,
    },
};
use serde::Deserialize as _;
use serde_json::Value;
use uuid::Uuid;

use crate::error::ApiError;

/// Most recorded steps that are read at a time.
const STEPS: i64 = 40_000;
/// What stands for a draft, which is no version.
const DRAFT: VersionId = VersionId::new(Uuid::nil());

/// A recorded conversation.
#[derive(Debug)]
pub struct Conversation {
    /// Its id.
    pub id: Uuid,
    /// Its steps, as far back as they can be followed.
    pub steps: Vec<Recorded>,
    made_by: Vec<MadeBy>,
    /// Steps that cannot be played: the session before them is not known any more, or they cannot be read.
    pub lost: usize,
}

/// What made a step.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct MadeBy {
    version: VersionId,
    circumstances: Vec<u8>,
}

/// A flow that takes the place of another.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The flow whose versions it stands for.
    pub id: Uuid,
    /// The draft.
    pub flow: Arc<Flow>,
}

/// The definitions of a flow and of those that it could call.
#[derive(Debug)]
pub struct Definitions<'a> {
    /// The flow.
    pub id: Uuid,
    /// Its definition.
    pub definition: &'a Value,
    /// Those of the others, by their ids.
    pub called: Vec<(String, &'a Value)>,
}

/// Versions and circumstances, and the bots made of them.
#[derive(Debug, Default)]
pub struct Archive {
    /// With the flow that each is a version of, and its definition.
    versions: HashMap<VersionId, (Uuid, Arc<Flow>, Value)>,
    circumstances: HashMap<Vec<u8>, Circumstances>,
    bots: HashMap<(VersionId, Vec<u8>), Arc<Bot>>,
    drafts: HashMap<(VersionId, Vec<u8>), Arc<Bot>>,
}

impl Archive {
    /// Reads conversations, and what is needed to play them.
    pub async fn read(
        &mut self,
        tx: &mut Tx,
        scope: &OrgScope,
        ids: &[ConversationId],
    ) -> Result<Vec<Conversation>, ApiError> {
        let turns = conversation_turns::of(tx, scope, ids, STEPS).await?;
        let mut conversations: Vec<Conversation> = Vec::new();
        let mut versions: BTreeSet<VersionId> = BTreeSet::new();
        let mut digests: BTreeSet<Vec<u8>> = BTreeSet::new();
        let mut last = 0;
        for turn in turns {
            if conversations.last().is_none_or(|conversation| conversation.id != turn.conversation) {
                let id = turn.conversation;
                conversations.push(Conversation { id, steps: Vec::new(), made_by: Vec::new(), lost: 0 });
            }
            let Some(conversation) = conversations.last_mut() else { continue };
            let follows = turn.number == last + 1 && !conversation.steps.is_empty();
            last = turn.number;
            let made_by = MadeBy { version: turn.version.into(), circumstances: turn.circumstances.clone() };
            let Some(step) = recorded(turn).filter(|step| follows || step.before.is_some()) else {
                conversation.lost += 1 + conversation.steps.len();
                conversation.steps.clear();
                conversation.made_by.clear();
                continue;
            };
            versions.insert(made_by.version);
            versions.extend(step.before.iter().flat_map(|before| before.called_versions()));
            digests.insert(made_by.circumstances.clone());
            conversation.steps.push(step);
            conversation.made_by.push(made_by);
        }
        digests.retain(|digest| !self.circumstances.contains_key(digest));
        let digests: Vec<Vec<u8>> = digests.into_iter().collect();
        for (digest, document) in turn_circumstances::find_many(tx, scope, &digests).await? {
            if let Ok(circumstances) = Circumstances::deserialize(&document) {
                self.circumstances.insert(digest, circumstances);
            }
        }
        let called = self.circumstances.values().flat_map(|circumstances| circumstances.flows.values());
        versions.extend(called.copied());
        versions
            .extend(self.circumstances.values().flat_map(|circumstances| circumstances.settings.versions()));
        let missing = versions.iter().filter(|version| !self.versions.contains_key(version));
        let missing: Vec<Uuid> = missing.map(|version| version.uuid()).collect();
        for (version, flow, definition) in entity_versions::flows(tx, scope, &missing).await? {
            if let Ok(read) = Flow::strict(&definition) {
                self.versions.insert(version.into(), (flow, Arc::new(read), definition));
            }
        }
        Ok(conversations)
    }

    /// The bot that made a step.
    pub fn bot(&mut self, conversation: &Conversation, step: usize, session: &Session) -> Option<Arc<Bot>> {
        let made_by = conversation.made_by.get(step)?;
        let key = (made_by.version, made_by.circumstances.clone());
        if !self.bots.contains_key(&key) {
            let bot = self.make(made_by)?;
            self.bots.insert(key.clone(), bot);
        }
        let bot = Arc::clone(self.bots.get(&key)?);
        let find = |version| self.versions.get(&version).map(|(_, flow, _)| Arc::clone(flow));
        Some(with_called(bot, session, find))
    }

    fn make(&self, made_by: &MadeBy) -> Option<Arc<Bot>> {
        let (_, flow, _) = self.versions.get(&made_by.version)?;
        let circumstances = self.circumstances.get(&made_by.circumstances)?.clone();
        let find = |version| self.versions.get(&version).map(|(_, flow, _)| Arc::clone(flow));
        Some(Arc::new(circumstances.bot(made_by.version, Arc::clone(flow), find)))
    }

    /// The bot that would make a step if the draft were published.
    pub fn with_draft(
        &mut self,
        draft: &Draft,
        conversation: &Conversation,
        step: usize,
        session: &Session,
    ) -> Option<Arc<Bot>> {
        let made_by = conversation.made_by.get(step)?;
        let home = session.version().unwrap_or(made_by.version);
        let of = |version: VersionId| self.versions.get(&version).map(|(flow, ..)| *flow);
        let flow_id = if home == DRAFT { Some(draft.id) } else { of(home) };
        let home = if flow_id == Some(draft.id) { DRAFT } else { home };
        let find = |version: VersionId| match self.versions.get(&version) {
            _ if version == DRAFT => Some(Arc::clone(&draft.flow)),
            Some((flow, ..)) if *flow == draft.id => Some(Arc::clone(&draft.flow)),
            Some((_, flow, _)) => Some(Arc::clone(flow)),
            None => None,
        };
        let key = (home, made_by.circumstances.clone());
        if !self.drafts.contains_key(&key) {
            let mut circumstances = self.circumstances.get(&made_by.circumstances)?.clone();
            if circumstances.flow_id.is_some() {
                circumstances.flow_id = flow_id.map(|id| id.to_string());
            }
            if let Some(version) = circumstances.flows.get_mut(&draft.id.to_string()) {
                *version = DRAFT;
            }
            let bot = Arc::new(circumstances.bot(home, find(home)?, find));
            self.drafts.insert(key.clone(), bot);
        }
        let bot = Arc::clone(self.drafts.get(&key)?);
        Some(with_called(bot, session, find))
    }

    /// The flow that made a step, and those that it could call.
    pub fn definitions(&self, conversation: &Conversation, step: usize) -> Option<Definitions<'_>> {
        let made_by = conversation.made_by.get(step)?;
        let (id, _, definition) = self.versions.get(&made_by.version)?;
        let circumstances = self.circumstances.get(&made_by.circumstances)?;
        let called = circumstances.flows.iter();
        let called = called.filter_map(|(id, version)| Some((id.clone(), &self.versions.get(version)?.2)));
        Some(Definitions { id: *id, definition, called: called.collect() })
    }
}

/// The bot with the flows that the session has called.
fn with_called(bot: Arc<Bot>, session: &Session, find: impl Fn(VersionId) -> Option<Arc<Flow>>) -> Arc<Bot> {
    if session.called_versions().all(|version| bot.library.version(version).is_some()) {
        return bot;
    }
    let mut library = bot.library.clone();
    for version in session.called_versions() {
        if let Some(flow) = find(version) {
            library.add(version, flow);
        }
    }
    Arc::new(Bot::clone(&bot).with_library(library))
}

/// A step as it is played; none where it cannot be read.
fn recorded(turn: Turn) -> Option<Recorded> {
    let before = match &turn.before {
        None => None,
        Some(Value::Object(empty)) if empty.is_empty() => Some(Box::default()),
        Some(stored) => Some(Box::new(Session::deserialize(stored).ok()?)),
    };
    let digest = Digest(turn.digest.try_into().ok()?);
    Some(Recorded { now: turn.at, input: serde_json::from_value(turn.input).ok()?, before, digest })
}
