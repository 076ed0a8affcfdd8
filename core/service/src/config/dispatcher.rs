//! `[dispatcher]`: how messages are sent to providers.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Problem, units};

/// The dispatcher.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Dispatcher {
    /// A bot's reply older than this is expired rather than sent late.
    #[serde(with = "units::duration")]
    pub reply_expires_after: Duration,
    /// The longest wait before the first retry; twice as long at each that follows. Each wait is a random part of it.
    #[serde(with = "units::duration")]
    pub retry_base: Duration,
    /// The longest wait before any retry, at first.
    #[serde(with = "units::duration")]
    pub retry_cap: Duration,
    /// The same for a message that was tried often, or for long.
    #[serde(with = "units::duration")]
    pub retry_late_cap: Duration,
    /// After so many attempts a message was tried often.
    pub retry_late_attempts: u32,
    /// After so long a message was tried for long.
    #[serde(with = "units::duration")]
    pub retry_late_after: Duration,
    /// Retries that an account may make for each hundred messages that were taken.
    pub retry_budget_percent: u32,
    /// Retries that it may make at first, and the most that it may have saved up.
    pub retry_reserve: u32,
}

impl Default for Dispatcher {
    fn default() -> Self {
        Self {
            reply_expires_after: Duration::from_hours(1),
            retry_base: Duration::from_secs(1),
            retry_cap: Duration::from_mins(1),
            retry_late_cap: Duration::from_mins(15),
            retry_late_attempts: 8,
            retry_late_after: Duration::from_mins(15),
            retry_budget_percent: 10,
            retry_reserve: 20,
        }
    }
}

impl Dispatcher {
    pub(super) fn validate(&self, problems: &mut Vec<Problem>) {
        for (key, value) in [
            ("dispatcher.reply_expires_after", self.reply_expires_after),
            ("dispatcher.retry_base", self.retry_base),
        ] {
            Problem::unless(value > Duration::ZERO, key, "must be longer than nothing", problems);
        }
        for (key, value, least, than) in [
            ("dispatcher.retry_cap", self.retry_cap, self.retry_base, "retry_base"),
            ("dispatcher.retry_late_cap", self.retry_late_cap, self.retry_cap, "retry_cap"),
        ] {
            Problem::unless(value >= least, key, &format!("must not be shorter than {than}"), problems);
        }
        Problem::unless(
            self.retry_budget_percent <= 100,
            "dispatcher.retry_budget_percent",
            "must be 0 to 100",
            problems,
        );
    }
}
