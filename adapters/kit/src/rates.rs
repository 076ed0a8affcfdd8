//! How fast a network lets an account send.

use std::time::Duration;

use serde_json::{Map, Value};

/// A steady rate with room for a burst.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// The time between two sends, at the steady rate.
    pub every: Duration,
    /// How many may follow each other at once after a pause; at least 1.
    pub burst: u32,
}

impl Rate {
    /// So many in a second, so many of them at once. Neither may be 0.
    pub const fn per_second(sends: u32, burst: u32) -> Self {
        Self { every: Duration::from_nanos(1_000_000_000 / sends as u64), burst }
    }
}

/// What a network allows; none where it publishes nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rates {
    /// For the whole account.
    pub account: Option<Rate>,
    /// For one recipient of it.
    pub recipient: Option<Rate>,
}

impl Rates {
    /// These rates, changed by `channels.settings.limits`: `messages_per_second` and `burst` for the account,
    /// `recipient_seconds` (between two messages) and `recipient_burst` for one recipient. A rate of 0 means none.
    #[must_use]
    pub fn with_settings(self, settings: &Map<String, Value>) -> Self {
        let Some(limits) = settings.get("limits") else { return self };
        let every = |name: &str, seconds: fn(f64) -> f64| {
            let number = limits.get(name)?.as_f64().filter(|number| *number >= 0.0)?;
            Some(
                (number > 0.0).then(|| Duration::try_from_secs_f64(seconds(number)).unwrap_or(Duration::MAX)),
            )
        };
        let burst =
            |name: &str| limits.get(name)?.as_u64().and_then(|burst| u32::try_from(burst.max(1)).ok());
        Self {
            account: changed(self.account, every("messages_per_second", f64::recip), burst("burst")),
            recipient: changed(
                self.recipient,
                every("recipient_seconds", |seconds| seconds),
                burst("recipient_burst"),
            ),
        }
    }

    /// These rates, and for the account no more than so many in a second. What is no positive number changes nothing.
    #[must_use]
    pub fn at_most(self, per_second: f64) -> Self {
        let Some(every) = (per_second > 0.0)
            .then(|| Duration::try_from_secs_f64(per_second.recip()).unwrap_or(Duration::MAX))
        else {
            return self;
        };
        let account = match self.account {
            Some(rate) if rate.every >= every => rate,
            // A burst of more than a second's worth would not be that rate.
            Some(rate) => Rate { every, burst: rate.burst.min(in_a_second(every)) },
            None => Rate { every, burst: 1 },
        };
        Self { account: Some(account), ..self }
    }
}

/// How many fit into a second; at least 1.
fn in_a_second(every: Duration) -> u32 {
    let many = Duration::from_secs(1).as_nanos() / every.as_nanos().max(1);
    u32::try_from(many).unwrap_or(u32::MAX).max(1)
}

/// `every` outside: whether anything is said of it; inside: whether there is a rate at all.
#[expect(clippy::option_option, reason = "unsaid and none differ")]
fn changed(rate: Option<Rate>, every: Option<Option<Duration>>, burst: Option<u32>) -> Option<Rate> {
    let every = match every {
        Some(said) => said?,
        None => rate?.every,
    };
    Some(Rate { every, burst: burst.or(rate.map(|rate| rate.burst)).unwrap_or(1) })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_lower_of_two_rates_holds() {
        let usual =
            Rates { account: Some(Rate::per_second(80, 8)), recipient: Some(Rate::per_second(1, 20)) };
        for same in [80.0, 100.0, 0.0, -3.0, f64::NAN] {
            assert_eq!(usual.at_most(same), usual, "{same}");
        }
        assert_eq!(usual.at_most(20.0), Rates { account: Some(Rate::per_second(20, 8)), ..usual });
        assert_eq!(usual.at_most(2.0), Rates { account: Some(Rate::per_second(2, 2)), ..usual });
        let slow = Some(Rate { every: Duration::from_secs(10), burst: 1 });
        assert_eq!(usual.at_most(0.1).account, slow);
        assert_eq!(Rates::default().at_most(0.1), Rates { account: slow, recipient: None });
    }

    #[test]
    fn settings_change_rates_take_them_away_and_leave_the_rest() {
        let usual =
            Rates { account: Some(Rate::per_second(80, 8)), recipient: Some(Rate::per_second(1, 20)) };
        let of = |limits: Value| usual.with_settings(json!({ "limits": limits }).as_object().unwrap());
        assert_eq!(of(json!({})), usual);
        assert_eq!(of(json!({ "messages_per_second": "many", "burst": -1 })), usual);
        assert_eq!(
            of(json!({ "messages_per_second": 1000, "burst": 50, "recipient_seconds": 0 })),
            Rates { account: Some(Rate { every: Duration::from_millis(1), burst: 50 }), recipient: None }
        );
        assert_eq!(
            of(json!({ "recipient_seconds": 2.5 })).recipient,
            Some(Rate { every: Duration::from_millis(2500), burst: 20 })
        );
    }
}
