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
}

impl Default for Dispatcher {
    fn default() -> Self {
        Self { reply_expires_after: Duration::from_hours(1) }
    }
}

impl Dispatcher {
    pub(super) fn validate(&self, problems: &mut Vec<Problem>) {
        Problem::unless(
            self.reply_expires_after > Duration::ZERO,
            "dispatcher.reply_expires_after",
            "must be longer than nothing",
            problems,
        );
    }
}
