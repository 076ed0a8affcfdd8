//! How much each visitor may do: token buckets, over all of a visitor's sockets and requests.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::Visitor;

/// Buckets that are full again are forgotten when there are more than this many.
const SWEEP_ABOVE: usize = 1024;

/// A bucket that holds `burst` tokens and gets `per_second` new ones.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

/// What a bucket holds, and how fast it fills.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Tokens that come back in a second.
    pub per_second: f64,
    /// Tokens of a full bucket.
    pub burst: f64,
}

impl Rate {
    /// So many in a minute, all of them at once if need be.
    pub fn per_minute(count: i32) -> Self {
        let count = f64::from(count.max(1));
        Self { per_second: count / 60.0, burst: count }
    }
}

impl Bucket {
    const fn full(rate: Rate, now: Instant) -> Self {
        Self { tokens: rate.burst, at: now }
    }

    fn filled(self, rate: Rate, now: Instant) -> f64 {
        let gained = now.saturating_duration_since(self.at).as_secs_f64() * rate.per_second;
        (self.tokens + gained).min(rate.burst)
    }

    /// Takes a token, or says how long to wait for one.
    fn take(&mut self, rate: Rate, now: Instant) -> Result<(), Duration> {
        self.tokens = self.filled(rate, now);
        self.at = now;
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return Ok(());
        }
        Err(Duration::from_secs_f64((1.0 - self.tokens) / rate.per_second))
    }
}

struct Entry {
    frames: Bucket,
    sayings: Bucket,
    /// When both are full again, whatever they hold now.
    idle_after: Instant,
}

/// The buckets of the visitors.
pub struct Rates {
    frames: Rate,
    entries: Mutex<(HashMap<Visitor, Entry>, usize)>,
}

impl Rates {
    /// With this rate of frames of any kind.
    pub fn new(frames: Rate) -> Self {
        Self { frames, entries: Mutex::new((HashMap::new(), SWEEP_ABOVE)) }
    }

    /// Counts a frame of a visitor, and whether it says something (then `sayings` holds, too). Refused, it tells how
    /// long to wait.
    pub fn take(&self, visitor: &Visitor, sayings: Option<Rate>, now: Instant) -> Result<(), Duration> {
        let mut guard = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let (entries, sweep_above) = &mut *guard;
        if entries.len() > *sweep_above {
            entries.retain(|_, entry| entry.idle_after > now);
            *sweep_above = SWEEP_ABOVE.max(entries.len() * 2);
        }
        let entry = entries.entry(visitor.clone()).or_insert_with(|| Entry {
            frames: Bucket::full(self.frames, now),
            sayings: Bucket::full(sayings.unwrap_or(self.frames), now),
            idle_after: now,
        });
        // A minute fills a bucket of sayings; that of frames is full long before.
        entry.idle_after = now + Duration::from_mins(1);
        entry.frames.take(self.frames, now)?;
        sayings.map_or(Ok(()), |rate| entry.sayings.take(rate, now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use botbuilder_domain::ChannelId;
    use uuid::Uuid;

    const FRAMES: Rate = Rate { per_second: 20.0, burst: 40.0 };

    fn visitor(name: &str) -> Visitor {
        (ChannelId::new(Uuid::nil()), name.to_owned())
    }

    fn taken(rates: &Rates, who: &str, sayings: Option<Rate>, now: Instant) -> usize {
        (0..1000).take_while(|_| rates.take(&visitor(who), sayings, now).is_ok()).count()
    }

    #[test]
    fn a_burst_is_taken_and_then_the_rate() {
        let (rates, start) = (Rates::new(FRAMES), Instant::now());
        assert_eq!(taken(&rates, "a", None, start), 40);
        assert_eq!(taken(&rates, "a", None, start + Duration::from_millis(500)), 10);
        assert_eq!(taken(&rates, "b", None, start), 40);
        let wait = rates.take(&visitor("b"), None, start).unwrap_err();
        assert!(wait > Duration::ZERO && wait <= Duration::from_millis(50), "{wait:?}");
    }

    #[test]
    fn what_is_said_has_a_rate_of_its_own() {
        let (rates, start) = (Rates::new(FRAMES), Instant::now());
        // The first frame says nothing, so the bucket of sayings is made with the rate of frames.
        rates.take(&visitor("a"), None, start).unwrap();
        assert_eq!(taken(&rates, "a", Some(Rate::per_minute(6)), start), 6);
        assert_eq!(taken(&rates, "a", Some(Rate::per_minute(6)), start + Duration::from_secs(10)), 1);
        assert!(rates.take(&visitor("a"), None, start + Duration::from_secs(10)).is_ok());
    }

    #[test]
    fn visitors_who_are_gone_are_forgotten() {
        let (rates, start) = (Rates::new(FRAMES), Instant::now());
        for n in 0..=SWEEP_ABOVE {
            rates.take(&visitor(&n.to_string()), None, start).unwrap();
        }
        rates.take(&visitor("late"), None, start + Duration::from_secs(61)).unwrap();
        assert_eq!(rates.entries.lock().unwrap().0.len(), 1);
    }
}
