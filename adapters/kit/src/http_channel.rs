//! How we call a provider: encode a part, interpret the answer, name what went wrong.

use std::time::Duration;

use botbuilder_domain::{Content, MessageId, Secret};
use bytes::Bytes;
use serde_json::Value;

use crate::Account;

/// One message as the channel can show it, made by the planner from a content.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// The message it belongs to; adapters pass it on as the tag that the provider echoes, where it can.
    pub message: MessageId,
    /// Which part of the message, from 0.
    pub index: usize,
    /// The address it goes to.
    pub to: String,
    /// The thread within the address, empty where there is none.
    pub thread: String,
    /// What it holds: within the channel's capabilities.
    pub content: Content,
    /// The provider's id of the message it answers.
    pub reply_to: Option<String>,
}

/// A request to a provider, before anything is on the network.
#[derive(Debug, Clone)]
pub struct ProviderRequest {
    /// The method.
    pub method: &'static str,
    /// The whole address. It may hold a secret (Telegram), so it is never logged.
    pub url: Secret<String>,
    /// The address for logs and trails, without secrets.
    pub shown_as: String,
    /// The bearer token, where the provider takes one.
    pub bearer: Option<Secret<String>>,
    /// The body.
    pub body: RequestBody,
}

/// A request's body.
#[derive(Debug, Clone)]
pub enum RequestBody {
    /// JSON.
    Json(Value),
    /// Fields and files.
    Multipart {
        /// The fields, in order.
        fields: Vec<(String, String)>,
        /// The files, each by the name of its field.
        files: Vec<(String, crate::Carried)>,
    },
    /// A file by itself.
    File(crate::Carried),
    /// Nothing.
    Empty,
}

/// A provider's answer.
#[derive(Debug, Clone)]
pub struct ProviderResponse {
    /// The HTTP status.
    pub status: u16,
    /// The `Retry-After` header in seconds, where there is one.
    pub retry_after: Option<Duration>,
    /// The body, capped.
    pub body: Bytes,
}

/// The provider's id of a message that it accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderMessageId(pub String);

/// What an answer tells besides the id of the message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// Further ids of the same message: of the files of an album, each of which people answer.
    pub ids: Vec<String>,
    /// Addresses of the person it went to, each as contacts are kept.
    pub addresses: Vec<String>,
}

/// The closed set of ways in which a send fails. Each says whether to try again, whose fault it is, and what the
/// operator is told (`channels.md` C15).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Too fast. The provider may say how long to wait, and whether only this recipient is meant.
    #[error("provider asks to slow down ({code})")]
    RetryAfter {
        /// How long, where the provider says.
        after: Option<Duration>,
        /// Whether only this recipient has to wait.
        recipient_only: bool,
        /// The provider's code.
        code: String,
    },
    /// It may work later.
    #[error("provider has a passing problem ({code}): {message}")]
    Transient {
        /// The provider's code.
        code: String,
        /// What it said, redacted.
        message: String,
    },
    /// It may work once, changed as said.
    #[error("provider wants the message changed ({code})")]
    RetryChanged {
        /// The provider's code.
        code: String,
        /// What to change.
        change: Change,
    },
    /// This message will never be taken.
    #[error("provider refuses the message ({code}): {message}")]
    Permanent {
        /// The provider's code.
        code: String,
        /// What it said, redacted.
        message: String,
    },
    /// The person cannot be reached any more, or blocked us.
    #[error("recipient cannot be reached ({code}): {message}")]
    RecipientGone {
        /// The provider's code.
        code: String,
        /// What it said, redacted.
        message: String,
        /// Whether the person blocked us, which also changes the contact.
        blocked: bool,
    },
    /// The person wants no such messages any more, which also changes the contact.
    #[error("recipient wants no such messages ({code}): {message}")]
    OptedOut {
        /// The provider's code.
        code: String,
        /// What it said, redacted.
        message: String,
    },
    /// The reply window is closed.
    #[error("reply window is closed ({code})")]
    WindowClosed {
        /// The provider's code.
        code: String,
    },
    /// The account's credentials do not work.
    #[error("provider refuses the credentials ({code}): {message}")]
    AuthBroken {
        /// The provider's code.
        code: String,
        /// What it said, redacted.
        message: String,
    },
    /// The provider has stopped the account.
    #[error("provider has stopped the account ({code}): {message}")]
    AccountStopped {
        /// The provider's code.
        code: String,
        /// What it said, redacted.
        message: String,
    },
    /// The account is not set up for sending: a setting or credential is missing.
    #[error("channel is not configured for sending: {missing} is missing")]
    NotConfigured {
        /// What is missing.
        missing: &'static str,
    },
    /// Whether the provider took it is not known: the request was written and no answer came.
    #[error("outcome is not known: {message}")]
    Uncertain {
        /// What happened.
        message: String,
    },
}

/// How a message is changed before it is tried once more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Send it to this address; the chat has moved there.
    Address(String),
    /// Send it without markup, buttons and the like: text only.
    PlainText,
    /// Send it without naming the message or the thread it answers.
    WithoutReply,
    /// Send the address of its file as text; the provider could not fetch the file.
    LinkText,
}

