//! What makes a bot take a step.

use botbuilder_domain::{ChannelKind, Content, Inbound, Sender};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    expression::{Facts, Value},
    question::{Answer, AskFailure},
    template::cut,
};

/// Who writes, and where: what `contact.name`, `contact.locale` and `channel` show.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Context {
    /// What stands for the contact in this product: the same in every turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    /// What stands for the conversation, where somebody tells conversations of a contact apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<String>,
    /// The name the network shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact_name: Option<String>,
    /// The language the network tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// What whoever starts the conversation gives it, by the names of variables that its flows share.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub given: Value,
    /// The network.
    pub channel: ChannelKind,
    /// What is kept with the contact, by name.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub attributes: Value,
}

fn is_nothing(value: &Value) -> bool {
    *value == Value::Null
}

/// Somebody unknown on a website.
impl Default for Context {
    fn default() -> Self {
        Self {
            contact: None,
            conversation: None,
            contact_name: None,
            locale: None,
            given: Value::Null,
            channel: ChannelKind::Web,
            attributes: Value::Null,
        }
    }
}

impl Context {
    /// What the sender of an event tells about itself.
    pub fn of(sender: &Sender, channel: ChannelKind) -> Self {
        let (contact_name, locale) = (sender.display_name.clone(), sender.locale.clone());
        Self { contact_name, locale, channel, ..Self::default() }
    }
}

/// The event by which the bot begins from the start, without a word of the person. Its data may have a `payload` and
/// `variables`.
pub const START: &str = "botbuilder.start";

/// What makes a bot take a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "input", rename_all = "snake_case")]
pub enum Input {
    /// The person wrote something.
    Message {
        /// What it holds.
        content: Content,
        /// Who wrote it.
        context: Context,
    },
    /// The person chose an option.
    Postback {
        /// The id of the option.
        payload: String,
        /// What the person read on it.
        title: Option<String>,
        /// Who chose it.
        context: Context,
    },
    /// The person opened the conversation without writing: pressed the start button, followed a link. The
    /// flow starts, from its beginning if it was under way. Showing a conversation again is not opening it.
    Opened {
        /// What the link carried.
        payload: Option<String>,
        /// Who opened it.
        context: Context,
    },
    /// An instant that was waited for has come. One for an earlier wait changes nothing.
    Timeout {
        /// The instant that was waited for.
        due: DateTime<Utc>,
        /// Whose conversation it is.
        context: Context,
    },
    /// A question was answered. An answer to another question than the one that waits changes nothing.
    Answer {
        /// The number of the question.
        question: u64,
        /// What the world says.
        answer: Answer,
        /// Whose conversation it is.
        context: Context,
    },
    /// Something happened outside that a conversation may wait for. Where none does, it changes nothing.
    Event {
        /// What happened: `order.paid`.
        name: String,
        /// What is known about it.
        data: Value,
        /// Whose conversation it is.
        context: Context,
    },
}

impl Input {
    /// The input in an event; none where the event is nothing for a bot.
    pub fn from_event(event: &Inbound, context: Context) -> Option<Self> {
        match event {
            Inbound::Message { content, .. } => Some(Self::Message { content: content.clone(), context }),
            Inbound::Postback { payload, title, .. } => {
                Some(Self::Postback { payload: payload.clone(), title: title.clone(), context })
            }
            Inbound::Opened { payload } => Some(Self::Opened { payload: payload.clone(), context }),
            Inbound::Timeout { due, .. } => Some(Self::Timeout { due: *due, context }),
            Inbound::Answer { question, answer, .. } => {
                // An answer that a later program wrote in other words is none.
                let unreadable = Answer::Failed { failure: AskFailure::Unreadable };
                let answer = Answer::deserialize(answer).unwrap_or(unreadable);
                Some(Self::Answer { question: *question, answer, context })
            }
            // Nobody wrote: no window opens, and no message is kept.
            Inbound::Happened { name, data } if name == START => {
                let payload = data.get("payload").and_then(|payload| payload.as_str()).map(str::to_owned);
                let given = data.get("variables").and_then(Value::from_json).unwrap_or_default();
                Some(Self::Opened { payload, context: Context { given, ..context } })
            }
            Inbound::Happened { name, data } => {
                let data = Value::from_json(data).unwrap_or_default();
                Some(Self::Event { name: name.clone(), data, context })
            }
            // A part alone is nothing yet; the message is, once its parts have been waited for.
            Inbound::Part { .. }
            | Inbound::Joined { .. }
            | Inbound::Edit { .. }
            | Inbound::Delete { .. }
            | Inbound::Reaction { .. }
            | Inbound::Status { .. }
            | Inbound::ContactChanged { .. }
            | Inbound::Echo { .. }
            | Inbound::Typing
            | Inbound::Account { .. }
            | Inbound::Query { .. }
            | Inbound::Template(_)
            | Inbound::Service { .. }
            | Inbound::Unsupported { .. } => None,
        }
    }

    /// A message of plain text from somebody unknown on a website.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Message { content: Content::text(text), context: Context::default() }
    }

    /// Who writes, and where.
    pub fn context(&self) -> &Context {
        match self {
            Self::Message { context, .. }
            | Self::Postback { context, .. }
            | Self::Opened { context, .. }
            | Self::Timeout { context, .. }
            | Self::Answer { context, .. }
            | Self::Event { context, .. } => context,
        }
    }

    /// What the person wrote or chose, without outer spaces; none where that is nothing.
    pub(crate) fn answer(&self) -> Option<&str> {
        let text = match self {
            Self::Message { content, .. } => content.plain_text(),
            Self::Postback { payload, title, .. } => Some(title.as_deref().unwrap_or(payload)),
            Self::Opened { .. } | Self::Timeout { .. } | Self::Answer { .. } | Self::Event { .. } => None,
        };
        text.map(str::trim).filter(|text| !text.is_empty())
    }

    /// The facts that hold during the step. Texts are cut to `max` bytes.
    pub(crate) fn facts(&self, max: usize) -> Facts {
        let text = |text: Option<&str>| text.map_or(Value::Null, |text| Value::text(cut(text, max)));
        let payload = match self {
            Self::Message { .. } | Self::Timeout { .. } | Self::Answer { .. } | Self::Event { .. } => None,
            Self::Postback { payload, .. } => Some(payload.as_str()),
            Self::Opened { payload, .. } => payload.as_deref(),
        };
        let (event_name, event_data) = match self {
            Self::Event { name, data, .. } => (text(Some(name)), data.clone()),
            _ => (Value::Null, Value::Null),
        };
        let context = self.context();
        Facts {
            contact_id: text(context.contact.as_deref()),
            given: context.given.clone(),
            conversation_id: text(context.conversation.as_deref()),
            contact_attributes: context.attributes.clone(),
            event_name,
            event_data,
            contact_name: text(context.contact_name.as_deref()),
            contact_locale: text(context.locale.as_deref()),
            channel: text(Some(context.channel.as_str())),
            input_text: text(self.answer()),
            input_payload: text(payload),
            ..Facts::default()
        }
    }
}
