//! When a delivery is tried again, and what keeps an endpoint that does not answer from being called all the time.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use chrono::TimeDelta;
use uuid::Uuid;

/// The waits between the tries: eight tries over a day.
const WAITS: [TimeDelta; 7] = [
    TimeDelta::seconds(10),
    TimeDelta::minutes(1),
    TimeDelta::minutes(5),
    TimeDelta::minutes(30),
    TimeDelta::hours(2),
    TimeDelta::hours(6),
    TimeDelta::hours(16),
];

/// How long to wait after this attempt, the first being 1; none after the last.
pub fn wait_after(attempt: i32) -> Option<TimeDelta> {
    WAITS.get(usize::try_from(attempt.saturating_sub(1)).ok()?).copied()
}

/// So many failures one after the other open the breaker of an endpoint.
const FAILURES: u32 = 5;
/// How long it stays open at first; twice as long after each further failure.
const OPEN: Duration = Duration::from_secs(15);
/// The longest.
const LONGEST: Duration = Duration::from_mins(5);

/// Endpoints that failed lately. Each program finds out for itself.
#[derive(Debug, Default)]
pub struct Breakers(Mutex<HashMap<Uuid, Breaker>>);

#[derive(Debug)]
struct Breaker {
    failures: u32,
    shut_until: Option<Instant>,
}

impl Breakers {
    /// How long an endpoint is not to be called. When that is over, one call goes, and the others wait for it.
    pub fn ask(&self, endpoint: Uuid, now: Instant) -> Option<Duration> {
        let mut breakers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let breaker = breakers.get_mut(&endpoint)?;
        let until = breaker.shut_until?;
        if until > now {
            return Some(until - now);
        }
        breaker.shut_until = Some(now + OPEN);
        None
    }

    /// Takes in how a call went.
    pub fn report(&self, endpoint: Uuid, works: bool, now: Instant) {
        let mut breakers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if works {
            breakers.remove(&endpoint);
            return;
        }
        let breaker = breakers.entry(endpoint).or_insert(Breaker { failures: 0, shut_until: None });
        breaker.failures += 1;
        if breaker.failures >= FAILURES {
            let pause = OPEN.saturating_mul(2_u32.saturating_pow(breaker.failures - FAILURES)).min(LONGEST);
            breaker.shut_until = Some(now + pause);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_tries_take_at_least_a_day() {
        let waits: Vec<TimeDelta> = (1..).map_while(wait_after).collect();
        assert_eq!(waits.len() + 1, 8);
        assert!(waits.iter().sum::<TimeDelta>() >= TimeDelta::hours(24));
        assert_eq!(wait_after(0), None);
        assert_eq!(wait_after(i32::MIN), None);
    }

    #[test]
    fn an_endpoint_that_fails_is_left_alone_and_tried_by_one_call() {
        let (breakers, now, endpoint) = (Breakers::default(), Instant::now(), Uuid::from_u128(1));
        for _ in 0..FAILURES {
            assert_eq!(breakers.ask(endpoint, now), None);
            breakers.report(endpoint, false, now);
        }
        assert_eq!(breakers.ask(endpoint, now), Some(OPEN));
        assert_eq!(breakers.ask(Uuid::from_u128(2), now), None, "others are called");
        let later = now + OPEN;
        assert_eq!(breakers.ask(endpoint, later), None, "one goes");
        assert_eq!(breakers.ask(endpoint, later), Some(OPEN), "the next waits for it");
        breakers.report(endpoint, false, later);
        assert_eq!(breakers.ask(endpoint, later), Some(OPEN * 2));
        breakers.report(endpoint, true, later);
        assert_eq!(breakers.ask(endpoint, later), None);
    }
}
