//! Whether a message may go now: the breaker of its account, the rates of its network, and how many retries there
//! may be.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use botbuilder_adapter_kit::{Rates, SendError};
use botbuilder_domain::ChannelId;
use botbuilder_service::config::Dispatcher;

use super::{
    breaker::{Breakers, Change, Sign},
    throttle::Throttle,
};

/// How much longer a retry waits when there is none left.
const OVERDRAWN: Duration = Duration::from_secs(30);
/// The longest pause after requests to slow down that do not say for how long.
const SLOWEST: Duration = Duration::from_mins(5);
/// Beyond so many accounts and recipients that were asked for slower sending all are forgotten.
const MOST: usize = 20_000;

/// How a message has to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wait {
    /// How long.
    pub(super) time: Duration,
    /// Whether its account does not work: it is put aside, so that it takes no place in hand from other accounts.
    pub(super) aside: bool,
}

/// One for the whole dispatcher.
#[derive(Debug, Default)]
pub(super) struct Gate {
    breakers: Breakers,
    throttle: Throttle,
    rules: Arc<Dispatcher>,
    /// Retries that are left to accounts that had trouble.
    retries: Mutex<HashMap<ChannelId, f64>>,
    /// How often an account, or one recipient of it, was asked to slow down since something was taken.
    slowed: Mutex<HashMap<(ChannelId, Option<String>), u32>>,
}

impl Gate {
    /// A gate by these rules.
    pub(super) fn new(rules: Arc<Dispatcher>) -> Self {
        Self { rules, ..Self::default() }
    }

    /// How a message to this recipient has to wait; none if it may go now. `scheduled` says whether it has taken
    /// the turns of its `parts` at the rates already, and is changed with it. `bulk` says that it gives way to others: it
    /// takes no turn that is far away, and asks again later instead.
    pub(super) fn wait(
        &self,
        rates: &Rates,
        account: ChannelId,
        recipient: &str,
        bulk: bool,
        parts: impl FnOnce() -> usize,
        scheduled: &mut bool,
    ) -> Option<Wait> {
        let now = Instant::now();
        let in_hand = |time| Wait { time, aside: false };
        if !*scheduled {
            if bulk && let Some(wait) = self.throttle.give_way(rates, account, recipient, now) {
                return Some(in_hand(wait));
            }
            *scheduled = true;
            // Where there is no rate, nothing is counted.
            let parts = if *rates == Rates::default() { 1 } else { parts() };
            let parts = u32::try_from(parts).unwrap_or(u32::MAX);
            let wait = self.throttle.turn(rates, account, recipient, parts, now);
            if !wait.is_zero() {
                return Some(in_hand(wait));
            }
        }
        let wait = self.breakers.admit(account, now).err()?;
        *scheduled = false;
        Some(Wait { time: wait, aside: true })
    }

    /// How long the call of a part has to wait.
    pub(super) fn wait_for_call(&self, rates: &Rates, account: ChannelId, recipient: &str) -> Duration {
        self.throttle.call(rates, account, recipient, Instant::now())
    }

    /// How long to wait after the account, or this recipient of it, was asked to slow down without being told for how
    /// long: 1, 4, 16 … seconds for a recipient (Meta's rule for pairs), 1, 2, 4 … for an account, all of which waits.
    pub(super) fn slow_down(&self, account: ChannelId, recipient: Option<&str>) -> Duration {
        let mut slowed = self.slowed.lock().unwrap_or_else(PoisonError::into_inner);
        if slowed.len() >= MOST {
            slowed.clear();
        }
        let times = slowed.entry((account, recipient.map(str::to_owned))).or_default();
        let base: u64 = if recipient.is_some() { 4 } else { 2 };
        let pause = Duration::from_secs(base.saturating_pow(*times)).min(SLOWEST);
        *times = times.saturating_add(1);
        if recipient.is_none() {
            self.throttle.hold(account, Instant::now() + pause);
        }
        pause
    }

    /// Takes so many of all partitions: that part of each account's rate is ours.
    pub(super) fn share(&self, owned: usize, all: u32) {
        self.throttle.share(u32::try_from(owned).unwrap_or(all), all);
    }

    /// Takes in how a call ended.
    pub(super) fn report<T>(
        &self,
        account: ChannelId,
        recipient: &str,
        result: &Result<T, SendError>,
    ) -> Option<Change> {
        let now = Instant::now();
        match result {
            Ok(_) => {
                let mut slowed = self.slowed.lock().unwrap_or_else(PoisonError::into_inner);
                if !slowed.is_empty() {
                    slowed.remove(&(account, None));
                    slowed.remove(&(account, Some(recipient.to_owned())));
                }
                drop(slowed);
                let mut retries = self.retries.lock().unwrap_or_else(PoisonError::into_inner);
                // An account without trouble is not kept.
                if let Some(left) = retries.get_mut(&account) {
                    *left += f64::from(self.rules.retry_budget_percent) / 100.0;
                    if *left >= f64::from(self.rules.retry_reserve) {
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

    /// An account by which a message does not go for long: when something goes out by it, that is told.
    pub(super) fn doubt(&self, account: ChannelId) {
        self.breakers.doubt(account);
    }

    /// Takes one retry from the account's budget. Returns how much longer the retry has to wait.
    pub(super) fn retry(&self, account: ChannelId) -> Duration {
        let mut retries = self.retries.lock().unwrap_or_else(PoisonError::into_inner);
        let left = retries.entry(account).or_insert_with(|| f64::from(self.rules.retry_reserve));
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
    fn a_recipient_is_slowed_by_powers_of_four_and_alone() {
        let (gate, account) = (Gate::default(), Id::new(Uuid::nil()));
        let seconds = |recipient| gate.slow_down(account, recipient).as_secs();
        assert_eq!([(); 5].map(|()| seconds(Some("a"))), [1, 4, 16, 64, 256]);
        assert_eq!([(); 40].map(|()| seconds(Some("a"))).last(), Some(&300));
        assert_eq!(seconds(Some("b")), 1);
        let go = |to| gate.wait(&Rates::default(), account, to, false, || 1, &mut false);
        assert_eq!(go("b"), None, "the account is not held");
        gate.report(account, "a", &Ok(()));
        assert_eq!(seconds(Some("a")), 1, "something was taken");
        assert_eq!([(); 3].map(|()| seconds(None)), [1, 2, 4]);
        assert!(go("c").is_some_and(|wait| !wait.aside), "all of the account waits");
    }

    #[test]
    fn what_waits_for_an_account_that_does_not_work_is_put_aside() {
        let (gate, account) = (Gate::default(), Id::new(Uuid::nil()));
        let broken = SendError::AuthBroken { code: "190".to_owned(), message: String::new() };
        gate.report(account, "a", &Err::<(), _>(broken));
        let mut scheduled = false;
        let wait = gate.wait(&Rates::default(), account, "b", false, || 1, &mut scheduled);
        assert!(wait.is_some_and(|wait| wait.aside) && !scheduled);
    }

    #[test]
    fn retries_are_a_tenth_of_what_was_taken() {
        let (gate, account) = (Gate::default(), Id::new(Uuid::nil()));
        let waits = |gate: &Gate| gate.retry(account) > Duration::ZERO;
        for _ in 0..20 {
            assert!(!waits(&gate));
        }
        assert!(waits(&gate), "none is left");
        for _ in 0..11 {
            gate.report(account, "a", &Ok(()));
        }
        assert!(!waits(&gate), "eleven messages earned one");
        assert!(waits(&gate));
    }
}
