//! What the turns of one organization need to know before they decide.

use std::sync::Arc;

use botbuilder_domain::{ConversationId, Inbound, InboundEvent, MessageId, VersionId, is_option_key};
use botbuilder_flow::{Bot, Session};
use botbuilder_store::{
    Error, OrgScope,
    channels::{
        channel_messages,
        conversations::{self, Known, Lookup, Open},
        refusals::Refusal,
    },
    system::dedupe_keys,
};

use serde::Deserialize as _;
use serde_json::{Value, json};

use crate::{Runtime, batch::Job, contact::asked_for, stored};

/// What is known about a job's surroundings.
#[derive(Default)]
pub struct Loaded {
    /// The contact and its open conversation.
    pub known: Option<Known>,
    /// The bot that answers, in the version the conversation is pinned to, or the current one.
    pub bot: Option<Arc<Bot>>,
    /// The message that the event is about, for reports, edits and removals, and for the parts of one message.
    pub subject: Option<MessageId>,
    /// What the event means, where only what is stored tells: the option behind a key, the message whose parts have come.
    pub meant: Option<Inbound>,
    /// The message of the conversation whose parts are waited for.
    pub joining: Option<MessageId>,
    /// The message that this one answers, where it is known.
    pub answered: Option<MessageId>,
    /// For what may be our own: a message of that text in the conversation, of which the provider's answer is not known.
    pub unanswered: Option<MessageId>,
    /// For what may be sent again once it is refused: whether the answer to our own call is not written down yet.
    pub on_its_way: bool,
}

/// Where the state of a conversation names the message whose parts are waited for, beside its session.
const JOINING: &str = "joining";

impl Loaded {
    /// Whether that conversation is the one that is open with the contact.
    pub fn is_open(&self, conversation: ConversationId) -> bool {
        let open = self.known.as_ref().and_then(|known| known.conversation.as_ref());
        open.is_some_and(|open| open.id == conversation)
    }

    /// The message whose parts are waited for, where this event may not be answered before it: somebody who writes has
    /// sent all of them.
    pub fn completed_by(&self, event: &InboundEvent) -> Option<MessageId> {
        let speaks = match &event.what {
            Inbound::Message { .. }
            | Inbound::Postback { .. }
            | Inbound::Opened { .. }
            | Inbound::Reaction { .. } => true,
            Inbound::Unsupported { .. } => !event.sender.address.is_empty(),
            // Of another album, or too late for its own.
            Inbound::Part { .. } => self.subject.is_none(),
            _ => false,
        };
        self.joining.filter(|_| speaks)
    }
}

/// Takes the message whose parts are waited for out of the state of a conversation; what is left is its session.
fn take_joining(known: Option<&mut Known>) -> Option<MessageId> {
    let state = known?.conversation.as_mut()?.state.as_object_mut()?;
    serde_json::from_value(state.remove(JOINING)?).ok()
}

/// Notes in the state of a conversation that parts of a message are waited for.
pub(crate) fn note_joining(state: &mut Value, message: MessageId) {
    if let Some(state) = state.as_object_mut() {
        state.insert(JOINING.to_owned(), json!(message));
    }
}

/// Loads what these jobs need, in order.
pub async fn load(runtime: &Runtime, scope: &OrgScope, jobs: &[Job]) -> Result<Vec<Loaded>, Error> {
    let mut tx = runtime.store.begin(scope).await?;

    let lookups: Vec<Lookup> = jobs
        .iter()
        .map(|job| Lookup {
            channel: job.envelope.channel,
            addresses: asked_for(job.envelope.kind, &job.envelope.body.sender),
            thread: job.envelope.body.thread.clone(),
        })
        .collect();
    let known = conversations::find_many(&mut tx, scope, &lookups).await?;
    let subjects = subjects(&mut tx, scope, jobs).await?;

    let mut loaded = Vec::with_capacity(jobs.len());
    for ((job, mut known), About { subject, answered }) in jobs.iter().zip(known).zip(subjects) {
        let joining = take_joining(known.as_mut());
        let (subject, meant) = match subject {
            Some(message) => stored::meaning(&mut tx, scope, job, message).await?,
            None => (None, None),
        };
        let bot = match job.envelope.bot {
            Some(bot) => {
                let pinned = known
                    .as_ref()
                    .and_then(|known| known.conversation.as_ref())
                    .and_then(|open| open.version);
                match pinned {
                    Some(version) => runtime.bots.version(&mut tx, scope, bot, version).await?,
                    None => runtime.bots.current(&mut tx, scope, bot).await?,
                }
            }
            None => None,
        };
        let called =
            known.as_ref().and_then(|known| known.conversation.as_ref()).map(called).unwrap_or_default();
        let bot = match (job.envelope.bot, bot) {
            (Some(id), Some(bot)) if !called.is_empty() => {
                Some(runtime.bots.with_called(&mut tx, scope, id, bot, &called).await?)
            }
            (_, bot) => bot,
        };
        let unanswered = match (&job.envelope.body.what, &known) {
            (
                Inbound::Echo { content, may_be_ours: true, .. },
                Some(Known { conversation: Some(open), .. }),
            ) if subject.is_none() => {
                channel_messages::unanswered(&mut tx, scope, open.id, content.plain_text()).await?
            }
            _ => None,
        };
        let on_its_way = match (&job.envelope.body.what, subject) {
            (Inbound::Status { failure: Some(failure), .. }, Some(message))
                if Refusal::of(&failure.code) == Some(Refusal::Window) =>
            {
                channel_messages::is_on_its_way(&mut tx, scope, message).await?
            }
            _ => false,
        };
        loaded.push(Loaded { known, bot, subject, meant, joining, answered, unanswered, on_its_way });
    }
    tx.commit().await?;
    Ok(loaded)
}

