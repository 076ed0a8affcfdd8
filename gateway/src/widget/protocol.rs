//! What goes over a visitor's socket, as JSON text frames.
//!
//! From the visitor: `hello` first, with the session's secret and the last number seen; then `message`, `choice` and
//! `opened`, each with a `client_msg_id` of the visitor's making that counts once. To the visitor: every `frame` after
//! that number, then `ready`, then further frames as they come, `accepted` once a message is durable, and `error`,
//! whose code says whether to send the same again.

use serde::Deserialize;
use serde_json::{Value, json};

/// The first frame of a socket.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum First {
    /// Says who is there.
    Hello {
        /// The session's secret.
        secret: String,
        /// The number of the last frame seen; 0 for none.
        #[serde(default)]
        last_seq: i64,
    },
}

/// What a visitor sends.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum FromVisitor {
    /// Text.
    Message {
        /// The visitor's own id of it.
        client_msg_id: String,
        /// The text.
        text: String,
    },
    /// An option.
    Choice {
        /// The visitor's own id of it.
        client_msg_id: String,
        /// The option's id.
        id: String,
        /// What was read on it.
        #[serde(default)]
        title: Option<String>,
    },
    /// The chat was opened.
    Opened {
        /// The visitor's own id of it.
        client_msg_id: String,
    },
}

impl FromVisitor {
    /// The visitor's own id of it.
    pub(super) fn client_msg_id(&self) -> &str {
        match self {
            Self::Message { client_msg_id, .. }
            | Self::Choice { client_msg_id, .. }
            | Self::Opened { client_msg_id } => client_msg_id,
        }
    }
}

/// A frame of the history.
pub(super) fn frame(seq: i64, content: &Value) -> Value {
    json!({ "type": "frame", "seq": seq, "content": content })
}

/// What was missed has been sent. With the number of the visitor's last frame, 0 for a conversation that has not begun.
pub(super) fn ready(last_seq: i64) -> Value {
    json!({ "type": "ready", "last_seq": last_seq })
}

/// A visitor's message is durable.
pub(super) fn accepted(client_msg_id: &str) -> Value {
    json!({ "type": "accepted", "client_msg_id": client_msg_id })
}

/// What the visitor sent was not taken: `bad_request` will never be, `unavailable` may be sent again.
pub(super) fn error(client_msg_id: Option<&str>, code: &str, detail: &str) -> Value {
    json!({ "type": "error", "client_msg_id": client_msg_id, "code": code, "detail": detail })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read() {
        let First::Hello { secret, last_seq } =
            serde_json::from_str(r#"{"type":"hello","secret":"s","last_seq":4}"#).unwrap();
        assert_eq!((secret.as_str(), last_seq), ("s", 4));
        assert!(serde_json::from_str::<First>(r#"{"type":"message"}"#).is_err());
        let sent: FromVisitor =
            serde_json::from_str(r#"{"type":"choice","client_msg_id":"1","id":"a","title":"A"}"#).unwrap();
        assert_eq!(sent.client_msg_id(), "1");
        assert!(serde_json::from_str::<FromVisitor>(r#"{"type":"nonsense"}"#).is_err());
    }
}
