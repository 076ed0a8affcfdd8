//! Telegram's payloads, as far as they are read. Every field may be missing and unknown ones are ignored.
#![expect(clippy::struct_field_names, reason = "the names are the provider's")]

use botbuilder_adapter_kit::json::{opt_integer, opt_text};
use serde::Deserialize;
use serde_json::Value;

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Chat {
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) id: Option<String>,
    #[serde(default, rename = "type", deserialize_with = "opt_text")]
    pub(crate) kind: Option<String>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) title: Option<String>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) username: Option<String>,
}

impl Chat {
    pub(crate) fn is_private(&self) -> bool {
        self.kind.as_deref() == Some("private")
    }

    pub(crate) fn is_channel(&self) -> bool {
        self.kind.as_deref() == Some("channel")
    }
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct User {
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) id: Option<String>,
    #[serde(default)]
    pub(crate) is_bot: bool,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) first_name: Option<String>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) last_name: Option<String>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) username: Option<String>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) language_code: Option<String>,
}

impl User {
    /// The name as it is shown.
    pub(crate) fn name(&self) -> Option<String> {
        let names: Vec<&str> = self.first_name.iter().chain(&self.last_name).map(String::as_str).collect();
        (!names.is_empty()).then(|| names.join(" "))
    }
}

/// What every message has, whatever it holds.
#[derive(Debug, Deserialize)]
pub(crate) struct Message {
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) message_id: Option<String>,
    #[serde(default)]
    pub(crate) chat: Option<Chat>,
    #[serde(default)]
    pub(crate) from: Option<User>,
    /// The chat in whose name it was written, in the place of a person: the channel that a group belongs to, or the
    /// group itself. `from` then holds a stand-in, often a bot of Telegram's.
    #[serde(default)]
    pub(crate) sender_chat: Option<Chat>,
    /// The bot that wrote it in the name of a business account.
    #[serde(default)]
    pub(crate) sender_business_bot: Option<User>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) media_group_id: Option<String>,
    #[serde(default, deserialize_with = "opt_integer")]
    pub(crate) date: Option<i64>,
    #[serde(default, deserialize_with = "opt_integer")]
    pub(crate) edit_date: Option<i64>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) message_thread_id: Option<String>,
    #[serde(default)]
    pub(crate) is_topic_message: bool,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) business_connection_id: Option<String>,
    #[serde(default)]
    pub(crate) reply_to_message: Option<Box<Replied>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Replied {
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) message_id: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct CallbackQuery {
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) id: Option<String>,
    #[serde(default)]
    pub(crate) from: Option<User>,
    #[serde(default)]
    pub(crate) message: Option<Value>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) data: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Reaction {
    #[serde(default)]
    pub(crate) chat: Option<Chat>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) message_id: Option<String>,
    #[serde(default)]
    pub(crate) user: Option<User>,
    #[serde(default)]
    pub(crate) actor_chat: Option<Chat>,
    #[serde(default, deserialize_with = "opt_integer")]
    pub(crate) date: Option<i64>,
    #[serde(default)]
    pub(crate) old_reaction: Vec<Value>,
    #[serde(default)]
    pub(crate) new_reaction: Vec<Value>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct MemberUpdate {
    #[serde(default)]
    pub(crate) chat: Option<Chat>,
    #[serde(default)]
    pub(crate) from: Option<User>,
    #[serde(default, deserialize_with = "opt_integer")]
    pub(crate) date: Option<i64>,
    #[serde(default)]
    pub(crate) new_chat_member: Option<Member>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Member {
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) status: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Deleted {
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) business_connection_id: Option<String>,
    #[serde(default)]
    pub(crate) chat: Option<Chat>,
    #[serde(default)]
    pub(crate) message_ids: Vec<Value>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct PollAnswer {
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) poll_id: Option<String>,
    #[serde(default)]
    pub(crate) user: Option<User>,
    #[serde(default)]
    pub(crate) option_ids: Vec<Value>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct File {
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) file_id: Option<String>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) file_name: Option<String>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) mime_type: Option<String>,
    #[serde(default, deserialize_with = "opt_integer")]
    pub(crate) file_size: Option<i64>,
    #[serde(default)]
    pub(crate) is_animated: bool,
    #[serde(default)]
    pub(crate) is_video: bool,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Point {
    pub(crate) latitude: f64,
    pub(crate) longitude: f64,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Card {
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) phone_number: Option<String>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) vcard: Option<String>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) first_name: Option<String>,
    #[serde(default, deserialize_with = "opt_text")]
    pub(crate) last_name: Option<String>,
}
