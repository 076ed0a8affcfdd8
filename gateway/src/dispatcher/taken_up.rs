//! Messages that were put aside and are in hand again: how many there are of each account, so that one whose messages all
//! fall due at once leaves room for the others. And the accounts by which nothing goes out, whose messages need not be
//! taken up to find that out.

use std::{collections::HashMap, mem};

use chrono::{DateTime, Utc};

/// Most messages of one account.
const OF_ACCOUNT: usize = 256;

/// What was taken up again, by its place in the database.
#[derive(Debug, Default)]
pub(super) struct TakenUp {
    accounts: HashMap<i64, String>,
    counts: HashMap<String, usize>,
}

impl TakenUp {
    /// How many.
    pub(super) fn len(&self) -> usize {
        self.accounts.len()
    }

    /// Their places.
    pub(super) fn positions(&self) -> impl Iterator<Item = i64> + '_ {
        self.accounts.keys().copied()
    }

    /// Whether a lane may be taken up: its account has not enough in hand already.
    pub(super) fn has_room(&self, lane: &str) -> bool {
        self.counts.get(account_of(lane)).is_none_or(|count| *count < OF_ACCOUNT)
    }

    /// Notes messages of a lane.
    pub(super) fn add(&mut self, lane: &str, positions: &[i64]) {
        let account = account_of(lane);
        for position in positions {
            if self.accounts.insert(*position, account.to_owned()).is_none() {
                *self.counts.entry(account.to_owned()).or_default() += 1;
            }
        }
    }

    /// One is not in hand any more.
    pub(super) fn remove(&mut self, position: i64) {
        let Some(account) = self.accounts.remove(&position) else { return };
        if let Some(count) = self.counts.get_mut(&account) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&account);
            }
        }
    }
}

/// Until when nothing goes out by an account.
#[derive(Debug, Default)]
pub(super) struct Waiting(HashMap<String, DateTime<Utc>>);

impl Waiting {
    /// Nothing goes out by the account of a lane until then.
    pub(super) fn add(&mut self, lane: &str, until: DateTime<Utc>) {
        self.0.insert(account_of(lane).to_owned(), until);
    }

    /// Until when nothing goes out by the account of a lane; none if something may.
    pub(super) fn until(&mut self, lane: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let until = *self.0.get(account_of(lane))?;
        if until <= now {
            self.0.remove(account_of(lane));
            return None;
        }
        Some(until)
    }

    /// Gives all of them, and forgets them.
    pub(super) fn forget(&mut self) -> HashMap<String, DateTime<Utc>> {
        mem::take(&mut self.0)
    }
}

/// The account of a lane: the first part of its key.
pub(super) fn account_of(lane: &str) -> &str {
    lane.split_once(':').map_or(lane, |(account, _)| account)
}

#[cfg(test)]
mod tests {
    use botbuilder_domain::{ConversationKey, Id};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn an_account_waits_until_its_time_is_over() {
        let at = |seconds| DateTime::<Utc>::UNIX_EPOCH + chrono::TimeDelta::seconds(seconds);
        let mut waiting = Waiting::default();
        waiting.add("a:1", at(60));
        assert_eq!(waiting.until("a:2", at(59)), Some(at(60)));
        assert_eq!(waiting.until("b:2", at(59)), None);
        assert_eq!(waiting.until("a:2", at(60)), None);
        waiting.add("a:1", at(120));
        assert_eq!(waiting.forget().get("a"), Some(&at(120)));
        assert_eq!(waiting.until("a:2", at(61)), None);
    }

    #[test]
    fn an_account_leaves_room_for_others() {
        let lane = |channel: u128, address: &str| {
            ConversationKey::new(Id::new(Uuid::from_u128(channel)), address).as_str().to_owned()
        };
        let mut taken_up = TakenUp::default();
        for position in 0..256 {
            assert!(taken_up.has_room(&lane(1, "anybody")));
            taken_up.add(&lane(1, &position.to_string()), &[position]);
        }
        assert!(!taken_up.has_room(&lane(1, "anybody")));
        assert!(taken_up.has_room(&lane(2, "anybody")), "another account");
        taken_up.add(&lane(1, "0"), &[0]);
        taken_up.remove(0);
        taken_up.remove(0);
        assert!(taken_up.has_room(&lane(1, "anybody")));
        assert_eq!((taken_up.len(), taken_up.positions().count()), (255, 255));
    }
}
