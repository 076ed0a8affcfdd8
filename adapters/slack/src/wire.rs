//! Slack's payloads, as far as they are read. Every field may be missing and unknown ones are ignored.
#![expect(clippy::struct_field_names, reason = "the names are the provider's")]

use botbuilder_adapter_kit::json::{opt_integer, opt_text};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

/// A message, alone or inside a `message_changed`.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Message {
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) subtype: Option<String>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) channel: Option<String>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) user: Option<String>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) parent_user_id: Option<String>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) bot_id: Option<String>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) app_id: Option<String>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) text: Option<String>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) ts: Option<String>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) event_ts: Option<String>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) thread_ts: Option<String>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) deleted_ts: Option<String>,
    #[serde(default)]
    pub(crate) edited: Option<Value>,
    #[serde(default)]
    pub(crate) files: Option<Value>,
    #[serde(default)]
    pub(crate) user_profile: Option<Value>,
    #[serde(default)]
    pub(crate) message: Option<Value>,
    #[serde(default)]
    pub(crate) previous_message: Option<Value>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct File {
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) id: Option<String>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) name: Option<String>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) title: Option<String>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) mimetype: Option<String>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) subtype: Option<String>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) mode: Option<String>,
    #[serde(default, deserialize_with = "opt_integer")]
    pub(crate) size: Option<i64>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) url_private: Option<String>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) url_private_download: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Reaction {
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) user: Option<String>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) reaction: Option<String>,
    #[serde(default)]
    pub(crate) item: Option<Item>,
    /// Who wrote the message.
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) item_user: Option<String>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) event_ts: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Item {
    #[serde(default, deserialize_with = "opt_text", rename = "type")]
    pub(crate) kind: Option<String>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) channel: Option<String>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) ts: Option<String>,
}

/// A person, in an interaction.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct User {
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) id: Option<String>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) name: Option<String>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) username: Option<String>,
}

/// One thing a person did in a `block_actions`.
#[derive(Debug, Deserialize)]
pub(crate) struct Action {
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) action_id: Option<String>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) action_ts: Option<String>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) value: Option<String>,
    #[serde(default)]
    pub(crate) text: Option<Value>,
}

/// A value that has the shape, or none.
pub(crate) fn read<T: DeserializeOwned>(value: &Value) -> Option<T> {
    T::deserialize(value).ok()
}
