//! Keeps to the rates that networks allow: one for each account, one for each of its recipients.
//!
//! Each rate is the *generic cell rate algorithm*: what is kept is the instant at which the next send would be due at
//! the steady rate; a burst may run ahead of it. To ask is to take the turn, now or later.
//!
//! Turns are taken twice. A message takes those of all its parts before its attempt is written down as started, so that
//! what waits long has not been tried. Each part takes one more at its call: what was held up in between, by the database
//! or by the part before it, would otherwise follow all at once.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use botbuilder_adapter_kit::{Rate, Rates};
use botbuilder_domain::ChannelId;

/// Beyond so many recipients those are forgotten whose pause is over.
const MOST: usize = 20_000;

/// A message that gives way takes a turn only if it is this near: what comes after it waits no longer than that.
const NEAR: Duration = Duration::from_millis(250);
/// How far apart messages that gave way ask again, where the account has no rate.
const APART: Duration = Duration::from_millis(5);

/// The turns given so far, by account and by recipient.
///
/// A recipient's messages are all in one partition, and so in one process. An account's are in all of them: each process
/// gives the part of its turns that is the part of the partitions it has, so that together they give all of them.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    /// The partitions of this process, and all there are; neither known at first.
    share: Mutex<Option<(u32, u32)>>,
    /// Until when an account's provider wants nothing.
    held: Mutex<HashMap<ChannelId, Instant>>,
    /// Of whole messages.
    messages: Given,
    /// Of calls.
    calls: Given,
    /// When those that gave way ask again.
    put_back: Mutex<Turns<ChannelId>>,
}

/// Turns given, of accounts and of their recipients.
#[derive(Debug, Default)]
struct Given {
    accounts: Mutex<Turns<ChannelId>>,
    recipients: Mutex<Turns<(ChannelId, String)>>,
}

#[derive(Debug)]
struct Turns<K>(HashMap<K, Instant>);

impl<K> Default for Turns<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl Throttle {
    /// Takes so many of all partitions.
    pub(super) fn share(&self, owned: u32, all: u32) {
        let share = (owned < all).then_some((owned.max(1), all));
        *self.share.lock().unwrap_or_else(PoisonError::into_inner) = share;
    }

    /// This process's part of an account's rate.
    fn part_of(&self, rate: Rate) -> Rate {
        match *self.share.lock().unwrap_or_else(PoisonError::into_inner) {
            Some((owned, all)) => Rate {
                every: rate.every * all / owned,
                burst: (u64::from(rate.burst) * u64::from(owned) / u64::from(all))
                    .try_into()
                    .map_or(1, |burst: u32| burst.max(1)),
            },
            None => rate,
        }
    }

    /// Takes the turns of a message of so many parts, and tells how long to wait for the first.
    pub(super) fn turn(
        &self,
        rates: &Rates,
        account: ChannelId,
        recipient: &str,
        parts: u32,
        now: Instant,
    ) -> Duration {
        let given = self.messages.take(self.of_process(rates), account, recipient, parts, now);
        given.max(self.held_for(account, now).unwrap_or_default())
    }

    /// Takes the turn of a call, and tells how long to wait for it.
    pub(super) fn call(&self, rates: &Rates, account: ChannelId, recipient: &str, now: Instant) -> Duration {
        self.calls.take(self.of_process(rates), account, recipient, 1, now)
    }

    /// The rates of which this process gives its part.
    fn of_process(&self, rates: &Rates) -> Rates {
        Rates { account: rates.account.map(|rate| self.part_of(rate)), ..*rates }
    }

    /// Whether a message that gives way to others may take a turn: only one that is near. If not, the answer is when
    /// it is to ask again: those that ask at the same time are told instants one after the other.
    pub(super) fn give_way(
        &self,
        rates: &Rates,
        account: ChannelId,
        recipient: &str,
        now: Instant,
    ) -> Option<Duration> {
        let rates = self.of_process(rates);
        let ahead = self.messages.wait(rates, account, recipient, now);
        let ahead = ahead.max(self.held_for(account, now).unwrap_or_default());
        (ahead > NEAR).then(|| {
            let every = rates.account.map_or(APART, |rate| rate.every);
            ahead + lock(&self.put_back).take(account, Rate { every, burst: 1 }, 1, now)
        })
    }

    /// Gives nobody of the account a turn before this instant.
    pub(super) fn hold(&self, account: ChannelId, until: Instant) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let known = held.entry(account).or_insert(until);
        *known = until.max(*known);
    }

    fn held_for(&self, account: ChannelId, now: Instant) -> Option<Duration> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let until = *held.get(&account)?;
        if until <= now {
            held.remove(&account);
            return None;
        }
        Some(until - now)
    }
}

impl Given {
    /// Takes so many turns, and tells how long to wait for the first.
    fn take(&self, rates: Rates, account: ChannelId, recipient: &str, count: u32, now: Instant) -> Duration {
        let of_account = rates.account.map(|rate| lock(&self.accounts).take(account, rate, count, now));
        let of_recipient = rates
            .recipient
            .map(|rate| lock(&self.recipients).take((account, recipient.to_owned()), rate, count, now));
        of_account.max(of_recipient).unwrap_or_default()
    }

    /// How long the next turn would have to be waited for.
    fn wait(&self, rates: Rates, account: ChannelId, recipient: &str, now: Instant) -> Duration {
        let of_account = rates.account.map(|rate| lock(&self.accounts).wait(&account, rate, now));
        let of_recipient = rates
            .recipient
            .map(|rate| lock(&self.recipients).wait(&(account, recipient.to_owned()), rate, now));
        of_account.max(of_recipient).unwrap_or_default()
    }
}

