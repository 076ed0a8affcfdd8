//! What makes a bot take a step.

use botbuilder_domain::{ChannelKind, Content, Inbound, Sender};
use chrono::{DateTime, Utc};

use crate::{
    expression::{Facts, Value},
    template::cut,
};

/// Who writes, and where: what `contact.name`, `contact.locale` and `channel` show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// The name the network shows.
    pub contact_name: Option<String>,
    /// The language the network tells.
    pub locale: Option<String>,
    /// The network.
    pub channel: ChannelKind,
}

/// Somebody unknown on a website.
impl Default for Context {
    fn default() -> Self {
        Self { contact_name: None, locale: None, channel: ChannelKind::Web }
    }
}

impl Context {
    /// What the sender of an event tells about itself.
    pub fn of(sender: &Sender, channel: ChannelKind) -> Self {
        Self { contact_name: sender.display_name.clone(), locale: sender.locale.clone(), channel }
    }
}

/// What makes a bot take a step.
#[derive(Debug, Clone, PartialEq)]
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
            Inbound::Edit { .. }
            | Inbound::Delete { .. }
            | Inbound::Reaction { .. }
            | Inbound::Status { .. }
            | Inbound::ContactChanged { .. }
            | Inbound::Typing
            | Inbound::Account { .. }
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
            | Self::Timeout { context, .. } => context,
        }
    }

    /// What the person wrote or chose, without outer spaces; none where that is nothing.
    pub(crate) fn answer(&self) -> Option<&str> {
        let text = match self {
            Self::Message { content, .. } => content.plain_text(),
            Self::Postback { payload, title, .. } => Some(title.as_deref().unwrap_or(payload)),
            Self::Opened { .. } | Self::Timeout { .. } => None,
        };
        text.map(str::trim).filter(|text| !text.is_empty())
    }

    /// The facts that hold during the step. Texts are cut to `max` bytes.
    pub(crate) fn facts(&self, max: usize) -> Facts {
        let text = |text: Option<&str>| text.map_or(Value::Null, |text| Value::text(cut(text, max)));
        let payload = match self {
            Self::Message { .. } | Self::Timeout { .. } => None,
            Self::Postback { payload, .. } => Some(payload.as_str()),
            Self::Opened { payload, .. } => payload.as_deref(),
        };
        let context = self.context();
        Facts {
            contact_name: text(context.contact_name.as_deref()),
            contact_locale: text(context.locale.as_deref()),
            channel: text(Some(context.channel.as_str())),
            input_text: text(self.answer()),
            input_payload: text(payload),
            ..Facts::default()
        }
    }
}
