//! What comes in from a channel, and what goes out to one.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{Content, ConversationId, DeliveryStatus, Failure, MessageId, template::TemplateChange};

/// Who an inbound event comes from, as the channel tells it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sender {
    /// The address replies go to; together with the channel it is the conversation's key.
    pub address: String,
    /// A second address of the same person, where the payload carries one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alt_address: Option<String>,
    /// The name as it is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// The name the person goes by on the network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// A telephone number in E.164, where the network gives one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// The person's language, as the network tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// Who of a group it was, where the address is a group's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speaker: Option<Box<Speaker>>,
    /// An address that takes replies to this event for a while, where the other does not. Whoever has it can reply, so it
    /// is shown to nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_via: Option<String>,
}

/// A person in a group. Replies go to the group, so this is no address.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Speaker {
    /// The network's id of the person.
    pub id: String,
    /// The name as it is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// The name the person goes by on the network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
}

/// One thing that came in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InboundEvent {
    /// Who it comes from.
    pub sender: Sender,
    /// The thread within the address, empty where the network has none.
    #[serde(default)]
    pub thread: String,
    /// What makes it the same event when it is delivered again; unique within its channel.
    pub dedupe: String,
    /// When it happened, as the network tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<DateTime<Utc>>,
    /// What happened.
    pub what: Inbound,
}

/// What a provider says of an account's connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Standing {
    /// All is well again.
    Well,
    /// It works, and somebody has to look: what is wrong, for operators.
    Troubled {
        /// What is wrong.
        why: String,
    },
    /// The provider takes nothing from it for now: what is wrong, for operators.
    Down {
        /// What is wrong.
        why: String,
    },
    /// There is no connection any more: the app was removed, or its tokens were taken back.
    Ended {
        /// What happened.
        why: String,
    },
}

impl Standing {
    /// What is wrong, where anything is.
    pub fn why(&self) -> Option<&str> {
        match self {
            Self::Well => None,
            Self::Troubled { why } | Self::Down { why } | Self::Ended { why } => Some(why),
        }
    }
}

/// The kinds of things that come in. The tag carries the version of the variant's shape.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event")]
pub enum Inbound {
    /// The person wrote something.
    #[serde(rename = "message.1")]
    Message {
        /// The provider's id of it.
        provider_id: String,
        /// What it holds.
        content: Content,
        /// The provider's id of the message it answers.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reply_to: Option<String>,
    },
    /// The person sent several files at once, and this is one of them. Those that come within the time given are one
    /// message.
    #[serde(rename = "part.1")]
    Part {
        /// The provider's id of it.
        provider_id: String,
        /// What it holds.
        content: Content,
        /// The provider's id of what it is a part of.
        album: String,
        /// How long the other parts are waited for, in milliseconds.
        join_ms: u32,
    },
    /// The parts of a message have been waited for. Made by ourselves.
    #[serde(rename = "joined.1")]
    Joined {
        /// Our id of the message.
        message: MessageId,
    },
    /// The person chose an option.
    #[serde(rename = "postback.1")]
    Postback {
        /// The provider's id of the choice.
        provider_id: String,
        /// The id of the option.
        payload: String,
        /// What the person read on it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        title: Option<String>,
        /// The provider's id of the message that offered it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reply_to: Option<String>,
    },
    /// The person changed a message.
    #[serde(rename = "edit.1")]
    Edit {
        /// The provider's id of the changed message.
        provider_id: String,
        /// What it holds now.
        content: Content,
    },
    /// The person took a message back.
    #[serde(rename = "delete.1")]
    Delete {
        /// The provider's id of the message.
        provider_id: String,
    },
    /// The person reacted to a message, or took the reaction back.
    #[serde(rename = "reaction.1")]
    Reaction {
        /// The provider's id of the message reacted to.
        provider_id: String,
        /// The reaction; none when it was taken back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        emoji: Option<String>,
    },
    /// The provider reports how far one of our messages has come.
    #[serde(rename = "status.1")]
    Status {
        /// The provider's id of our message.
        provider_id: String,
        /// How far it has come.
        status: DeliveryStatus,
        /// Why it failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failure: Option<Failure>,
        /// The tag we sent along, where the provider echoes it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        correlation: Option<String>,
        /// Whether it holds for everything that the person was sent before it, too.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        and_before: bool,
    },
    /// The person opened the conversation without writing.
    #[serde(rename = "opened.1")]
    Opened {
        /// What the link or button that led here carried.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        payload: Option<String>,
    },
    /// The person's address or standing changed.
    #[serde(rename = "contact_changed.1")]
    ContactChanged {
        /// The new address, where it changed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        new_address: Option<String>,
        /// Whether the person now refuses our messages.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        blocked: Option<bool>,
    },
    /// The person is writing.
    #[serde(rename = "typing.1")]
    Typing,
    /// A timer of the conversation is due. Made by ourselves.
    #[serde(rename = "timeout.1")]
    Timeout {
        /// The conversation that waits.
        conversation: ConversationId,
        /// The instant that was waited for.
        due: DateTime<Utc>,
    },
    /// A question that the bot asked outside was answered. Made by ourselves.
    #[serde(rename = "answer.1")]
    Answer {
        /// The conversation that waits.
        conversation: ConversationId,
        /// The number of the question within the conversation.
        question: u64,
        /// The answer, in the words of the flow engine.
        answer: serde_json::Value,
        /// The message that the turn which asked is about.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<MessageId>,
    },
    /// Something happened outside that a bot may wait for. Made by ourselves.
    #[serde(rename = "happened.1")]
    Happened {
        /// What happened: `order.paid`.
        name: String,
        /// What is known about it.
        data: serde_json::Value,
    },
    /// Something of ours was written to the person outside of this platform: by somebody in the network's own app. The
    /// sender is the person it went to.
    #[serde(rename = "echo.1")]
    Echo {
        /// The provider's id of it.
        provider_id: String,
        /// What it holds.
        content: Content,
        /// Whether the network tells of what we sent through its interface in the same way.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        may_be_ours: bool,
    },
    /// Something about the account rather than a person.
    #[serde(rename = "account.1")]
    Account {
        /// The provider's name for it.
        name: String,
        /// What it means for the connection, where it means anything.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        standing: Option<Standing>,
        /// As it came.
        raw: serde_json::Value,
    },
    /// Something the network asks, and that has to be answered within seconds, before anybody can be asked: whether a
    /// payment may go on. The adapter answers it ([`Outbound::MarkRead`] with this id).
    #[serde(rename = "query.1")]
    Query {
        /// The id of the question.
        id: String,
        /// The provider's name for it.
        name: String,
        /// As it came.
        raw: serde_json::Value,
    },
    /// Something about a template of the account.
    #[serde(rename = "template.1")]
    Template(TemplateChange),
    /// Something the network tells about the chat: members, titles, pins.
    #[serde(rename = "service.1")]
    Service {
        /// The provider's name for it.
        name: String,
        /// As it came.
        raw: serde_json::Value,
    },
    /// A kind we do not know. Kept, so that nothing is lost.
    #[serde(rename = "unsupported.1")]
    Unsupported {
        /// The provider's id of it, where it has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        provider_id: Option<String>,
        /// The provider's name for its kind.
        name: String,
        /// As it came.
        raw: serde_json::Value,
    },
}

