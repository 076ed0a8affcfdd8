//! Why a message was not sent, and when it is tried again.

use std::time::Duration;

use botbuilder_adapter_kit::{SendError, templates::Unfit};
use botbuilder_domain::{Failure, MessageId, Stage};
use botbuilder_service::config::Dispatcher;
use botbuilder_store::channels::channel_messages::Bar;
use chrono::{DateTime, Utc};

use super::breaker;

/// Why a message was not sent.
pub(super) enum Failed {
    Send(SendError),
    NotPossible(String),
    Disconnected,
    Expired,
    OutsideWindow,
    NotHeard,
    Unfit(Unfit),
    Barred(Bar),
    Panicked,
}

/// How a message has fared.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tried {
    /// The message.
    pub(super) message: MessageId,
    /// Attempts so far.
    pub(super) attempts: u32,
    /// Whether it was tried often, or for long.
    pub(super) late: bool,
}

impl Tried {
    /// A message after so many attempts.
    pub(super) fn new(message: MessageId, attempts: u32, rules: &Dispatcher, now: DateTime<Utc>) -> Self {
        let long = (now - message.created_at()).to_std().is_ok_and(|since| since >= rules.retry_late_after);
        // One that waited before its first attempt was not tried for long.
        Self { message, attempts, late: long && attempts > 1 || attempts >= rules.retry_late_attempts }
    }
}

/// When a message is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Again {
    /// After so long.
    pub(super) wait: Duration,
    /// Whether the time before counts as an attempt, and takes from what the account may retry.
    pub(super) counts: bool,
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
            Self::Barred(Bar::Blocked) => {
                ("contact_blocked", None, "the contact is blocked, or has blocked the account".to_owned())
            }
            Self::Barred(Bar::OptedOut) => {
                ("opted_out", None, "the contact wants no messages of campaigns".to_owned())
            }
            Self::Panicked => ("internal", None, "the program fails on this message".to_owned()),
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
            | Self::Unfit(_)
            | Self::Barred(_)
            | Self::Panicked => Stage::Refused,
        }
    }

    /// What the provider told of the contact.
    pub(super) const fn of_contact(&self) -> Option<Bar> {
        match self {
            Self::Send(SendError::RecipientGone { blocked: true, .. }) => Some(Bar::Blocked),
            Self::Send(SendError::OptedOut { .. }) => Some(Bar::OptedOut),
            _ => None,
        }
    }

    /// When the message is tried again, if it is. `slowed` tells how long to wait where the provider asks to slow down and
    /// does not say for how long, for this recipient alone or for all.
    pub(super) fn retry(
        &self,
        tried: Tried,
        rules: &Dispatcher,
        slowed: impl FnOnce(bool) -> Duration,
    ) -> Option<Again> {
        let uncounted = |wait| Again { wait, counts: false };
        match self {
            Self::Send(SendError::RetryAfter { after: Some(after), .. }) => Some(uncounted(*after)),
            Self::Send(SendError::RetryAfter { after: None, recipient_only, .. }) => {
                Some(uncounted(slowed(*recipient_only)))
            }
            Self::Send(error) if error.is_retriable() => {
                Some(Again { wait: backoff(tried, rules), counts: true })
            }
            // Nobody's message is at fault: it waits until the account works again, or until its time is over.
            Self::Send(SendError::AuthBroken { .. } | SendError::AccountStopped { .. }) => {
                Some(uncounted(breaker::OPEN))
            }
            _ => None,
        }
    }
}

/// Full jitter over an exponential delay (`channels.md` 5.2). The jitter comes from the message's id, so that it needs no
/// randomness and two messages that failed together do not come back together.
fn backoff(tried: Tried, rules: &Dispatcher) -> Duration {
    let Tried { message, attempts, late } = tried;
    let cap = if late { rules.retry_late_cap } else { rules.retry_cap };
    let most = rules.retry_base.saturating_mul(2_u32.saturating_pow(attempts.saturating_sub(1))).min(cap);
    let (_, random) = message.uuid().as_u64_pair();
    let mixed = random.rotate_left(attempts.wrapping_mul(7)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let parts_of_1000 = u32::try_from(mixed >> 54).unwrap_or(0).min(1000);
    // Never at once: a provider that just failed is given a moment.
    (most * parts_of_1000 / 1000).max(Duration::from_millis(50))
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use uuid::Uuid;

    use super::*;

    /// A message that was just written, after so many attempts.
    fn tried(id: Uuid, attempts: u32) -> Tried {
        let message = MessageId::new(id);
        Tried::new(message, attempts, &Dispatcher::default(), message.created_at())
    }

    #[test]
    fn to_be_told_to_wait_does_not_count_and_is_kept_to() {
        let told = |after, recipient_only| {
            let code = "131056".to_owned();
            let failed = Failed::Send(SendError::RetryAfter { after, recipient_only, code });
            failed.retry(tried(Uuid::nil(), 9), &Dispatcher::default(), |alone| {
                Duration::from_secs(if alone { 64 } else { 8 })
            })
        };
        let wait = |seconds| Some(Again { wait: Duration::from_secs(seconds), counts: false });
        assert_eq!(told(Some(Duration::from_secs(3)), true), wait(3));
        assert_eq!(told(None, true), wait(64));
        assert_eq!(told(None, false), wait(8));
        let passing = Failed::Send(SendError::Transient { code: "1".to_owned(), message: String::new() });
        let again = passing.retry(tried(Uuid::nil(), 1), &Dispatcher::default(), |_| Duration::ZERO);
        assert!(again.is_some_and(|again| again.counts), "{again:?}");
    }

    #[test]
    fn what_a_provider_tells_of_a_contact_is_heard() {
        let gone = |blocked| {
            Failed::Send(SendError::RecipientGone { code: String::new(), message: String::new(), blocked })
        };
        assert_eq!(gone(true).of_contact(), Some(Bar::Blocked));
        assert_eq!(gone(false).of_contact(), None);
        let opted_out = SendError::OptedOut { code: "131050".to_owned(), message: String::new() };
        assert_eq!(Failed::Send(opted_out).of_contact(), Some(Bar::OptedOut));
        assert_eq!(Failed::Expired.of_contact(), None);
    }

    #[test]
    fn delays_grow_and_stay_below_their_cap() {
        let rules = Dispatcher::default();
        for id in 0..1000_u128 {
            let id = Uuid::from_u128(id.wrapping_mul(0x1234_5678_9ABC_DEF1));
            for attempts in 1..20 {
                let wait = backoff(tried(id, attempts), &rules);
                let cap = if attempts >= 8 { rules.retry_late_cap } else { rules.retry_cap };
                assert!(wait >= Duration::from_millis(50) && wait <= cap, "{wait:?}");
                if attempts == 1 {
                    assert!(wait <= rules.retry_base);
                }
            }
        }
    }

    #[test]
    fn a_message_is_late_after_many_attempts_or_a_long_time() {
        let (rules, message) = (Dispatcher::default(), MessageId::new(Uuid::nil()));
        let late = |attempts, minutes| {
            let now = message.created_at() + TimeDelta::minutes(minutes);
            Tried::new(message, attempts, &rules, now).late
        };
        assert!(!late(7, 14) && !late(1, 60));
        assert!(late(8, 0) && late(2, 15));
    }
}
