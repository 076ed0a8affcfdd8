//! What goes over a visitor's socket, as JSON text frames. `docs/widget-protocol.md` is the page on it.

use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// The version of the frames.
pub(crate) const VERSION: u32 = 1;

/// The first frame of a socket.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum First {
    /// Says who is there.
    Hello {
        /// The token of the session.
        #[serde(default)]
        token: Option<String>,
        /// The session's secret, from what is not a browser.
        #[serde(default)]
        secret: Option<String>,
        /// The number of the last frame seen; 0 for none.
        #[serde(default)]
        last_seq: i64,
        /// With no frame seen, at most so many of the newest are wanted; 0 for all.
        #[serde(default)]
        tail: i64,
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
    /// A file that was uploaded before.
    File {
        /// The visitor's own id of it.
        client_msg_id: String,
        /// The upload's id.
        upload: String,
        /// What is written beside it.
        #[serde(default)]
        text: Option<String>,
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
    /// The answer to a form.
    Form {
        /// The visitor's own id of it.
        client_msg_id: String,
        /// The form's id.
        id: String,
        /// What was written into it, by field.
        values: Map<String, Value>,
        /// What is shown of it.
        text: String,
    },
    /// The chat was opened.
    Opened {
        /// The visitor's own id of it.
        client_msg_id: String,
    },
    /// What the visitor, or the site, tells about the visitor.
    Details(Details),
    /// Frames up to this number are on the device.
    Ack {
        /// The number.
        seq: i64,
    },
    /// Frames up to this number were read.
    Read {
        /// The number.
        seq: i64,
    },
    /// Asks for a sign of life.
    Ping,
}

/// What the visitor, or the site, tells about the visitor.
#[derive(Debug, Deserialize)]
pub(super) struct Details {
    /// The visitor's own id of it.
    pub(super) client_msg_id: String,
    /// An e-mail address.
    #[serde(default)]
    pub(super) email: Option<String>,
    /// A name.
    #[serde(default)]
    pub(super) name: Option<String>,
    /// Attributes by name; null takes one away.
    #[serde(default)]
    pub(super) attributes: Map<String, Value>,
}

impl FromVisitor {
    /// The visitor's own id of it, where it counts once.
    pub(super) fn client_msg_id(&self) -> Option<&str> {
        match self {
            Self::Message { client_msg_id, .. }
            | Self::File { client_msg_id, .. }
            | Self::Choice { client_msg_id, .. }
            | Self::Form { client_msg_id, .. }
            | Self::Opened { client_msg_id }
            | Self::Details(Details { client_msg_id, .. }) => Some(client_msg_id),
            Self::Ack { .. } | Self::Read { .. } | Self::Ping => None,
        }
    }
}

/// A frame of the history. What it holds may name its `author`, a person.
pub(crate) fn frame(
    seq: i64,
    role: &str,
    at: DateTime<Utc>,
    content: &Value,
    client_msg_id: Option<&str>,
) -> Bytes {
    let at = at.to_rfc3339_opts(SecondsFormat::Millis, true);
    let mut frame = json!({ "type": "frame", "seq": seq, "role": role, "at": at, "content": content });
    let author = frame["content"].as_object_mut().and_then(|content| content.remove("author"));
    if let Some(frame) = frame.as_object_mut() {
        let id = client_msg_id.map(Value::from);
        for (name, value) in [("client_msg_id", id), ("author", author)] {
            if let Some(value) = value {
                frame.insert(name.to_owned(), value);
            }
        }
    }
    frame.to_string().into()
}

/// What the client knows is of another history.
pub(super) fn reset() -> Value {
    json!({ "type": "reset" })
}

/// What was missed has been sent. With the number of the visitor's last frame, 0 for a conversation that has not begun.
pub(super) fn ready(last_seq: i64, read_seq: i64) -> Value {
    json!({ "type": "ready", "v": VERSION, "last_seq": last_seq, "read_seq": read_seq })
}

/// A visitor's message is durable.
pub(super) fn accepted(client_msg_id: &str, seq: Option<i64>) -> Value {
    match seq {
        Some(seq) => json!({ "type": "accepted", "client_msg_id": client_msg_id, "seq": seq }),
        None => json!({ "type": "accepted", "client_msg_id": client_msg_id }),
    }
}

/// What the visitor sent was not taken: `bad_request` will never be, the others may be sent again.
pub(super) fn error(client_msg_id: Option<&str>, code: &str, detail: &str) -> Value {
    json!({ "type": "error", "client_msg_id": client_msg_id, "code": code, "detail": detail })
}

/// What the visitor sent was not taken now, and may be sent again after that time.
pub(super) fn too_fast(client_msg_id: Option<&str>, wait: Duration) -> Value {
    let wait = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1);
    json!({
        "type": "error", "client_msg_id": client_msg_id, "code": "rate_limited",
        "detail": "too much at once", "retry_after_ms": wait,
    })
}

