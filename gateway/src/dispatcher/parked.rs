//! Messages that wait for longer than a moment: put aside in the database, so that neither memory nor the position of
//! the partition waits with them.
//!
//! While one message of a conversation is put aside, those after it are put aside behind it. They are taken up again
//! together, in the order of their ids, which is the order in which they were written.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use botbuilder_domain::{Envelope, MessageId, Outbound, OutboundEvent};
use botbuilder_store::{
    Error, OrgScope,
    system::{outbox_events, parked_messages},
};
use botbuilder_stream::partition_of;
use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::{OUTBOUND, taken_up::account_of};
use crate::Gateway;

/// The pause while the database is not available.
const PAUSE: Duration = Duration::from_millis(250);

/// Where a message in hand came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// The record of the partition at this offset.
    Record(u64),
    /// The place in the database where it was put aside.
    Parked(i64),
}

/// A message in hand, and all that waits in a lane.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) origin: Origin,
    pub(super) job: Envelope<OutboundEvent>,
    /// Whether it has waited for its turn at the account's rate.
    pub(super) scheduled: bool,
}

impl Item {
    /// The message; none for a signal, which is worth nothing later.
    pub(super) fn message(&self) -> Option<MessageId> {
        match &self.job.body.what {
            Outbound::Send(send) => Some(send.message),
            Outbound::Typing | Outbound::MarkRead { .. } => None,
        }
    }
}

/// What is put aside of one partition.
#[derive(Debug, Default)]
pub(super) struct Parked {
    lanes: HashMap<String, Lane>,
    due: BTreeSet<(DateTime<Utc>, String)>,
}

#[derive(Debug)]
struct Lane {
    until: DateTime<Utc>,
    /// Messages with their places, in order. One may have several places, if a worker lost its partition while it put
    /// the message aside.
    messages: BTreeSet<(MessageId, i64)>,
}

impl Parked {
    /// Notes a message. The whole lane waits for as long as the one that waits longest.
    pub(super) fn add(&mut self, key: &str, message: MessageId, position: i64, until: DateTime<Utc>) {
        let lane =
            self.lanes.entry(key.to_owned()).or_insert_with(|| Lane { until, messages: BTreeSet::new() });
        self.due.remove(&(lane.until, key.to_owned()));
        lane.until = lane.until.max(until);
        lane.messages.insert((message, position));
        self.due.insert((lane.until, key.to_owned()));
    }

    /// Has an account's lanes taken up now that wait until then at most.
    pub(super) fn hasten(&mut self, account: &str, until: DateTime<Utc>, now: DateTime<Utc>) {
        for (key, lane) in &mut self.lanes {
            if account_of(key) == account && now < lane.until && lane.until <= until {
                self.due.remove(&(lane.until, key.clone()));
                lane.until = now;
                self.due.insert((now, key.clone()));
            }
        }
    }

    /// Until when a lane waits; none if it does not.
    pub(super) fn until(&self, key: &str) -> Option<DateTime<Utc>> {
        self.lanes.get(key).map(|lane| lane.until)
    }

    /// Whether this message is put aside.
    pub(super) fn holds(&self, key: &str, message: MessageId) -> bool {
        let of_message = (message, i64::MIN)..=(message, i64::MAX);
        self.lanes.get(key).is_some_and(|lane| lane.messages.range(of_message).next().is_some())
    }

    /// When the next lane is to be taken up.
    pub(super) fn next_due(&self) -> Option<DateTime<Utc>> {
        self.due.first().map(|(until, _)| *until)
    }

    /// A lane whose time has come, with its messages in order and their places.
    pub(super) fn take_due(&mut self, now: DateTime<Utc>) -> Option<(String, BTreeSet<(MessageId, i64)>)> {
        if self.next_due()? > now {
            return None;
        }
        let (_, key) = self.due.pop_first()?;
        let lane = self.lanes.remove(&key)?;
        Some((key, lane.messages))
    }

    /// The places of everything.
    pub(super) fn positions(&self) -> impl Iterator<Item = i64> + '_ {
        self.lanes.values().flat_map(|lane| lane.messages.iter().map(|(_, position)| *position))
    }
}

/// Everything that is put aside of a partition of so many.
pub(super) async fn list(
    gateway: &Gateway,
    partition: u32,
    partitions: u32,
) -> Result<Vec<parked_messages::Parked>, Error> {
    let mut tx = gateway.store.begin_worker().await?;
    let mut parked = parked_messages::list(&mut tx, OUTBOUND).await?;
    tx.commit().await?;
    parked.retain(|row| partition_of(&row.key, partitions) == partition);
    Ok(parked)
}

/// A message that was put aside: where it came from, its id, and its place now.
pub(super) type Kept = (Origin, MessageId, i64);

/// Puts messages of one lane aside, all or none. Waits for the database as long as it takes; none if halted before.
pub(super) async fn keep(
    gateway: &Gateway,
    items: &[Item],
    until: DateTime<Utc>,
    halt: &CancellationToken,
) -> Option<Vec<Kept>> {
    loop {
        match try_keep(gateway, items, until).await {
            Ok(kept) => return Some(kept),
            Err(error) => warn!(error = %error, "messages to be put aside wait for the database"),
        }
        if paused(halt).await {
            return None;
        }
    }
}

