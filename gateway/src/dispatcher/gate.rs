//! Whether a message may go now: the breaker of its account, the rates of its network, and how many retries there
//! may be.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use botbuilder_adapter_kit::{Account, Channel, Rates, SendError};
use botbuilder_domain::ChannelId;

use super::{
    breaker::{Breakers, Change, Sign},
    throttle::Throttle,
};

/// Retries that an account may make at first, and the most it may have saved up.
const RETRIES: f64 = 20.0;
/// What each message that was taken adds to them.
const EARNED: f64 = 0.1;
/// How much longer a retry waits when there is none left.
const OVERDRAWN: Duration = Duration::from_secs(30);

/// One for the whole dispatcher.
#[derive(Debug, Default)]
pub(super) struct Gate {
    breakers: Breakers,
    throttle: Throttle,
    retries: Mutex<HashMap<ChannelId, f64>>,
}

impl Gate {
    /// How long a message to this recipient has to wait; none if it may go now. `scheduled` says whether it has taken
    /// the turns of its `parts` at the rates already, and is changed with it. `bulk` says that it gives way to others: it
    /// takes no turn that is far away, and asks again later instead.
    pub(super) fn wait(
        &self,
        channel: &dyn Channel,
        account: &Account,
        recipient: &str,
        bulk: bool,
        parts: impl FnOnce() -> usize,
        scheduled: &mut bool,
    ) -> Option<Duration> {
        let now = Instant::now();
        if !*scheduled {
            let rates = channel.rates().with_settings(&account.settings);
            if bulk && let Some(wait) = self.throttle.give_way(&rates, account.channel, recipient, now) {
                return Some(wait);
            }
            *scheduled = true;
            // Where there is no rate, nothing is counted.
            let parts = if rates == Rates::default() { 1 } else { parts() };
            let parts = u32::try_from(parts).unwrap_or(u32::MAX);
            let wait = self.throttle.turn(&rates, account.channel, recipient, parts, now);
            if !wait.is_zero() {
                return Some(wait);
            }
        }
        self.breakers.admit(account.channel, now).err().inspect(|_| *scheduled = false)
    }

    /// How long the call of a part has to wait.
    pub(super) fn wait_for_call(
        &self,
        channel: &dyn Channel,
        account: &Account,
        recipient: &str,
    ) -> Duration {
        let rates = channel.rates().with_settings(&account.settings);
        self.throttle.call(&rates, account.channel, recipient, Instant::now())
    }

    /// Takes so many of all partitions: that part of each account's rate is ours.
    pub(super) fn share(&self, owned: usize, all: u32) {
        self.throttle.share(u32::try_from(owned).unwrap_or(all), all);
    }

    /// Takes in how a call ended.
    pub(super) fn report<T>(&self, account: ChannelId, result: &Result<T, SendError>) -> Option<Change> {
        let now = Instant::now();
        match result {
            Ok(_) => {
                let mut retries = self.retries.lock().unwrap_or_else(PoisonError::into_inner);
                // An account without trouble is not kept.
                if let Some(left) = retries.get_mut(&account) {
                    *left += EARNED;
                    if *left >= RETRIES {
                        retries.remove(&account);
                    }
                }
            }
            Err(SendError::RetryAfter { after: Some(after), recipient_only: false, .. }) => {
                self.throttle.hold(account, now + *after);
            }
            Err(_) => {}
        }
        self.breakers.report(account, Sign::of(result), now)
    }

    /// Takes one retry from the account's budget. Returns how much longer the retry has to wait.
    pub(super) fn retry(&self, account: ChannelId) -> Duration {
        let mut retries = self.retries.lock().unwrap_or_else(PoisonError::into_inner);
        let left = retries.entry(account).or_insert(RETRIES);
        if *left < 1.0 {
            return OVERDRAWN;
        }
        *left -= 1.0;
        Duration::ZERO
    }
}

#[cfg(test)]
mod tests {
    use botbuilder_domain::Id;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn retries_are_a_tenth_of_what_was_taken() {
        let (gate, account) = (Gate::default(), Id::new(Uuid::nil()));
        let waits = |gate: &Gate| gate.retry(account) > Duration::ZERO;
        for _ in 0..20 {
            assert!(!waits(&gate));
        }
        assert!(waits(&gate), "none is left");
        for _ in 0..11 {
            gate.report(account, &Ok(()));
        }
        assert!(!waits(&gate), "eleven messages earned one");
        assert!(waits(&gate));
    }
}
