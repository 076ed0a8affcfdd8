//! What is wrong between us and a provider, beside the sending of messages, and what an operator does about it.

use std::time::Duration;

use crate::SendError;

/// Why an account cannot be connected, or nothing comes in from it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{said}: {advice}")]
pub struct Trouble {
    /// Our stable code, for `channels.error_code`.
    pub code: &'static str,
    /// What happened, with the provider's own code and words, redacted.
    pub said: String,
    /// What to do about it.
    pub advice: &'static str,
    /// Whether it may be over by itself.
    pub passes: bool,
    /// How long the provider says to wait.
    pub after: Option<Duration>,
}

impl Trouble {
    /// One that stays until an operator has done something.
    pub fn staying(code: &'static str, said: impl Into<String>, advice: &'static str) -> Self {
        Self { code, said: said.into(), advice, passes: false, after: None }
    }

    /// One that may be over by itself.
    pub fn passing(code: &'static str, said: impl Into<String>) -> Self {
        let advice = "it is tried again by itself; nothing is lost meanwhile";
        Self { code, said: said.into(), advice, passes: true, after: None }
    }

    /// Something that has to be entered first.
    pub fn missing(what: &'static str) -> Self {
        let advice = "enter it in the channel's settings or credentials";
        Self::staying("provider_not_configured", format!("{what} is missing"), advice)
    }
}

/// What a refused call means where no message is at stake. A call whose outcome is not known is simply made again.
impl From<SendError> for Trouble {
    fn from(error: SendError) -> Self {
        let code = error.code();
        match error {
            SendError::RetryAfter { after, code: theirs, .. } => {
                let said = format!("the provider asks to slow down ({theirs})");
                Self { after, ..Self::passing(code, said) }
            }
            SendError::Transient { code: theirs, message } => {
                Self::passing(code, format!("the provider has a passing problem ({theirs}): {message}"))
            }
            SendError::Uncertain { message } => Self::passing("provider_unavailable", message),
            SendError::NotConfigured { missing } => Self::missing(missing),
            SendError::AuthBroken { code: theirs, message } => Self::staying(
                code,
                format!("the provider refuses the token ({theirs}): {message}"),
                "get a new token at the provider and enter it as the channel's credentials",
            ),
            SendError::AccountStopped { code: theirs, message } => Self::staying(
                code,
                format!("the provider has stopped the account ({theirs}): {message}"),
                "look in the provider's console what it wants",
            ),
            SendError::Permanent { code: theirs, message }
            | SendError::RecipientGone { code: theirs, message, .. }
            | SendError::OptedOut { code: theirs, message } => Self::staying(
                "refused",
                format!("the provider refuses the call ({theirs}): {message}"),
                "compare the channel's settings with what the provider's console shows",
            ),
            SendError::RetryChanged { code: theirs, .. } | SendError::WindowClosed { code: theirs } => {
                Self::staying(
                    "refused",
                    format!("the provider refuses the call ({theirs})"),
                    "compare the channel's settings with what the provider's console shows",
                )
            }
        }
    }
}
