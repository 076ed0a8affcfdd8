//! What hubs of several instances tell each other.

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Push, Visitor};

/// Something that is pushed to a visitor, wherever the visitor's readers are.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Notice {
    /// The visitor.
    pub visitor: Visitor,
    /// Its number, where it is a frame of the history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<i64>,
    /// What goes over the wire.
    pub text: Box<RawValue>,
}

impl Notice {
    /// The notice of a push. None of what concerns one instance alone.
    pub(super) fn new(visitor: &Visitor, push: &Push) -> Option<Self> {
        let (seq, text) = match push {
            Push::Frame { seq, text } => (Some(*seq), text),
            Push::Signal(text) => (None, text),
            Push::Refill => return None,
        };
        let text = RawValue::from_string(String::from_utf8(text.to_vec()).ok()?).ok()?;
        Some(Self { visitor: visitor.clone(), seq, text })
    }

    /// What is pushed to the visitor's readers here.
    pub(super) fn push(&self) -> Push {
        let text = Bytes::copy_from_slice(self.text.get().as_bytes());
        self.seq.map_or(Push::Signal(text.clone()), |seq| Push::Frame { seq, text })
    }
}

/// The way to the other instances. None of it waits or fails: what is not told is found in the history.
#[async_trait]
pub trait Fanout: Send + Sync {
    /// Tells the other hubs what this one was told.
    fn tell(&self, notice: Notice);

    /// A visitor has a reader here, who had none.
    fn came(&self, visitor: &Visitor);

    /// A visitor has no reader here any more.
    fn went(&self, visitor: &Visitor);

    /// Whether a visitor has a reader at some other instance.
    async fn is_elsewhere(&self, visitor: &Visitor) -> bool;
}

/// There is no other instance.
pub struct Alone;

#[async_trait]
impl Fanout for Alone {
    fn tell(&self, _: Notice) {}

    fn came(&self, _: &Visitor) {}

    fn went(&self, _: &Visitor) {}

    async fn is_elsewhere(&self, _: &Visitor) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use botbuilder_domain::ChannelId;

    #[test]
    fn a_push_arrives_as_it_was() {
        let visitor = (ChannelId::new(uuid::Uuid::from_u128(1)), "v1".to_owned());
        let text = Bytes::from_static(br#"{"seq":7,"type":"frame","text":"\u00fc"}"#);
        for push in [Push::Frame { seq: 7, text: text.clone() }, Push::Signal(text)] {
            let notice = Notice::new(&visitor, &push).unwrap();
            let sent = serde_json::to_vec(&notice).unwrap();
            let heard: Notice = serde_json::from_slice(&sent).unwrap();
            assert_eq!(heard.visitor, visitor);
            assert_eq!(heard.push(), push);
        }
        assert!(Notice::new(&visitor, &Push::Refill).is_none());
    }
}