impl SendError {
    /// Our stable code for `channel_messages.error_code`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::RetryAfter { .. } => "rate_limited",
            Self::Transient { .. } => "provider_unavailable",
            Self::RetryChanged { .. } => "provider_wants_change",
            Self::Permanent { .. } => "refused",
            Self::RecipientGone { .. } => "recipient_gone",
            Self::OptedOut { .. } => "opted_out",
            Self::WindowClosed { .. } => "window_closed",
            Self::AuthBroken { .. } => "credentials_refused",
            Self::AccountStopped { .. } => "account_stopped",
            Self::NotConfigured { .. } => "provider_not_configured",
            Self::Uncertain { .. } => "uncertain",
        }
    }

    /// The provider's own code, where there is one.
    pub fn provider_code(&self) -> Option<&str> {
        match self {
            Self::RetryAfter { code, .. }
            | Self::Transient { code, .. }
            | Self::RetryChanged { code, .. }
            | Self::Permanent { code, .. }
            | Self::RecipientGone { code, .. }
            | Self::OptedOut { code, .. }
            | Self::WindowClosed { code }
            | Self::AuthBroken { code, .. }
            | Self::AccountStopped { code, .. } => Some(code),
            Self::NotConfigured { .. } | Self::Uncertain { .. } => None,
        }
    }

    /// Whether the same message may be tried again later.
    pub const fn is_retriable(&self) -> bool {
        matches!(self, Self::RetryAfter { .. } | Self::Transient { .. })
    }
}

/// What a person is shown of a message of theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Show {
    /// That it was seen.
    pub seen: bool,
    /// That an answer is being written.
    pub typing: bool,
}

/// A channel whose provider is called by HTTP. All of it is pure.
pub trait HttpChannel: Send + Sync {
    /// The requests that send a part, in order.
    fn encode(&self, account: &Account, part: &Part) -> Result<Vec<ProviderRequest>, SendError>;

    /// The request that asks under which address a part is taken, where that is not the one it goes to.
    fn encode_place(&self, _account: &Account, _part: &Part) -> Result<Option<ProviderRequest>, SendError> {
        Ok(None)
    }

    /// The address that the answer to [`HttpChannel::encode_place`] names.
    fn place(&self, response: &ProviderResponse) -> Result<String, SendError> {
        Err(SendError::Transient {
            code: response.status.to_string(),
            message: "the provider did not say where the message is taken".to_owned(),
        })
    }

    /// The request that opens the way to a recipient that refused a part, where there is one that may: to join a channel
    /// before writing in it. The part is then sent once more.
    fn encode_opening(
        &self,
        _account: &Account,
        _part: &Part,
        _refused: &SendError,
    ) -> Result<Option<ProviderRequest>, SendError> {
        Ok(None)
    }

    /// Whether the answer to [`HttpChannel::encode_opening`] opened the way; else why the part fails, and what to do.
    fn opened(&self, _response: &ProviderResponse, refused: SendError) -> Result<(), SendError> {
        Err(refused)
    }

    /// The request that sends a part by the other address that the person's event named
    /// ([`botbuilder_domain::Sender::reply_via`]), where that is possible. Asked where the usual one reaches nobody.
    fn encode_via(
        &self,
        _account: &Account,
        _part: &Part,
        _via: &str,
    ) -> Result<Option<ProviderRequest>, SendError> {
        Ok(None)
    }

    /// What the answer to [`HttpChannel::encode_via`] means. It names no message.
    fn interpret_via(&self, response: &ProviderResponse) -> Result<(), SendError> {
        self.interpret(response).map(|_| ())
    }

    /// The request that shows the person that an answer is being written; none where the provider has none.
    fn encode_typing(&self, _account: &Account, _to: &str) -> Result<Option<ProviderRequest>, SendError> {
        Ok(None)
    }

    /// The request that shows the person that their message or choice was seen; none where the provider has
    /// none. `provider_id` is the id of the inbound message or postback.
    fn encode_mark_read(
        &self,
        _account: &Account,
        _to: &str,
        _provider_id: &str,
    ) -> Result<Option<ProviderRequest>, SendError> {
        Ok(None)
    }

    /// The requests that show the person of an inbound message that it was seen, that an answer is being written, or both;
    /// none where the provider has none.
    fn encode_seen(
        &self,
        account: &Account,
        to: &str,
        provider_id: &str,
        show: Show,
    ) -> Result<Vec<ProviderRequest>, SendError> {
        let seen = if show.seen { self.encode_mark_read(account, to, provider_id)? } else { None };
        let typing = if show.typing { self.encode_typing(account, to)? } else { None };
        Ok(seen.into_iter().chain(typing).collect())
    }

    /// The same request, saying that a person wrote the message: for networks that give persons more time than programs.
    fn by_person(&self, request: ProviderRequest) -> ProviderRequest {
        request
    }

    /// What a refusal means for this part, where its code alone does not tell: whether it named its file or uploaded it.
    fn judged(&self, _part: &Part, error: SendError) -> SendError {
        error
    }

    /// What an answer means. The id is empty where the request made no message (typing, mark read).
    fn interpret(&self, response: &ProviderResponse) -> Result<ProviderMessageId, SendError>;

    /// What an answer that was taken as a success by [`HttpChannel::interpret`] tells besides.
    fn told(&self, _response: &ProviderResponse) -> Told {
        Told::default()
    }
}
