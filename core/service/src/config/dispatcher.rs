//! `[dispatcher]`: how messages are sent to providers.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Problem, units};

/// The dispatcher.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Dispatcher {
    /// Sends in hand at once, over all accounts.
    pub concurrency: usize,
    /// Conversations of one partition that may be sent to at once.
    pub lanes: usize,
    /// Retries allowed for each 100 successful calls of an account.
    pub retry_budget_percent: u32,
    /// Failures within the window that open an account's breaker.
    pub breaker_failures: u32,
    /// The window in which failures are counted.
    #[serde(with = "units::duration")]
    pub breaker_window: Duration,
    /// A bot's reply older than this is expired rather than sent late.
    #[serde(with = "units::duration")]
    pub reply_expires_after: Duration,
    /// Any other message older than this is expired, unless the reply window ends earlier.
    #[serde(with = "units::duration")]
    pub message_expires_after: Duration,
}

impl Default for Dispatcher {
    fn default() -> Self {
        Self {
            concurrency: 256,
            lanes: 64,
            retry_budget_percent: 10,
            breaker_failures: 20,
            breaker_window: Duration::from_secs(30),
            reply_expires_after: Duration::from_hours(1),
            message_expires_after: Duration::from_hours(24),
        }
    }
}

impl Dispatcher {
    pub(super) fn validate(&self, problems: &mut Vec<Problem>) {
        Problem::unless(self.concurrency > 0, "dispatcher.concurrency", "must be at least 1", problems);
        Problem::unless(self.lanes > 0, "dispatcher.lanes", "must be at least 1", problems);
        Problem::unless(
            self.breaker_failures > 0,
            "dispatcher.breaker_failures",
            "must be at least 1",
            problems,
        );
        for (key, value) in [
            ("dispatcher.breaker_window", self.breaker_window),
            ("dispatcher.reply_expires_after", self.reply_expires_after),
            ("dispatcher.message_expires_after", self.message_expires_after),
        ] {
            Problem::unless(value > Duration::ZERO, key, "must be longer than nothing", problems);
        }
    }
}
