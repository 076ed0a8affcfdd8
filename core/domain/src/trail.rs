//! The trail of a message: what happened to it, when, in the order it happened.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{ChannelId, ConversationId, MessageId, OrgId};

/// A stage of a message's way. The word is what `message_events.stage` holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Its bytes came in.
    Received,
    /// Its signature was found good.
    Verified,
    /// It is durable in the stream.
    Appended,
    /// It had come before and changed nothing.
    Deduplicated,
    /// The bot's turn over it was committed.
    Turn,
    /// A reply was written, waiting for its sending.
    Queued,
    /// A request to the provider was begun.
    Attempt,
    /// The provider took it.
    Accepted,
    /// The provider refused it, for now or for good.
    Refused,
    /// The provider reported a state.
    Status,
    /// The channel could not show it as written.
    Downgraded,
    /// An attempt has no known outcome.
    Uncertain,
    /// It was given up and lies in the dead letter.
    Dead,
    /// It was put back into the queue: by hand, or because what its channel does outside the reply window is done late.
    Replayed,
    /// Its time had passed before it could be sent.
    Expired,
    /// Its kind is not understood; the raw form is kept.
    Unsupported,
    /// The reply window is closed: it waits until the contact writes.
    Held,
    /// The contact wrote: it goes out.
    Released,
}

impl Stage {
    /// The word in `message_events.stage`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Verified => "verified",
            Self::Appended => "appended",
            Self::Deduplicated => "deduplicated",
            Self::Turn => "turn",
            Self::Queued => "queued",
            Self::Attempt => "attempt",
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Status => "status",
            Self::Downgraded => "downgraded",
            Self::Uncertain => "uncertain",
            Self::Dead => "dead",
            Self::Replayed => "replayed",
            Self::Expired => "expired",
            Self::Unsupported => "unsupported",
            Self::Held => "held",
            Self::Released => "released",
        }
    }
}

/// One entry of a trail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrailEvent {
    /// The tenant.
    pub org: OrgId,
    /// The message it speaks of.
    pub message: MessageId,
    /// Its conversation.
    pub conversation: Option<ConversationId>,
    /// Its channel.
    pub channel: Option<ChannelId>,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// What happened.
    pub stage: Stage,
    /// The number of the sending attempt, from 1; 0 where there is none.
    pub attempt: u32,
    /// The provider's code, where it gave one.
    pub provider_code: Option<String>,
    /// How long it took, in microseconds.
    pub duration_us: Option<u64>,
    /// More, redacted: never text, addresses or secrets.
    pub detail: serde_json::Map<String, serde_json::Value>,
    /// The trace it belongs to, 32 hex digits.
    pub trace_id: Option<String>,
}