/// The versions of the flows that were called in a conversation and are at work.
fn called(open: &Open) -> Vec<VersionId> {
    // Only a conversation that called a flow is read twice.
    if open.state.get("called").is_none() && open.state.get("frames").is_none() {
        return Vec::new();
    }
    Session::deserialize(&open.state).map(|session| session.called_versions().collect()).unwrap_or_default()
}

/// The messages that an event speaks of.
#[derive(Debug, Clone, Copy, Default)]
struct About {
    /// The one that a report, an edit or a removal is about.
    subject: Option<MessageId>,
    /// The one that a message answers.
    answered: Option<MessageId>,
}

/// The messages that events speak of.
async fn subjects(
    tx: &mut botbuilder_store::Tx,
    scope: &OrgScope,
    jobs: &[Job],
) -> Result<Vec<About>, Error> {
    let mut found = vec![About::default(); jobs.len()];
    let mut wanted = Vec::new();
    let mut places = Vec::new();
    for (place, job) in jobs.iter().enumerate() {
        let channel = job.envelope.channel;
        match &job.envelope.body.what {
            Inbound::Status { provider_id, correlation, .. } => {
                // Our own tag names the message even before the provider's answer was processed.
                if let Some(message) = correlation.as_deref().and_then(|tag| tag.parse().ok()) {
                    found[place].subject = Some(message);
                } else {
                    wanted.push((dedupe_keys::outbound_scope(channel), provider_id.clone()));
                    places.push(place);
                }
            }
            // Only a message of ours can have offered the option.
            Inbound::Postback { payload, reply_to: Some(offered), .. } if is_option_key(payload) => {
                wanted.push((dedupe_keys::outbound_scope(channel), offered.clone()));
                places.push(place);
            }
            Inbound::Part { album, .. } => {
                wanted.push((dedupe_keys::inbound_scope(channel), album_key(album)));
                places.push(place);
            }
            // What we sent comes back on some networks.
            Inbound::Echo { provider_id, .. } => {
                wanted.push((dedupe_keys::outbound_scope(channel), provider_id.clone()));
                places.push(place);
            }
            Inbound::Joined { message } => found[place].subject = Some(*message),
            Inbound::Edit { provider_id, .. } | Inbound::Delete { provider_id } => {
                for key in [provider_id.clone(), reference_key(provider_id)] {
                    wanted.push((dedupe_keys::inbound_scope(channel), key));
                    places.push(place);
                }
            }
            _ => {}
        }
    }
    let subjects = wanted.len();
    // Theirs or ours: people answer both.
    let mut answering = Vec::new();
    for (place, job) in jobs.iter().enumerate() {
        let Some(answered) = answers(&job.envelope.body.what) else { continue };
        let channel = job.envelope.channel;
        wanted.push((dedupe_keys::outbound_scope(channel), answered.to_owned()));
        wanted.push((dedupe_keys::inbound_scope(channel), answered.to_owned()));
        wanted.push((dedupe_keys::inbound_scope(channel), reference_key(answered)));
        answering.extend([place; 3]);
    }
    let mut resolved = dedupe_keys::resolve_many(tx, scope, &wanted).await?;
    let answered = resolved.split_off(subjects.min(resolved.len()));
    for (place, message) in places.into_iter().zip(resolved) {
        found[place].subject = found[place].subject.or(message);
    }
    for (place, message) in answering.into_iter().zip(answered) {
        found[place].answered = found[place].answered.or(message);
    }
    Ok(found)
}

/// The provider's id of the message that a message answers.
fn answers(what: &Inbound) -> Option<&str> {
    match what {
        Inbound::Message { reply_to, .. } | Inbound::Postback { reply_to, .. } => reply_to.as_deref(),
        _ => None,
    }
}

/// The key under which the message of an album is found by its parts.
pub fn album_key(album: &str) -> String {
    format!("album:{album}")
}

/// What makes the end of the wait for a message's parts the same when it comes again.
pub fn joined_key(message: MessageId) -> String {
    format!("joined:{message}")
}

/// The key under which a message is found by the provider's id of it, where that is not what makes it unique.
pub fn reference_key(provider_id: &str) -> String {
    format!("id:{provider_id}")
}
