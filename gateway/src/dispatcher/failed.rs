//! Why a message was not sent, and when it is tried again.

use std::time::Duration;

use botbuilder_adapter_kit::{SendError, templates::Unfit};
use botbuilder_domain::{Failure, MessageId, Stage};
use chrono::TimeDelta;

use super::breaker;

/// The first delay before a retry (`channels.md` 5.2).
const BASE: Duration = Duration::from_secs(1);
/// The longest delay at first.
const CAP: Duration = Duration::from_mins(1);
/// The longest delay after many attempts.
const LATE_CAP: Duration = Duration::from_mins(15);
/// After so many attempts the longest delay rises.
const MANY: u32 = 8;

/// Why a message was not sent.
pub(super) enum Failed {
    Send(SendError),
    NotPossible(String),
    Disconnected,
    Expired,
    OutsideWindow,
    NotHeard,
    Unfit(Unfit),
}

impl Failed {
    pub(super) fn failure(&self) -> Failure {
        let (code, provider_code, message) = match self {
            Self::Send(error) => (error.code(), error.provider_code().map(str::to_owned), error.to_string()),
            Self::NotPossible(reason) => ("not_possible", None, reason.clone()),
            Self::Disconnected => ("channel_disconnected", None, "the channel is not connected".to_owned()),
            Self::Expired => ("expired", None, "its time had passed before it could be sent".to_owned()),
            Self::OutsideWindow => {
                let message = "the contact has not written lately; the network takes only approved templates";
                ("window_closed", None, message.to_owned())
            }
            Self::NotHeard => {
                let message = "it was held outside the reply window, and the contact did not write in time";
                ("expired", None, message.to_owned())
            }
            Self::Unfit(unfit) => (unfit.code, None, unfit.reason.clone()),
        };
        Failure { code: code.to_owned(), provider_code, message }
    }

    pub(super) const fn stage(&self) -> Stage {
        match self {
            Self::Send(SendError::Uncertain { .. }) => Stage::Uncertain,
            Self::Expired | Self::NotHeard => Stage::Expired,
            Self::Send(_)
            | Self::NotPossible(_)
            | Self::Disconnected
            | Self::OutsideWindow
            | Self::Unfit(_) => Stage::Refused,
        }
    }

    /// How long to wait before the next attempt, if there is to be one.
    pub(super) fn retry(&self, message: MessageId, attempt: u32) -> Option<TimeDelta> {
        let wait = match self {
            Self::Send(SendError::RetryAfter { after: Some(after), .. }) => *after,
            Self::Send(error) if error.is_retriable() => backoff(message, attempt),
            // Nobody's message is at fault: it waits until the account works again, or until its time is over.
            Self::Send(SendError::AuthBroken { .. } | SendError::AccountStopped { .. }) => breaker::OPEN,
            _ => return None,
        };
        TimeDelta::from_std(wait).ok()
    }
}

/// Full jitter over an exponential delay. The jitter comes from the message's id, so that it needs no randomness and
/// two messages that failed together do not come back together.
fn backoff(message: MessageId, attempt: u32) -> Duration {
    let cap = if attempt >= MANY { LATE_CAP } else { CAP };
    let most = BASE.saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1))).min(cap);
    let (_, random) = message.uuid().as_u64_pair();
    let mixed = random.rotate_left(attempt.wrapping_mul(7)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let parts_of_1000 = u32::try_from(mixed >> 54).unwrap_or(0).min(1000);
    // Never at once: a provider that just failed is given a moment.
    (most * parts_of_1000 / 1000).max(Duration::from_millis(50))
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn delays_grow_and_stay_below_their_cap() {
        for id in 0..1000_u128 {
            let message = MessageId::new(Uuid::from_u128(id.wrapping_mul(0x1234_5678_9ABC_DEF1)));
            for attempt in 1..20 {
                let wait = backoff(message, attempt);
                let cap = if attempt >= MANY { LATE_CAP } else { CAP };
                assert!(wait >= Duration::from_millis(50) && wait <= cap, "{wait:?}");
                if attempt == 1 {
                    assert!(wait <= BASE);
                }
            }
        }
    }
}
