//! Instagram's payloads, as far as they are read. Every field may be missing and unknown ones are ignored.
#![expect(clippy::struct_field_names, reason = "the names are the provider's")]

use botbuilder_adapter_kit::json::{opt_integer, opt_text};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

/// One item of `messaging`: who, whom, when, and one kind beside them.
#[derive(Debug, Deserialize)]
pub(crate) struct Item {
    #[serde(default)]
    pub(crate) sender: Option<Party>,
    #[serde(default)]
    pub(crate) recipient: Option<Party>,
    #[serde(default, deserialize_with = "opt_integer")]
    pub(crate) timestamp: Option<i64>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Party {
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) id: Option<String>,
}

#[expect(clippy::struct_excessive_bools, reason = "they are the provider's")]
#[derive(Debug, Deserialize)]
pub(crate) struct Message {
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) mid: Option<String>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) text: Option<String>,
    #[serde(default)]
    pub(crate) attachments: Option<Value>,
    #[serde(default)]
    pub(crate) quick_reply: Option<QuickReply>,
    #[serde(default)]
    pub(crate) reply_to: Option<Value>,
    #[serde(default)]
    pub(crate) referral: Option<Value>,
    #[serde(default)]
    pub(crate) is_deleted: bool,
    #[serde(default)]
    pub(crate) is_echo: bool,
    #[serde(default)]
    pub(crate) is_self: bool,
    #[serde(default)]
    pub(crate) is_unsupported: bool,
}

#[derive(Debug, Deserialize)]
pub(crate) struct QuickReply {
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) payload: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Attachment {
    #[serde(default, deserialize_with = "opt_text", rename = "type")]
    pub(crate) kind: Option<String>,
    #[serde(default)]
    pub(crate) payload: Option<Value>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Postback {
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) mid: Option<String>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) title: Option<String>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) payload: Option<String>,
    #[serde(default)]
    pub(crate) referral: Option<Value>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Reaction {
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) mid: Option<String>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) action: Option<String>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) reaction: Option<String>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) emoji: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Edit {
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) mid: Option<String>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) text: Option<String>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) num_edit: Option<String>,
}

/// A value that has the shape, or none.
pub(crate) fn read<T: DeserializeOwned>(value: &Value) -> Option<T> {
    T::deserialize(value).ok()
}
