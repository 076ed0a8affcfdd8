//! WhatsApp's payloads, as far as they are read. Every field may be missing and unknown ones are ignored.
#![expect(clippy::struct_field_names, reason = "the names are the provider's")]

use botbuilder_adapter_kit::json::{opt_integer, opt_text};
use serde::Deserialize;
use serde_json::Value;

use crate::identity::Ids;

#[derive(Debug, Deserialize)]
pub(crate) struct Contact {
    #[serde(default, deserialize_with = "opt_text")]
    wa_id: Option<String>,
    #[serde(default, deserialize_with = "opt_text")]
    user_id: Option<String>,
    #[serde(default)]
    pub(crate) profile: Option<Profile>,
}

impl Contact {
    pub(crate) fn ids(&self) -> Ids {
        Ids::of(self.wa_id.as_deref(), self.user_id.as_deref())
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct Profile {
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) name: Option<String>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) username: Option<String>,
}

/// What every message has, whatever its type.
#[derive(Debug, Deserialize)]
pub(crate) struct Message {
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) id: Option<String>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) from: Option<String>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) from_user_id: Option<String>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) to: Option<String>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) to_user_id: Option<String>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) group_id: Option<String>,
    #[serde(default, deserialize_with = "opt_integer")]
    pub(crate) timestamp: Option<i64>,
    #[serde(default, rename = "type", deserialize_with = "opt_text")]
    pub(crate) kind: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Status {
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) id: Option<String>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) status: Option<String>,
    #[serde(default, deserialize_with = "opt_integer")]
    pub(crate) timestamp: Option<i64>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) recipient_id: Option<String>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) recipient_user_id: Option<String>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) recipient_participant_id: Option<String>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) biz_opaque_callback_data: Option<String>,
    #[serde(default)]
    pub(crate) errors: Option<Value>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Media {
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) id: Option<String>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) url: Option<String>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) mime_type: Option<String>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) sha256: Option<String>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) caption: Option<String>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) filename: Option<String>,
    #[serde(default, deserialize_with = "opt_integer")]
    pub(crate) file_size: Option<i64>,
    #[serde(default)]
    pub(crate) voice: Option<Value>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Location {
    pub(crate) latitude: f64,
    pub(crate) longitude: f64,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) name: Option<String>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) address: Option<String>,
}

/// A tap on a reply button, a list row, or a template's quick reply.
#[derive(Debug, Deserialize)]
pub(crate) struct Tap {
    #[serde(default, deserialize_with = "opt_text", alias = "payload")]
    pub(crate) id: Option<String>,
    #[serde(default, deserialize_with = "opt_text", alias = "text")]
    pub(crate) title: Option<String>,
}