async fn try_keep(gateway: &Gateway, items: &[Item], until: DateTime<Utc>) -> Result<Vec<Kept>, Error> {
    let Some(first) = items.first() else { return Ok(Vec::new()) };
    let scope = OrgScope::of_service(first.job.org);
    let mut tx = gateway.store.begin_turn(&scope).await?;
    let mut kept = Vec::with_capacity(items.len());
    for item in items {
        let Some(message) = item.message() else { continue };
        let position = match item.origin {
            Origin::Parked(position) => {
                parked_messages::put_off(&mut tx, &scope, position, until, item.scheduled).await?;
                position
            }
            Origin::Record(_) => {
                let row = parked_messages::New {
                    id: gateway.ids.next(),
                    message,
                    topic: OUTBOUND,
                    key: item.job.key.as_str().to_owned(),
                    payload: serde_json::to_value(&item.job)
                        .map_err(|error| parked_messages::unwritable(message, &error))?,
                    until,
                    scheduled: item.scheduled,
                };
                parked_messages::insert(&mut tx, &scope, row).await?
            }
        };
        kept.push((item.origin, message, position));
    }
    tx.commit().await?;
    Ok(kept)
}

/// What was taken up again.
pub(super) struct Fetched {
    /// The messages.
    pub(super) items: Vec<Item>,
    /// Places at which there is nothing any more: whoever had the partition before was done with it.
    pub(super) gone: Vec<i64>,
}

/// Takes messages up again, in the order of their places' list. Waits for the database as long as it takes; none if
/// halted before.
pub(super) async fn fetch(gateway: &Gateway, positions: &[i64], halt: &CancellationToken) -> Option<Fetched> {
    let rows = loop {
        match try_fetch(gateway, positions).await {
            Ok(rows) => break rows,
            Err(error) => warn!(error = %error, "messages put aside wait for the database"),
        }
        if paused(halt).await {
            return None;
        }
    };
    let mut by_position: HashMap<i64, parked_messages::Taken> =
        rows.into_iter().map(|row| (row.position, row)).collect();
    let (mut items, mut gone) = (Vec::with_capacity(positions.len()), Vec::new());
    for position in positions {
        let Some(row) = by_position.remove(position) else {
            gone.push(*position);
            continue;
        };
        match serde_json::from_value(row.payload) {
            Ok(job) => {
                items.push(Item { origin: Origin::Parked(*position), job, scheduled: row.scheduled });
            }
            // It stays where it is, for somebody to look at.
            Err(error) => error!(position, error = %error, "message put aside cannot be read"),
        }
    }
    Some(Fetched { items, gone })
}

async fn try_fetch(gateway: &Gateway, positions: &[i64]) -> Result<Vec<parked_messages::Taken>, Error> {
    let mut tx = gateway.store.begin_worker().await?;
    let rows = parked_messages::take(&mut tx, positions).await?;
    tx.commit().await?;
    Ok(rows)
}

/// Notes that messages need not be taken up any more. If that is lost they are, and are recognised.
pub(super) async fn forget(gateway: &Gateway, positions: &[i64]) -> Result<(), Error> {
    let mut tx = gateway.store.begin_worker_careless().await?;
    outbox_events::mark_published(&mut tx, positions, gateway.clock.now()).await?;
    tx.commit().await
}

/// Waits a little. Returns whether it was halted.
async fn paused(halt: &CancellationToken) -> bool {
    tokio::select! {
        () = halt.cancelled() => true,
        () = tokio::time::sleep(PAUSE) => false,
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn an_account_that_works_again_is_not_kept_waiting_and_others_are() {
        let at = |seconds| DateTime::<Utc>::UNIX_EPOCH + TimeDelta::seconds(seconds);
        let message = |number| MessageId::new(Uuid::from_u128(number));
        let mut parked = Parked::default();
        for (number, (lane, until)) in
            [("a:1", 60), ("a:2", 60), ("a:3", 900), ("b:1", 60)].iter().enumerate()
        {
            let place = i64::try_from(number).unwrap();
            parked.add(lane, message(number as u128), place, at(*until));
        }
        parked.hasten("a", at(60), at(5));
        let due: Vec<String> = std::iter::from_fn(|| parked.take_due(at(5)).map(|(lane, _)| lane)).collect();
        assert_eq!(due, ["a:1", "a:2"], "one was told to wait for longer, one is another's");
        assert_eq!((parked.until("a:3"), parked.until("b:1")), (Some(at(900)), Some(at(60))));
    }

    #[test]
    fn a_lane_comes_back_whole_and_in_order_when_its_last_wait_is_over() {
        let start = DateTime::<Utc>::UNIX_EPOCH;
        let at = |seconds| start + TimeDelta::seconds(seconds);
        let message = |number| MessageId::new(Uuid::from_u128(number));
        let mut parked = Parked::default();
        parked.add("a", message(2), 20, at(5));
        parked.add("a", message(1), 30, at(9));
        parked.add("b", message(3), 40, at(7));
        assert_eq!(parked.until("a"), Some(at(9)));
        assert!(
            parked.holds("a", message(1)) && !parked.holds("a", message(3)) && !parked.holds("c", message(1))
        );
        assert_eq!(parked.next_due(), Some(at(7)));
        assert_eq!(parked.take_due(at(6)), None);
        assert_eq!(parked.take_due(at(9)), Some(("b".to_owned(), [(message(3), 40)].into())));
        let (lane, positions) = parked.take_due(at(9)).unwrap();
        let positions: Vec<i64> = positions.into_iter().map(|(_, position)| position).collect();
        assert_eq!((lane.as_str(), positions), ("a", vec![30, 20]));
        assert_eq!(parked.until("a"), None);
        assert_eq!(parked.take_due(at(99)), None);
    }
}
