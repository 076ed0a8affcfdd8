//! How fast a provider lets messages come, where a fake is told to mind it ([`Behaviour::rates`](super::Behaviour)).

use std::{
    collections::HashMap,
    sync::Mutex,
    time::{Duration, Instant},
};

use super::control::lock;

/// Most recipients that are kept; beyond it those that have waited long enough are forgotten.
const MOST: usize = 10_000;

/// A steady rate, and how many may come at once after a pause.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit {
    pub(super) every: Duration,
    pub(super) burst: u32,
}

impl Limit {
    pub(super) const fn new(every: Duration, burst: u32) -> Self {
        Self { every, burst }
    }
}

/// What a provider allows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowed {
    /// For the whole account.
    pub(super) account: Limit,
    /// For one recipient of it; none where there is no such limit.
    pub(super) recipient: fn(&str) -> Option<Limit>,
}

/// Which limit a message is above, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TooFast {
    Account(Duration),
    Recipient(Duration),
}

impl TooFast {
    /// Whole seconds to wait, at least one.
    pub(super) fn seconds(self) -> u64 {
        let (Self::Account(wait) | Self::Recipient(wait)) = self;
        wait.as_secs() + u64::from(wait.subsec_nanos() > 0).max(u64::from(wait.is_zero()))
    }
}

/// When each may send its next message without having sent too fast.
#[derive(Debug, Default)]
pub(super) struct Pace {
    account: Mutex<Option<Instant>>,
    recipients: Mutex<HashMap<String, Instant>>,
}

impl Pace {
    /// Counts a message, unless it comes too fast; such a one costs nothing.
    pub(super) fn admit(&self, allowed: Allowed, to: &str, now: Instant) -> Result<(), TooFast> {
        let mut account = lock(&self.account);
        let mut recipients = lock(&self.recipients);
        let for_account = next(*account, allowed.account, now).map_err(TooFast::Account)?;
        if let Some(limit) = (allowed.recipient)(to) {
            let for_recipient = next(recipients.get(to).copied(), limit, now).map_err(TooFast::Recipient)?;
            if recipients.len() >= MOST {
                recipients.retain(|_, free| *free > now);
            }
            recipients.insert(to.to_owned(), for_recipient);
        }
        *account = Some(for_account);
        Ok(())
    }
}

/// When the account or recipient is free after this message; how long it would have to wait, if it comes too fast.
fn next(free: Option<Instant>, limit: Limit, now: Instant) -> Result<Instant, Duration> {
    let free = free.map_or(now, |free| free.max(now));
    let most = limit.every * limit.burst.saturating_sub(1);
    match (free - now).checked_sub(most) {
        Some(wait) if !wait.is_zero() => Err(wait),
        _ => Ok(free + limit.every),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOWED: Allowed = Allowed {
        account: Limit::new(Duration::from_millis(100), 3),
        recipient: |to| (to == "slow").then_some(Limit::new(Duration::from_secs(6), 2)),
    };

    #[test]
    fn a_burst_passes_and_what_follows_waits() {
        let (pace, start) = (Pace::default(), Instant::now());
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        for _ in 0..3 {
            assert_eq!(pace.admit(ALLOWED, "a", at(0)), Ok(()));
        }
        let wait = Duration::from_millis(100);
        assert_eq!(pace.admit(ALLOWED, "b", at(0)), Err(TooFast::Account(wait)));
        // What was refused cost nothing.
        assert_eq!(pace.admit(ALLOWED, "b", at(100)), Ok(()));
        assert_eq!(pace.admit(ALLOWED, "slow", at(1000)), Ok(()));
        assert_eq!(pace.admit(ALLOWED, "slow", at(1000)), Ok(()));
        let wait = Duration::from_secs(6);
        assert_eq!(pace.admit(ALLOWED, "slow", at(1000)), Err(TooFast::Recipient(wait)));
        // Others do not wait with it.
        assert_eq!(pace.admit(ALLOWED, "a", at(1000)), Ok(()));
        assert_eq!(pace.admit(ALLOWED, "slow", at(7000)), Ok(()));
        assert_eq!(TooFast::Account(Duration::from_millis(100)).seconds(), 1);
        assert_eq!(TooFast::Recipient(Duration::from_millis(5900)).seconds(), 6);
    }
}
