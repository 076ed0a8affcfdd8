//! What is kept of a step, so that it can be made again. Everything a step is told from outside is in its input: the time
//! beside it, what services, models and understanding answered. The rest is the version of its flow and the bot's
//! circumstances, and the session that the step before left.

use std::sync::Arc;

use botbuilder_domain::{ConversationId, Ids, VersionId};
use botbuilder_flow::{
    Bot, Input, Session, Sprint,
    circumstances::Kept,
    recording::{Record, Recording, settle},
    step,
};
use botbuilder_store::{channels::conversations::Open, flows::conversation_turns};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

/// How long a conversation's records go on from one session that was kept: what is older can be removed.
const SINCE_MAX: TimeDelta = TimeDelta::days(1);

/// What is kept of a step.
#[derive(Debug)]
pub struct Recorded {
    /// The row.
    pub row: conversation_turns::New,
    /// What the step depended on besides.
    pub circumstances: Arc<Kept>,
}

/// The same, before its conversation has an id.
pub(crate) struct Unplaced {
    /// Since when the conversation's records can be followed.
    pub(crate) since: DateTime<Utc>,
    id: Uuid,
    version: VersionId,
    number: i32,
    at: DateTime<Utc>,
    record: Record,
    circumstances: Arc<Kept>,
}

/// Makes a step, and what is to be kept of it.
pub(crate) fn make(
    bot: &Bot,
    open: Option<&Open>,
    session: Session,
    input: Input,
    ids: &dyn Ids,
    now: DateTime<Utc>,
) -> (Sprint, Unplaced) {
    let follows = open.filter(|open| open.recorded_version == Some(open.state_version));
    let since = follows.and_then(|open| open.recorded_since).filter(|since| now - *since < SINCE_MAX);
    let before = match (since, open) {
        (Some(_), _) => None,
        (None, Some(open)) => Some(open.state.clone()),
        (None, None) => Some(json!({})),
    };
    let (input, json) = settle(input);
    let recording = Recording::begin(bot, &session, json, before);
    let sprint = step(bot, session, input, now);
    let unplaced = Unplaced {
        since: since.unwrap_or(now),
        id: ids.next(),
        version: bot.version,
        number: open.map_or(0, |open| open.state_version) + 1,
        at: now,
        record: recording.end(bot, &sprint),
        circumstances: bot.circumstances(),
    };
    (sprint, unplaced)
}

impl Unplaced {
    /// Of that conversation.
    pub(crate) fn of(self, conversation: ConversationId) -> Recorded {
        let Record { input, before, digest } = self.record;
        let row = conversation_turns::New {
            id: self.id,
            conversation,
            version: self.version,
            circumstances: self.circumstances.digest,
            number: self.number,
            at: self.at,
            input,
            before,
            digest: digest.0,
        };
        Recorded { row, circumstances: self.circumstances }
    }
}

/// The session of a stored document: one that has not begun where it is empty.
pub fn session(stored: &Value) -> Result<Session, serde_json::Error> {
    match stored {
        Value::Object(empty) if empty.is_empty() => Ok(Session::default()),
        stored => serde::Deserialize::deserialize(stored),
    }
}
