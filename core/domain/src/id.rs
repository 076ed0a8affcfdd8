//! Identifiers: one generic newtype over a UUID version 7, so that a bot's id cannot be passed for a channel's.

use std::{fmt, hash::Hash, marker::PhantomData, str::FromStr};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// An identifier of a `T`. It is a UUID version 7: the instant of creation, in milliseconds, is inside it.
pub struct Id<T> {
    uuid: Uuid,
    of: PhantomData<fn() -> T>,
}

/// Names a kind of thing that has an identifier.
pub mod kind {
    /// A tenant.
    pub enum Organization {}
    /// An assistant.
    pub enum Bot {}
    /// A connected account on a messaging network.
    pub enum Channel {}
    /// An end user on one channel.
    pub enum Contact {}
    /// A thread between a contact and an organization.
    pub enum Conversation {}
    /// A message, in or out.
    pub enum Message {}
    /// A voice call.
    pub enum Call {}
    /// A flow.
    pub enum Flow {}
    /// An immutable snapshot of a versioned object.
    pub enum Version {}
    /// A record on the stream.
    pub enum Envelope {}
}

/// Identifies an organization.
pub type OrgId = Id<kind::Organization>;
/// Identifies a bot.
pub type BotId = Id<kind::Bot>;
/// Identifies a channel.
pub type ChannelId = Id<kind::Channel>;
/// Identifies a contact.
pub type ContactId = Id<kind::Contact>;
/// Identifies a conversation.
pub type ConversationId = Id<kind::Conversation>;
/// Identifies a message, in or out.
pub type MessageId = Id<kind::Message>;
/// Identifies a call.
pub type CallId = Id<kind::Call>;
/// Identifies a flow.
pub type FlowId = Id<kind::Flow>;
/// Identifies an immutable version.
pub type VersionId = Id<kind::Version>;
/// Identifies a record on the stream.
pub type EnvelopeId = Id<kind::Envelope>;

impl<T> Id<T> {
    /// Takes a UUID for an identifier of this kind.
    pub const fn new(uuid: Uuid) -> Self {
        Self { uuid, of: PhantomData }
    }

    /// The UUID itself.
    pub const fn uuid(self) -> Uuid {
        self.uuid
    }

    /// The instant inside the identifier, in whole milliseconds; the epoch for a UUID that carries none.
    ///
    /// Rows of partitioned tables use it as `created_at`.
    pub fn created_at(self) -> DateTime<Utc> {
        let millis = self.uuid.get_timestamp().map_or(0, |timestamp| {
            let (seconds, nanos) = timestamp.to_unix();
            i64::try_from(seconds).unwrap_or(0).saturating_mul(1000) + i64::from(nanos / 1_000_000)
        });
        DateTime::from_timestamp_millis(millis).unwrap_or_default()
    }
}

impl<T> Clone for Id<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Id<T> {}
impl<T> PartialEq for Id<T> {
    fn eq(&self, other: &Self) -> bool {
        self.uuid == other.uuid
    }
}
impl<T> Eq for Id<T> {}
impl<T> PartialOrd for Id<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<T> Ord for Id<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.uuid.cmp(&other.uuid)
    }
}
impl<T> Hash for Id<T> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.uuid.hash(state);
    }
}
impl<T> fmt::Debug for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.uuid, f)
    }
}
impl<T> fmt::Display for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.uuid, f)
    }
}
impl<T> From<Uuid> for Id<T> {
    fn from(uuid: Uuid) -> Self {
        Self::new(uuid)
    }
}
impl<T> FromStr for Id<T> {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::from_str(text).map(Self::new)
    }
}
impl<T> Serialize for Id<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.uuid.serialize(serializer)
    }
}
impl<'de, T> Deserialize<'de> for Id<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Uuid::deserialize(deserializer).map(Self::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn created_at_is_the_instant_inside() {
        let id = OrgId::new(Uuid::from_u128(0x0192_f3a1_b2c3_7000_8000_0000_0000_0001));
        assert_eq!(id.created_at().timestamp_millis(), 0x0192_f3a1_b2c3);
    }

    #[test]
    fn an_id_is_written_as_its_uuid() {
        let id = OrgId::new(Uuid::nil());
        assert_eq!(serde_json::to_string(&id).unwrap(), "\"00000000-0000-0000-0000-000000000000\"");
        assert_eq!(id, serde_json::from_str("\"00000000-0000-0000-0000-000000000000\"").unwrap());
    }
}