impl<K: Eq + Hash> Turns<K> {
    /// Takes so many turns, and tells how long to wait for the first.
    fn take(&mut self, key: K, rate: Rate, count: u32, now: Instant) -> Duration {
        if self.0.len() >= MOST {
            self.0.retain(|_, due| *due > now);
        }
        let due = self.0.entry(key).or_insert(now);
        let at = (*due).max(now);
        *due = at + rate.every * count;
        until(at, rate, now)
    }

    fn wait(&self, key: &K, rate: Rate, now: Instant) -> Duration {
        self.0.get(key).map_or(Duration::ZERO, |due| until(*due, rate, now))
    }
}

/// How long a turn that is due then is to be waited for: a burst may run ahead of it.
fn until(due: Instant, rate: Rate, now: Instant) -> Duration {
    let ahead = rate.every * rate.burst.saturating_sub(1);
    due.saturating_duration_since(now).saturating_sub(ahead)
}

fn lock<K>(turns: &Mutex<Turns<K>>) -> std::sync::MutexGuard<'_, Turns<K>> {
    turns.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use botbuilder_domain::Id;
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_busy_recipient_does_not_hold_back_another() {
        let rates = Rates { account: None, recipient: Some(Rate::per_second(1, 2)) };
        let (throttle, account, now) = (Throttle::default(), Id::new(Uuid::nil()), Instant::now());
        let waits: Vec<u64> = ["a", "a", "a", "b", "a"]
            .map(|to| throttle.turn(&rates, account, to, 1, now).as_millis().try_into().unwrap())
            .into();
        assert_eq!(waits, [0, 0, 1000, 0, 2000]);
    }

    #[test]
    fn what_gives_way_takes_no_turn_that_is_far_and_comes_back_one_after_the_other() {
        let rates = Rates { account: Some(Rate::per_second(10, 1)), recipient: None };
        let (throttle, account, now) = (Throttle::default(), Id::new(Uuid::nil()), Instant::now());
        assert_eq!(throttle.give_way(&rates, account, "a", now), None);
        for _ in 0..4 {
            throttle.turn(&rates, account, "a", 1, now);
        }
        let waits = [(); 3].map(|()| throttle.give_way(&rates, account, "b", now).unwrap().as_millis());
        assert_eq!(waits, [400, 500, 600]);
        assert_eq!(throttle.turn(&rates, account, "c", 1, now), Duration::from_millis(400), "none was taken");
    }

    #[test]
    fn processes_give_the_turns_of_an_account_together() {
        let rates = Rates { account: Some(Rate::per_second(80, 8)), recipient: None };
        let (account, start) = (Id::new(Uuid::nil()), Instant::now());
        let mut sent = 0;
        for (owned, all) in [(3, 8), (4, 8), (1, 8)] {
            let throttle = Throttle::default();
            throttle.share(owned, all);
            while throttle.turn(&rates, account, "", 1, start) < Duration::from_secs(1) {
                sent += 1;
            }
        }
        assert!((80..=91).contains(&sent), "{sent} in the first second");
        let alone = Throttle::default();
        alone.share(8, 8);
        assert_eq!(alone.part_of(Rate::per_second(80, 8)), Rate::per_second(80, 8));
    }

    #[test]
    fn every_part_of_a_message_takes_a_turn() {
        let rates = Rates { account: Some(Rate::per_second(10, 1)), recipient: None };
        let (throttle, account, now) = (Throttle::default(), Id::new(Uuid::nil()), Instant::now());
        let after = |millis| now + Duration::from_millis(millis);
        assert_eq!(throttle.turn(&rates, account, "a", 5, now), Duration::ZERO);
        assert_eq!(throttle.turn(&rates, account, "b", 1, now), Duration::from_millis(500));
        let waits = [0, 10, 20].map(|at| throttle.call(&rates, account, "a", after(at)).as_millis());
        assert_eq!(waits, [0, 90, 180]);
        assert_eq!(
            throttle.call(&rates, account, "b", after(500)),
            Duration::ZERO,
            "what waited its turn goes"
        );
    }

    #[test]
    fn an_account_that_is_held_gives_no_turn_before() {
        let (throttle, account, now) = (Throttle::default(), Id::new(Uuid::nil()), Instant::now());
        let rates = Rates::default();
        throttle.hold(account, now + Duration::from_secs(3));
        assert_eq!(throttle.turn(&rates, account, "a", 1, now), Duration::from_secs(3));
        assert_eq!(throttle.turn(&rates, account, "a", 1, now + Duration::from_secs(3)), Duration::ZERO);
    }

    proptest! {
        /// Whoever sends when it is their turn never sends more than burst + rate within any second, and loses no turn.
        #[test]
        fn never_more_than_burst_and_rate(
            per_second in 1_u32..200,
            burst in 1_u32..50,
            pauses in prop::collection::vec(0_u64..50, 1..300),
        ) {
            let rates = Rates { account: Some(Rate::per_second(per_second, burst)), recipient: None };
            let (throttle, account, start) = (Throttle::default(), Id::new(Uuid::nil()), Instant::now());
            let mut now = start;
            let mut sent: Vec<Instant> = Vec::new();
            for pause in pauses {
                now += Duration::from_millis(pause);
                sent.push(now + throttle.turn(&rates, account, "", 1, now));
            }
            prop_assert!(sent.is_sorted());
            for (place, first) in sent.iter().enumerate() {
                let within = sent[place..].iter().take_while(|at| **at - *first < Duration::from_secs(1)).count();
                prop_assert!(within <= (per_second + burst) as usize + 1, "{within}");
            }
            let span = *sent.last().unwrap() - start;
            let allowed = f64::from(burst) + (span.as_secs_f64() + 1.0) * f64::from(per_second);
            prop_assert!(f64::from(u32::try_from(sent.len()).unwrap()) <= allowed + 1.0);
        }
    }
}
