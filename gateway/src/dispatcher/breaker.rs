//! Stops sending through an account that does not work, and finds out by one message at a time when it does again.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use botbuilder_adapter_kit::SendError;
use botbuilder_domain::ChannelId;

/// So many failures …
const FAILURES: usize = 20;
/// … within this time open a breaker.
const WITHIN: Duration = Duration::from_secs(30);
/// How long it stays open at first; twice as long after each message that fails again.
pub(super) const OPEN: Duration = Duration::from_secs(10);
/// The longest it stays open.
const LONGEST: Duration = Duration::from_mins(5);
/// How long the outcome of the one message that may go is waited for.
const PROBE: Duration = Duration::from_mins(1);
/// When the others ask again meanwhile. Each of them is put aside until then, which is a write to the database.
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// What a call says about its account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// The provider answered and the account works, whatever it thinks of the message.
    Works,
    /// It did not answer, or could not do it.
    Fails,
    /// It takes nothing from this account.
    Broken,
}

impl Sign {
    pub(super) const fn of<T>(result: &Result<T, SendError>) -> Self {
        match result {
            Err(SendError::Transient { .. } | SendError::Uncertain { .. }) => Self::Fails,
            Err(SendError::AuthBroken { .. } | SendError::AccountStopped { .. }) => Self::Broken,
            Ok(_)
            | Err(
                SendError::RetryAfter { .. }
                | SendError::RetryChanged { .. }
                | SendError::Permanent { .. }
                | SendError::RecipientGone { .. }
                | SendError::OptedOut { .. }
                | SendError::WindowClosed { .. }
                | SendError::NotConfigured { .. },
            ) => Self::Works,
        }
    }
}

/// What a sign changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// Nothing is sent through the account for now.
    Opened,
    /// The account works again, or is seen to work for the first time: what stands on it may be older than this process.
    Closed,
}

/// The breakers of all accounts that had trouble.
#[derive(Debug, Default)]
pub(super) struct Breakers(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    breakers: HashMap<ChannelId, Breaker>,
    /// Accounts of which it was told that they work.
    well: HashSet<ChannelId>,
}

#[derive(Debug)]
enum Breaker {
    /// Failures so far, oldest first.
    Closed(VecDeque<Instant>),
    /// Nothing goes before `until`; then one message does.
    Open { until: Instant, pause: Duration },
    /// One message is on its way.
    Probing { since: Instant, pause: Duration },
}

impl Breakers {
    /// Whether a message may go through the account now; if not, how long it has to wait before it asks again.
    pub(super) fn admit(&self, account: ChannelId, now: Instant) -> Result<(), Duration> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(breaker) = state.breakers.get_mut(&account) else { return Ok(()) };
        let (free_at, pause) = match breaker {
            Breaker::Closed(_) => return Ok(()),
            Breaker::Open { until, pause } => (*until, *pause),
            Breaker::Probing { since, pause } => (*since + PROBE, *pause),
        };
        if now < free_at {
            let probing = matches!(breaker, Breaker::Probing { .. });
            return Err(if probing { (free_at - now).min(ASK_AGAIN) } else { free_at - now });
        }
        *breaker = Breaker::Probing { since: now, pause };
        Ok(())
    }

    /// Has the next call that works be told like the first.
    pub(super) fn doubt(&self, account: ChannelId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).well.remove(&account);
    }

    /// Takes in what a call said.
    pub(super) fn report(&self, account: ChannelId, sign: Sign, now: Instant) -> Option<Change> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let State { breakers, well } = &mut *state;
        if sign == Sign::Works {
            // Failures between successes are forgotten with their time, not with the next success.
            if matches!(breakers.get(&account), Some(Breaker::Open { .. } | Breaker::Probing { .. })) {
                breakers.remove(&account);
            }
            return well.insert(account).then_some(Change::Closed);
        }
        let breaker = breakers.entry(account).or_insert_with(|| Breaker::Closed(VecDeque::new()));
        let pause = match breaker {
            Breaker::Closed(failures) => {
                while failures.front().is_some_and(|at| now.duration_since(*at) > WITHIN) {
                    failures.pop_front();
                }
                failures.push_back(now);
                if failures.len() < FAILURES && sign != Sign::Broken {
                    return None;
                }
                *breaker = Breaker::Open { until: now + OPEN, pause: OPEN };
                well.remove(&account);
                return Some(Change::Opened);
            }
            // A message that was on its way when the breaker opened.
            Breaker::Open { .. } => return None,
            Breaker::Probing { pause, .. } => (*pause * 2).min(LONGEST),
        };
        *breaker = Breaker::Open { until: now + pause, pause };
        None
    }
}

#[cfg(test)]
mod tests {
    use botbuilder_domain::Id;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn many_failures_open_it_and_one_success_closes_it() {
        let (breakers, account, start) = (Breakers::default(), Id::new(Uuid::nil()), Instant::now());
        for _ in 1..FAILURES {
            assert_eq!(breakers.report(account, Sign::Fails, start), None);
        }
        assert_eq!(breakers.admit(account, start), Ok(()));
        assert_eq!(breakers.report(account, Sign::Fails, start), Some(Change::Opened));
        assert_eq!(breakers.admit(account, start), Err(OPEN));
        let later = start + OPEN;
        assert_eq!(breakers.admit(account, later), Ok(()), "one message finds out");
        assert_eq!(breakers.admit(account, later), Err(ASK_AGAIN), "and only one");
        assert_eq!(breakers.report(account, Sign::Fails, later), None);
        assert_eq!(breakers.admit(account, later), Err(OPEN * 2));
        let again = later + OPEN * 2;
        assert_eq!(breakers.admit(account, again), Ok(()));
        assert_eq!(breakers.report(account, Sign::Works, again), Some(Change::Closed));
        assert_eq!(breakers.admit(account, again), Ok(()));
    }

    #[test]
    fn an_account_is_told_to_work_once_also_after_a_restart() {
        let (account, now) = (Id::new(Uuid::nil()), Instant::now());
        let breakers = Breakers::default();
        assert_eq!(breakers.report(account, Sign::Works, now), Some(Change::Closed));
        assert_eq!(breakers.report(account, Sign::Works, now), None);
        assert_eq!(breakers.report(account, Sign::Broken, now), Some(Change::Opened));
        assert_eq!(breakers.report(account, Sign::Works, now), Some(Change::Closed));
        breakers.doubt(account);
        assert_eq!(breakers.report(account, Sign::Works, now), Some(Change::Closed));
        // What the process before it noted of the account is not known.
        let after = Breakers::default();
        assert_eq!(after.report(account, Sign::Works, now), Some(Change::Closed));
    }

    #[test]
    fn refused_credentials_open_it_at_once_and_another_account_does_not_notice() {
        let (breakers, now) = (Breakers::default(), Instant::now());
        let (account, other) = (Id::new(Uuid::nil()), Id::new(Uuid::from_u128(1)));
        assert_eq!(breakers.report(account, Sign::Broken, now), Some(Change::Opened));
        assert!(breakers.admit(account, now).is_err());
        assert_eq!(breakers.admit(other, now), Ok(()));
    }

    #[test]
    fn failures_that_are_long_over_do_not_count() {
        let (breakers, account, start) = (Breakers::default(), Id::new(Uuid::nil()), Instant::now());
        for number in 0..100 {
            let at = start + WITHIN * number / 10;
            assert_eq!(breakers.report(account, Sign::Fails, at), None);
        }
    }
}
