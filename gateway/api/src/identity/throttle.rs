//! Growing delays after failed attempts, for each account name and for each address, in this process. What an account
//! has to wait stands in its row too; the names here are kept whether there is such an account or not, so that the
//! delay does not tell.

use std::{
    collections::HashMap,
    hash::Hash,
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

use chrono::{DateTime, TimeDelta, Utc};

/// Failures of an account without a delay.
const FREE_OF_ACCOUNT: u32 = 4;
/// After how many failures in a row its owner is told.
pub const TOLD_AFTER: u32 = 6;
/// Failures of an address without a delay: many people may share one.
const FREE_OF_ADDRESS: u32 = 20;
/// The longest delay. Short enough that a stranger cannot lock anybody out.
const LONGEST: TimeDelta = TimeDelta::minutes(1);
/// A failure is forgotten after this time without another.
const FORGOTTEN: TimeDelta = TimeDelta::minutes(30);
/// Most names and addresses.
const MOST: usize = 50_000;

/// How long the next attempt has to wait after so many failures in a row.
fn delay(failures: u32, free: u32) -> TimeDelta {
    match failures.checked_sub(free) {
        None | Some(0) => TimeDelta::zero(),
        Some(more) => TimeDelta::seconds(1 << more.min(10).saturating_sub(1)).min(LONGEST),
    }
}

/// How long an account has to wait after so many failures.
pub fn account_delay(failures: u32) -> TimeDelta {
    delay(failures, FREE_OF_ACCOUNT)
}

#[derive(Debug, Clone, Copy)]
struct Record {
    failures: u32,
    last: DateTime<Utc>,
    until: DateTime<Utc>,
}

#[derive(Debug)]
struct Delays<K> {
    free: u32,
    records: Mutex<HashMap<K, Record>>,
}

impl<K: Hash + Eq> Delays<K> {
    fn new(free: u32) -> Self {
        Self { free, records: Mutex::default() }
    }

    /// Counts an attempt as failed until it is known to be none. Otherwise how long it has to wait.
    fn begin(&self, key: K, now: DateTime<Utc>) -> Result<(), TimeDelta> {
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        if records.len() >= MOST && !records.contains_key(&key) {
            records.retain(|_, record| record.last + FORGOTTEN > now);
            if records.len() >= MOST {
                // Somebody is making names up. Forgetting half of them costs only their delays.
                let mut keep = false;
                records.retain(|_, _| {
                    keep = !keep;
                    keep
                });
            }
        }
        let record = records.entry(key).or_insert(Record { failures: 0, last: now, until: now });
        if record.last + FORGOTTEN <= now {
            record.failures = 0;
        }
        if record.until > now {
            return Err(record.until - now);
        }
        record.failures = record.failures.saturating_add(1);
        *record =
            Record { failures: record.failures, last: now, until: now + delay(record.failures, self.free) };
        Ok(())
    }

    fn succeed(&self, key: &K) {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }

    /// Takes back one attempt, for whom many share an address.
    fn take_back(&self, key: &K, now: DateTime<Utc>) {
        if let Some(record) = self.records.lock().unwrap_or_else(PoisonError::into_inner).get_mut(key) {
            record.failures = record.failures.saturating_sub(1);
            record.until = now;
        }
    }
}

/// The delays of this process.
#[derive(Debug)]
pub struct Throttle {
    accounts: Delays<String>,
    addresses: Delays<IpAddr>,
}

impl Default for Throttle {
    fn default() -> Self {
        Self { accounts: Delays::new(FREE_OF_ACCOUNT), addresses: Delays::new(FREE_OF_ADDRESS) }
    }
}

/// What counts as one address: a whole network of IPv6, because one customer has as many addresses as they like.
fn network(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(ip) => {
            let mut segments = ip.segments();
            segments[4..].fill(0);
            IpAddr::V6(segments.into())
        }
    }
}

impl Throttle {
    /// Counts an attempt on an account from an address before it is looked at. Otherwise how long it has to wait.
    pub fn begin(&self, account: &str, ip: Option<IpAddr>, now: DateTime<Utc>) -> Result<(), TimeDelta> {
        if let Some(ip) = ip {
            self.addresses.begin(network(ip), now)?;
        }
        self.accounts.begin(account.to_lowercase(), now)
    }

    /// The attempt was right: the account has failed no more, and the address once less.
    pub fn succeed(&self, account: &str, ip: Option<IpAddr>, now: DateTime<Utc>) {
        self.accounts.succeed(&account.to_lowercase());
        if let Some(ip) = ip {
            self.addresses.take_back(&network(ip), now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000 + seconds, 0).unwrap()
    }

    #[test]
    fn delays_grow_and_stay_short() {
        let seconds: Vec<i64> = (0..14).map(|failures| account_delay(failures).num_seconds()).collect();
        assert_eq!(seconds, [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(account_delay(u32::MAX), LONGEST);
    }

    #[test]
    fn an_account_waits_whoever_asks_and_in_whatever_case() {
        let throttle = Throttle::default();
        let ip = |last: u8| Some(IpAddr::from([192, 0, 2, last]));
        for last in 0..5 {
            throttle.begin("Ada@example.org", ip(last), at(0)).unwrap();
        }
        assert_eq!(throttle.begin("ada@example.org", ip(9), at(0)), Err(TimeDelta::seconds(1)));
        throttle.begin("ada@example.org", ip(9), at(1)).unwrap();
        throttle.succeed("ADA@example.org", ip(9), at(1));
        for _ in 0..5 {
            throttle.begin("ada@example.org", ip(9), at(1)).unwrap();
        }
    }

    #[test]
    fn an_address_waits_whichever_account_it_tries() {
        let throttle = Throttle::default();
        for number in 0..21_u16 {
            let ip = IpAddr::from([0x2001, 0xdb8, 0, 0, number, 0, 0, 1]);
            throttle.begin(&format!("account{number}"), Some(ip), at(0)).unwrap();
        }
        let ip = IpAddr::from([0x2001, 0xdb8, 0, 0, 99, 0, 0, 1]);
        assert!(throttle.begin("another", Some(ip), at(0)).is_err());
        assert!(throttle.begin("another", Some(IpAddr::from([192, 0, 2, 1])), at(0)).is_ok());
        assert!(throttle.begin("yet another", Some(ip), at(3600)).is_ok(), "it is forgotten");
    }

    #[test]
    fn made_up_names_do_not_fill_the_memory() {
        let throttle = Throttle::default();
        for number in 0..=MOST {
            throttle.begin(&format!("account{number}"), None, at(0)).unwrap();
        }
        assert!(throttle.accounts.records.lock().unwrap().len() <= MOST);
    }
}