/// The visitor has read up to this number, on some device.
pub(super) fn read(seq: i64) -> Value {
    json!({ "type": "read", "seq": seq })
}

/// An answer is being written.
pub(crate) fn typing() -> Value {
    json!({ "type": "typing", "role": "bot" })
}

/// A piece of an answer that is being written.
pub(crate) fn partial(id: &str, from: usize, text: &str) -> Value {
    json!({ "type": "partial", "id": id, "role": "bot", "from": from, "text": text })
}

/// What the visitor said was seen.
pub(crate) fn seen(client_msg_id: &str) -> Value {
    json!({ "type": "seen", "client_msg_id": client_msg_id })
}

/// The server goes away.
pub(super) fn reconnect(after: Duration) -> Value {
    json!({ "type": "reconnect", "after_ms": u64::try_from(after.as_millis()).unwrap_or(u64::MAX) })
}

/// The answer to a ping.
pub(super) fn pong() -> Value {
    json!({ "type": "pong" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read() {
        let First::Hello { secret, last_seq, token, tail } =
            serde_json::from_str(r#"{"type":"hello","secret":"s","last_seq":4,"more":1}"#).unwrap();
        assert_eq!((secret.as_deref(), last_seq, token, tail), (Some("s"), 4, None, 0));
        assert!(serde_json::from_str::<First>(r#"{"type":"message"}"#).is_err());
        let sent: FromVisitor =
            serde_json::from_str(r#"{"type":"choice","client_msg_id":"1","id":"a","title":"A"}"#).unwrap();
        assert_eq!(sent.client_msg_id(), Some("1"));
        let told: FromVisitor =
            serde_json::from_str(r#"{"type":"details","client_msg_id":"2","email":"a@b"}"#).unwrap();
        assert_eq!(told.client_msg_id(), Some("2"));
        assert!(matches!(serde_json::from_str(r#"{"type":"ping"}"#), Ok(FromVisitor::Ping)));
        assert!(serde_json::from_str::<FromVisitor>(r#"{"type":"nonsense"}"#).is_err());
    }

    #[test]
    fn a_frame_names_what_the_visitor_called_it() {
        let at = DateTime::UNIX_EPOCH;
        let text = frame(3, "visitor", at, &json!({ "kind": "text", "text": "a" }), Some("m1"));
        let value: Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(value["client_msg_id"], "m1");
        assert_eq!(value.get("author"), None);
        assert_eq!(
            (value["seq"].as_i64(), value["at"].as_str()),
            (Some(3), Some("1970-01-01T00:00:00.000Z"))
        );
    }

    #[test]
    fn a_frame_names_the_person_who_wrote_it() {
        let content = json!({ "kind": "text", "text": "a", "author": { "name": "Ada" } });
        let text = frame(3, "agent", DateTime::UNIX_EPOCH, &content, None);
        let value: Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(value["author"]["name"], "Ada");
        assert_eq!(value["content"], json!({ "kind": "text", "text": "a" }));
    }
}
