//! How often an API token, all tokens of an organization together, or a person may call: a bucket for each, refilled all
//! the time, with a minute's worth in it. Counted in this process.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use axum::http::{HeaderMap, StatusCode};
use uuid::Uuid;

use crate::error::ApiError;

/// Calls of all tokens of an organization in a minute.
const ORGANIZATION_PER_MINUTE: i32 = 60_000;
/// Most buckets; when there are more, full ones go.
const MOST: usize = 10_000;

/// What is left of a caller's rate, for the `RateLimit-*` headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Calls of a minute.
    pub limit: u32,
    /// Calls that could be made at once now.
    pub remaining: u32,
    /// Seconds until all of them could.
    pub reset: u32,
}

impl Rate {
    /// Writes it into the headers of an answer.
    pub(crate) fn tell(self, headers: &mut HeaderMap) {
        headers.insert("ratelimit-limit", self.limit.into());
        headers.insert("ratelimit-remaining", self.remaining.into());
        headers.insert("ratelimit-reset", self.reset.into());
    }
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: f64,
    at: Instant,
}

/// The buckets.
#[derive(Debug, Default)]
pub struct Rates {
    buckets: Mutex<HashMap<Uuid, Bucket>>,
}

impl Rates {
    /// Takes one call of a token or an account out of its bucket.
    pub fn take(&self, token: Uuid, per_minute: i32) -> Result<Rate, ApiError> {
        self.take_at(token, per_minute, Instant::now()).map_err(|seconds| {
            let detail = format!("whoever calls may call {per_minute} times a minute");
            let limit = u32::try_from(per_minute.max(1)).unwrap_or(u32::MAX);
            ApiError::refused(StatusCode::TOO_MANY_REQUESTS, "rate_limited", detail)
                .after(seconds)
                .at_rate(Rate { limit, remaining: 0, reset: seconds })
        })
    }

    /// Takes one call of a token out of its bucket, and out of the one that the organization's tokens share: many tokens
    /// do not come further than one with the highest rate that a token may have.
    pub fn take_of(&self, organization: Uuid, token: Uuid, per_minute: i32) -> Result<Rate, ApiError> {
        let now = Instant::now();
        let rate = self.take(token, per_minute)?;
        self.take_at(organization, ORGANIZATION_PER_MINUTE, now).map_err(|seconds| {
            let detail =
                format!("the tokens of an organization may call {ORGANIZATION_PER_MINUTE} times a minute");
            ApiError::refused(StatusCode::TOO_MANY_REQUESTS, "rate_limited", detail).after(seconds)
        })?;
        Ok(rate)
    }

    /// The same at this instant; otherwise the seconds until the next may come.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between nothing and a minute's worth of calls"
    )]
    fn take_at(&self, token: Uuid, per_minute: i32, now: Instant) -> Result<Rate, u32> {
        let limit = f64::from(per_minute.max(1));
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MOST && !buckets.contains_key(&token) {
            // A bucket that nobody touched for a minute is full: forgetting it changes nothing.
            buckets.retain(|_, bucket| now.duration_since(bucket.at).as_secs() < 60);
        }
        let bucket = buckets.entry(token).or_insert(Bucket { left: limit, at: now });
        let refilled = now.duration_since(bucket.at).as_secs_f64() * limit / 60.0;
        *bucket = Bucket { left: (bucket.left + refilled).min(limit), at: now };
        if bucket.left < 1.0 {
            return Err(((1.0 - bucket.left) * 60.0 / limit).ceil().max(1.0) as u32);
        }
        bucket.left -= 1.0;
        Ok(Rate {
            limit: limit as u32,
            remaining: bucket.left as u32,
            reset: ((limit - bucket.left) * 60.0 / limit).ceil() as u32,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_empty_bucket_says_when_the_next_call_may_come() {
        let (rates, token, now) = (Rates::default(), Uuid::from_u128(1), Instant::now());
        for remaining in [1, 0] {
            assert_eq!(rates.take_at(token, 2, now).unwrap().remaining, remaining);
        }
        assert_eq!(rates.take_at(token, 2, now), Err(30));
        assert!(rates.take_at(Uuid::from_u128(2), 2, now).is_ok(), "another token has its own");
        assert_eq!(rates.take_at(token, 2, now + Duration::from_secs(31)).unwrap().remaining, 0);
    }

    #[test]
    fn tokens_of_one_organization_share_a_rate_and_leave_others_theirs() {
        let (rates, acme, other) = (Rates::default(), Uuid::from_u128(1), Uuid::from_u128(2));
        let mut tokens = (10..20).map(Uuid::from_u128).cycle();
        let mut call = |organization| rates.take_of(organization, tokens.next().unwrap(), 60_000);
        let most = usize::try_from(ORGANIZATION_PER_MINUTE).unwrap();
        // Ten tokens in turn, none of which comes near its own; what flows back meanwhile is some calls at most.
        let taken = (0..2 * most).take_while(|_| call(acme).is_ok()).count();
        assert!((most..2 * most).contains(&taken), "{taken}");
        assert!(call(other).is_ok());
    }

    proptest! {
        /// Never more than a minute's worth at once and a minute's worth each minute.
        #[test]
        fn never_more_than_burst_and_rate(per_minute in 1_i32..200, waits in prop::collection::vec(0_u64..5_000, 1..300)) {
            let (rates, start) = (Rates::default(), Instant::now());
            let (mut taken, mut passed) = (0_u32, Duration::ZERO);
            for wait in waits {
                passed += Duration::from_millis(wait);
                taken += u32::from(rates.take_at(Uuid::nil(), per_minute, start + passed).is_ok());
            }
            let most = f64::from(per_minute) * (1.0 + passed.as_secs_f64() / 60.0);
            prop_assert!(f64::from(taken) <= most + 0.001);
        }
    }
}
