//! What travels on the stream.

use std::fmt;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{BotId, ChannelId, ChannelKind, EnvelopeId, OrgId};

/// The version of the envelope's own shape. A reader refuses a higher one.
pub const SCHEMA: u16 = 1;

/// A record on the stream: whose it is, which conversation it belongs to, and a body.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Envelope<T> {
    /// The version of this shape.
    pub schema: u16,
    /// The record's own id; it stays the same when the record is put back from the dead letter.
    pub id: EnvelopeId,
    /// The tenant.
    pub org: OrgId,
    /// The bot that answers on the channel, where one is connected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bot: Option<BotId>,
    /// The channel.
    pub channel: ChannelId,
    /// The channel's kind.
    pub kind: ChannelKind,
    /// Channel and contact address: one key, one partition, one order.
    pub key: ConversationKey,
    /// When it came how far.
    pub times: Times,
    /// The trace it belongs to.
    pub trace: TraceContext,
    /// What it says.
    pub body: T,
}

/// The instants before the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Times {
    /// When its bytes were complete.
    pub received: DateTime<Utc>,
    /// When its signature had been checked.
    pub verified: DateTime<Utc>,
}

/// The trace a record belongs to, as a W3C `traceparent`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TraceContext(pub String);

impl TraceContext {
    /// A new trace whose 32 hex digits are those of `id`.
    pub fn starting(id: EnvelopeId) -> Self {
        let digits = id.uuid().simple().to_string();
        let span = digits.get(16..32).unwrap_or("0000000000000001").to_owned();
        Self(format!("00-{digits}-{span}-01"))
    }

    /// The 32 hex digits of the trace.
    pub fn trace_id(&self) -> Option<&str> {
        self.0.split('-').nth(1).filter(|digits| digits.len() == 32)
    }
}

/// The key of a conversation on the stream.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConversationKey(String);

impl ConversationKey {
    /// The key of the conversation with `address` on `channel`.
    pub fn new(channel: ChannelId, address: &str) -> Self {
        Self(format!("{channel}:{address}"))
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ConversationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a record could not be understood.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// It was written by a newer program.
    #[error("record has schema {found}, this program understands up to {SCHEMA}")]
    Newer {
        /// The schema it names.
        found: u16,
    },
    /// It is not one of ours.
    #[error("record is malformed: {0}")]
    Malformed(#[from] serde_json::Error),
}

impl<T: Serialize + DeserializeOwned> Envelope<T> {
    /// The bytes that go on the stream.
    pub fn encode(&self) -> Result<Bytes, serde_json::Error> {
        serde_json::to_vec(self).map(Bytes::from)
    }

    /// The record in these bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        #[derive(Deserialize)]
        struct Schema {
            schema: u16,
        }
        serde_json::from_slice(bytes).map_err(|malformed| {
            // Only a record that cannot be read is looked at twice: a newer one says so itself.
            match serde_json::from_slice::<Schema>(bytes) {
                Ok(Schema { schema }) if schema > SCHEMA => DecodeError::Newer { found: schema },
                _ => DecodeError::Malformed(malformed),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Content, Inbound, InboundEvent, Sender};
    use uuid::Uuid;

    fn envelope() -> Envelope<InboundEvent> {
        let id = EnvelopeId::new(Uuid::from_u128(7));
        let channel = ChannelId::new(Uuid::from_u128(9));
        Envelope {
            schema: SCHEMA,
            id,
            org: OrgId::new(Uuid::from_u128(1)),
            bot: None,
            channel,
            kind: ChannelKind::Telegram,
            key: ConversationKey::new(channel, "42"),
            times: Times { received: DateTime::UNIX_EPOCH, verified: DateTime::UNIX_EPOCH },
            trace: TraceContext::starting(id),
            body: InboundEvent {
                sender: Sender { address: "42".into(), ..Sender::default() },
                thread: String::new(),
                dedupe: "m1".into(),
                occurred_at: None,
                what: Inbound::Message {
                    provider_id: "m1".into(),
                    content: Content::text("hi"),
                    reply_to: None,
                },
            },
        }
    }

    #[test]
    fn what_was_encoded_is_decoded() {
        let bytes = envelope().encode().unwrap();
        assert_eq!(Envelope::<InboundEvent>::decode(&bytes).unwrap(), envelope());
    }

    #[test]
    fn a_newer_record_says_so() {
        let error = Envelope::<InboundEvent>::decode(br#"{"schema":2,"new":"shape"}"#).unwrap_err();
        assert!(matches!(error, DecodeError::Newer { found: 2 }));
    }

    #[test]
    fn rubbish_is_malformed() {
        for bytes in [&b""[..], b"[]", b"{}", b"\xff\xfe", br#"{"schema":1}"#] {
            assert!(matches!(Envelope::<InboundEvent>::decode(bytes), Err(DecodeError::Malformed(_))));
        }
    }

    #[test]
    fn a_trace_has_32_digits() {
        assert_eq!(envelope().trace.trace_id().unwrap().len(), 32);
    }
}
