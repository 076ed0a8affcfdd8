//! The three shapes of a callback's body: an event as JSON, an interaction as a form with one JSON field, a slash
//! command as a form.

use botbuilder_adapter_kit::{DecodeError, json};
use serde_json::{Map, Value};

const BODY: &str = "slack callback";

/// More fields than any form of Slack's has.
const FIELDS_MAX: usize = 100;

/// What a body is.
pub(crate) enum Body {
    /// An event, or the verification of an address.
    Event(Map<String, Value>),
    /// Something a person did with a button, a view or a shortcut.
    Interaction(Map<String, Value>),
    /// A slash command; every field is a text.
    Command(Map<String, Value>),
    /// A check of our certificate.
    SslCheck,
}

impl Body {
    /// Reads a body. JSON begins with a brace, which no form of Slack's does.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, DecodeError> {
        let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
        if first == Some(&b'{') {
            return json::object(bytes, BODY).map(Self::Event);
        }
        let malformed = |reason: &str| DecodeError::Malformed { expected: BODY, reason: reason.into() };
        let mut fields = Map::new();
        for (name, value) in url::form_urlencoded::parse(bytes) {
            if fields.len() == FIELDS_MAX {
                return Err(malformed("too many fields"));
            }
            fields.insert(name.into_owned(), value.into_owned().into());
        }
        if let Some(payload) = fields.get("payload").and_then(Value::as_str) {
            return json::object(payload.as_bytes(), "slack interaction").map(Self::Interaction);
        }
        if fields.contains_key("command") {
            return Ok(Self::Command(fields));
        }
        if fields.get("ssl_check").and_then(Value::as_str) == Some("1") {
            return Ok(Self::SslCheck);
        }
        Err(malformed("neither json nor a form of slack's"))
    }

    /// The ids of the workspaces and organizations that it names.
    pub(crate) fn teams(&self) -> Vec<String> {
        let mut teams = Vec::new();
        let mut add = |value: Option<&Value>| teams.extend(value.and_then(json::as_text));
        match self {
            Self::Event(event) => {
                for name in ["team_id", "enterprise_id", "context_team_id"] {
                    add(event.get(name));
                }
                for installed in json::items(event, "authorizations") {
                    add(installed.get("team_id"));
                    add(installed.get("enterprise_id"));
                }
            }
            Self::Interaction(interaction) => {
                add(interaction.get("team").and_then(|team| team.get("id")));
                add(interaction.get("enterprise").and_then(|enterprise| enterprise.get("id")));
            }
            Self::Command(fields) => {
                add(fields.get("team_id"));
                add(fields.get("enterprise_id"));
            }
            Self::SslCheck => {}
        }
        teams.sort_unstable();
        teams.dedup();
        teams
    }

    /// The app that it is meant for.
    pub(crate) fn app(&self) -> Option<String> {
        match self {
            Self::Event(fields) | Self::Interaction(fields) | Self::Command(fields) => {
                fields.get("api_app_id").and_then(json::as_text)
            }
            Self::SslCheck => None,
        }
    }
}