impl Inbound {
    /// A word for logs and metrics.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Message { .. } => "message",
            Self::Part { .. } => "part",
            Self::Joined { .. } => "joined",
            Self::Postback { .. } => "postback",
            Self::Edit { .. } => "edit",
            Self::Delete { .. } => "delete",
            Self::Reaction { .. } => "reaction",
            Self::Status { .. } => "status",
            Self::Opened { .. } => "opened",
            Self::ContactChanged { .. } => "contact_changed",
            Self::Typing => "typing",
            Self::Timeout { .. } => "timeout",
            Self::Answer { .. } => "answer",
            Self::Happened { .. } => "happened",
            Self::Echo { .. } => "echo",
            Self::Account { .. } => "account",
            Self::Query { .. } => "query",
            Self::Template(_) => "template",
            Self::Service { .. } => "service",
            Self::Unsupported { .. } => "unsupported",
        }
    }
}

/// One thing that goes out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutboundEvent {
    /// The address it goes to.
    pub to: String,
    /// The thread within the address, empty where the network has none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub thread: String,
    /// What is to be done.
    pub what: Outbound,
}

/// The kinds of things that go out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event")]
pub enum Outbound {
    /// Send a message.
    #[serde(rename = "send.1")]
    Send(Box<Send>),
    /// Show that an answer is being written.
    #[serde(rename = "typing.1")]
    Typing,
    /// Show that the person's message was seen.
    #[serde(rename = "mark_read.1")]
    MarkRead {
        /// The provider's id of the person's message, choice or question.
        provider_id: String,
        /// Whether an answer is being written, and is to be waited for.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        typing: bool,
    },
}

/// A message to be sent. Its row in `channel_messages` was written with the turn that made it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Send {
    /// Our id of it; also the tag that the provider echoes where it can.
    pub message: MessageId,
    /// Its conversation.
    pub conversation: ConversationId,
    /// What it holds.
    pub content: Content,
    /// The provider's id of the message it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    /// An address that takes it for a while where the other does not ([`Sender::reply_via`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_via: Option<String>,
    /// After this instant it is not sent any more.
    pub not_after: DateTime<Utc>,
    /// Whether it is one of many that were sent together: it gives way to everything else of its account.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bulk: bool,
    /// The end of the reply window, as it was known when this was written. It is looked up once that has passed, or
    /// where it was not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<DateTime<Utc>>,
    /// Until when it waits for its contact to write, while it is held outside the reply window. What is held after that
    /// is not sent, even if the contact has written since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_until: Option<DateTime<Utc>>,
    /// Whether a person wrote it: some networks give persons more time than programs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_person: bool,
}
