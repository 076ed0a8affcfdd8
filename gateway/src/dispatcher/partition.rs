//! One partition of `outbound`: a lane for each conversation, and a position that moves over what is done.

use std::{
    collections::{BTreeSet, HashMap, HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use botbuilder_domain::{Envelope, OutboundEvent};
use botbuilder_stream::{ConsumeError, Delivered, Partition, dead_letter};
use chrono::{DateTime, TimeDelta, Utc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{
    OUTBOUND,
    panics::{self, Panics},
    parked::{self, Fetched, Item, Kept, Origin, Parked},
    send::{Sender, Sent},
    taken_up::{TakenUp, Waiting},
};

/// Most messages in hand. Beyond it the partition is not read until some are done.
const IN_HAND: usize = 2048;
/// Most records of one read.
const BATCH: usize = 256;
/// How often the position is stored while messages are being sent.
const STORE_EVERY: Duration = Duration::from_millis(200);
/// How often it is looked whether anything is put aside that this worker does not know of.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// When a lane that is busy with something else is looked at again.
const BUSY: TimeDelta = TimeDelta::milliseconds(100);
/// When a lane is looked at again whose account has as many in hand as it may.
const ENOUGH: TimeDelta = TimeDelta::seconds(1);
/// The pause after the partition could not be read.
const PAUSE: Duration = Duration::from_millis(250);

/// The worker of a partition.
pub(super) struct Worker {
    partition: Box<dyn Partition>,
    sender: Arc<Sender>,
    /// What waits in the lanes that are busy.
    lanes: HashMap<String, VecDeque<Item>>,
    parked: Parked,
    /// Messages that were taken up again and are in hand.
    taken_up: TakenUp,
    /// Accounts by which nothing goes out for now.
    waiting: Waiting,
    /// Messages on which the sender failed.
    panics: Panics,
    /// Places of messages that need not be taken up any more, not noted yet.
    settled: Vec<i64>,
    progress: Progress,
    busy: JoinSet<Done>,
}

/// What came to an end in a lane.
enum Done {
    /// A message was handled; none if the sender failed on it.
    Sent { lane: String, item: Box<Item>, sent: Option<Sent> },
    /// Messages were put aside; none if it was halted before.
    Kept { lane: String, until: DateTime<Utc>, kept: Option<Vec<Kept>> },
    /// Messages were taken up again; none if it was halted before.
    Fetched { lane: String, fetched: Option<Fetched> },
}

impl Worker {
    pub(super) fn new(partition: Box<dyn Partition>, sender: Sender) -> Self {
        Self {
            partition,
            sender: Arc::new(sender),
            lanes: HashMap::new(),
            parked: Parked::default(),
            taken_up: TakenUp::default(),
            waiting: Waiting::default(),
            panics: Panics::default(),
            settled: Vec::new(),
            progress: Progress::default(),
            busy: JoinSet::new(),
        }
    }

    pub(super) async fn run(mut self, stop: CancellationToken) {
        let revoked = self.partition.revoked();
        // Whoever sends has to stop taking up new messages when either happens.
        let halt = stop.child_token();
        // What waits behind a message that was put aside must not be sent before that is known.
        while !self.learn_what_is_parked().await {
            tokio::select! {
                () = stop.cancelled() => return,
                () = revoked.cancelled() => return,
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
        let mut store = tokio::time::interval(STORE_EVERY);
        store.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut changes = self.sender.gateway().accounts.changes();
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        look.reset();
        loop {
            let room = self.progress.in_hand() + self.taken_up.len() < IN_HAND;
            // The other half is of what comes new.
            let room_again = room && self.taken_up.len() < IN_HAND / 2;
            let next_due = self.parked.next_due().map(|due| due - self.sender.gateway().clock.now());
            let due = tokio::time::sleep(next_due.and_then(|wait| wait.to_std().ok()).unwrap_or_default());
            tokio::select! {
                () = stop.cancelled() => break,
                () = revoked.cancelled() => break,
                Some(done) = self.busy.join_next(), if !self.busy.is_empty() => match done {
                    Ok(done) => self.finish(done, &halt),
                    Err(error) => {
                        // A panic beside the sending. The record stays in hand, so that nothing behind it is
                        // committed; the partition is given up and read again from there.
                        error!(error = %error, "a lane panicked");
                        break;
                    }
                },
                next = self.partition.next(BATCH), if room => match next {
                    Ok(delivered) => {
                        for record in delivered {
                            self.take(record, &halt).await;
                        }
                    }
                    Err(ConsumeError::Revoked) => break,
                    Err(error) => {
                        error!(partition = self.partition.id(), error = %error, "partition cannot be read");
                        tokio::time::sleep(PAUSE).await;
                    }
                },
                () = due, if room_again && next_due.is_some() => self.take_up(&halt),
                // An operator may have activated an account again.
                Ok(()) = changes.changed() => {
                    let now = self.sender.gateway().clock.now();
                    for (account, until) in self.waiting.forget() {
                        self.parked.hasten(&account, until, now);
                    }
                }
                _ = store.tick() => self.store_position().await,
                _ = look.tick() => {
                    self.learn_what_is_parked().await;
                }
            }
        }
        halt.cancel();
        while let Some(done) = self.busy.join_next().await {
            match done {
                Ok(Done::Sent { item, sent: Some(Sent::Done), .. }) => self.settle(item.origin),
                Ok(Done::Kept { kept: Some(kept), .. }) => {
                    for (origin, ..) in kept {
                        self.put_aside(origin);
                    }
                }
                _ => {}
            }
        }
        self.store_position().await;
        info!(partition = self.partition.id(), "gave an outbound partition back");
    }

    /// Reads what is put aside of this partition. Returns whether it could.
    async fn learn_what_is_parked(&mut self) -> bool {
        let gateway = self.sender.gateway();
        let Ok(partitions) = gateway.stream.partitions(OUTBOUND) else { return false };
        match parked::list(gateway, self.partition.id(), partitions).await {
            Ok(rows) => {
                let mut known: HashSet<i64> = self.parked.positions().collect();
                known.extend(self.taken_up.positions());
                known.extend(&self.settled);
                for row in rows.into_iter().filter(|row| !known.contains(&row.position)) {
                    // A lane that is busy is putting its own aside.
                    if !self.lanes.contains_key(&row.key) {
                        self.parked.add(&row.key, row.message, row.position, row.until);
                    }
                }
                true
            }
            Err(error) => {
                warn!(partition = self.partition.id(), error = %error, "messages put aside cannot be read");
                false
            }
        }
    }

    /// Takes a record up: into its lane, and on its way if nothing is before it there.
    async fn take(&mut self, delivered: Delivered, halt: &CancellationToken) {
        let offset = delivered.position.offset;
        self.progress.start(offset);
        match Envelope::<OutboundEvent>::decode(&delivered.record.payload) {
            Ok(job) => {
                let lane = delivered.record.key;
                let item = Item { origin: Origin::Record(offset), job, scheduled: false };
                if let Some(waiting) = self.lanes.get_mut(&lane) {
                    waiting.push_back(item);
                } else if item.message().is_some_and(|message| self.parked.holds(&lane, message)) {
                    // It comes again because the position was not stored after it had been put aside.
                    self.progress.finish(offset);
                } else if let Some(until) = self.parked.until(&lane) {
                    self.lanes.insert(lane.clone(), VecDeque::new());
                    self.park(lane, vec![item], until, halt);
                } else {
                    self.lanes.insert(lane.clone(), VecDeque::new());
                    self.send(lane, item, halt);
                }
            }
            Err(reason) => {
                let reason = reason.to_string();
                error!(partition = self.partition.id(), offset, reason, "record goes to the dead letter");
                let stream = self.sender.stream();
                match dead_letter(&*stream, OUTBOUND, &delivered, &reason).await {
                    Ok(_) => self.progress.finish(offset),
                    Err(error) => warn!(error = %error, "dead letter was not stored; the record comes again"),
                }
            }
        }
    }

    /// Takes up the lanes whose time has come, as far as there is room.
    fn take_up(&mut self, halt: &CancellationToken) {
        let now = self.sender.gateway().clock.now();
        while self.taken_up.len() < IN_HAND / 2 {
            let Some((lane, messages)) = self.parked.take_due(now) else { return };
            if self.lanes.contains_key(&lane) {
                // It is putting more aside right now: one thing at a time.
                for (message, position) in messages {
                    self.parked.add(&lane, message, position, now + BUSY);
                }
                continue;
            }
            let until = match self.waiting.until(&lane, now) {
                Some(until) => Some(until),
                None => (!self.taken_up.has_room(&lane)).then(|| now + ENOUGH),
            };
            if let Some(until) = until {
                for (message, position) in messages {
                    self.parked.add(&lane, message, position, until);
                }
                continue;
            }
            let positions: Vec<i64> = messages.into_iter().map(|(_, position)| position).collect();
            self.taken_up.add(&lane, &positions);
            self.lanes.insert(lane.clone(), VecDeque::new());
            let sender = Arc::clone(&self.sender);
            let halt = halt.clone();
            self.busy.spawn(async move {
                let fetched = parked::fetch(sender.gateway(), &positions, &halt).await;
                Done::Fetched { lane, fetched }
            });
        }
    }

    fn send(&mut self, lane: String, item: Item, halt: &CancellationToken) {
        let sender = Arc::clone(&self.sender);
        let halt = halt.clone();
        self.busy.spawn(async move {
            let sent = panics::caught(sender.send(&item.job, item.scheduled, &halt)).await;
            Done::Sent { lane, item: Box::new(item), sent }
        });
    }

    /// A message on which the sender failed: it is tried again in a moment, and put into the dead letter when it goes on to
    /// fail. Nobody else's message waits for that.
    fn after_panic(&mut self, lane: String, item: Item, halt: &CancellationToken) {
        let Some(message) = item.message() else {
            self.settle(item.origin);
            return self.next_of(lane, halt);
        };
        if let Some(pause) = self.panics.again(message) {
            let until = self.sender.gateway().clock.now() + pause;
            let behind = self.lanes.get_mut(&lane).map(std::mem::take).unwrap_or_default();
            return self.park(lane, [item].into_iter().chain(behind).collect(), until, halt);
        }
        let sender = Arc::clone(&self.sender);
        self.busy.spawn(async move {
            let sent = Some(sender.give_up(&item.job).await);
            Done::Sent { lane, item: Box::new(item), sent }
        });
    }

    /// Puts messages of a lane aside until then. Signals among them are dropped.
    fn park(&mut self, lane: String, items: Vec<Item>, until: DateTime<Utc>, halt: &CancellationToken) {
        let (messages, signals): (Vec<Item>, Vec<Item>) =
            items.into_iter().partition(|item| item.message().is_some());
        for signal in signals {
            self.settle(signal.origin);
        }
        let sender = Arc::clone(&self.sender);
        let halt = halt.clone();
        self.busy.spawn(async move {
            let kept = parked::keep(sender.gateway(), &messages, until, &halt).await;
            Done::Kept { lane, until, kept }
        });
    }

    fn finish(&mut self, done: Done, halt: &CancellationToken) {
        match done {
            Done::Sent { lane, item, sent: Some(Sent::Done) } => {
                self.panics.forget(item.message());
                self.settle(item.origin);
                self.next_of(lane, halt);
            }
            Done::Sent { lane, item, sent: None } => self.after_panic(lane, *item, halt),
            Done::Sent { lane, mut item, sent: Some(Sent::Later { until, scheduled, whole_account }) } => {
                if whole_account {
                    self.waiting.add(&lane, until);
                }
                item.scheduled = scheduled;
                let behind = self.lanes.get_mut(&lane).map(std::mem::take).unwrap_or_default();
                self.park(lane, [*item].into_iter().chain(behind).collect(), until, halt);
            }
            Done::Kept { lane, until, kept: Some(kept) } => {
                for (origin, message, position) in kept {
                    self.put_aside(origin);
                    self.parked.add(&lane, message, position, until);
                }
                let behind = self.lanes.get_mut(&lane).map(std::mem::take).unwrap_or_default();
                if behind.is_empty() {
                    self.lanes.remove(&lane);
                } else {
                    self.park(lane, behind.into(), until, halt);
                }
            }
            Done::Fetched { lane, fetched: Some(Fetched { items, gone }) } => {
                for position in gone {
                    self.taken_up.remove(position);
                }
                let waiting = self.lanes.entry(lane.clone()).or_default();
                for item in items.into_iter().rev() {
                    waiting.push_front(item);
                }
                self.next_of(lane, halt);
            }
            // Halted. Nothing behind it in its lane may go first.
            Done::Sent { sent: Some(Sent::Halted), .. }
            | Done::Kept { kept: None, .. }
            | Done::Fetched { fetched: None, .. } => {}
        }
    }

    /// Sends the next message of a lane; a lane without one is over.
    fn next_of(&mut self, lane: String, halt: &CancellationToken) {
        match self.lanes.get_mut(&lane).and_then(VecDeque::pop_front) {
            Some(item) => self.send(lane, item, halt),
            None => {
                self.lanes.remove(&lane);
            }
        }
    }

    /// Nothing more is to be done about a message.
    fn settle(&mut self, origin: Origin) {
        match origin {
            Origin::Record(offset) => self.progress.finish(offset),
            Origin::Parked(position) => {
                self.taken_up.remove(position);
                self.settled.push(position);
            }
        }
    }

    /// A message is in the database now, and not in hand.
    fn put_aside(&mut self, origin: Origin) {
        match origin {
            Origin::Record(offset) => self.progress.finish(offset),
            Origin::Parked(position) => {
                self.taken_up.remove(position);
            }
        }
    }

    async fn store_position(&mut self) {
        if !self.settled.is_empty() {
            match parked::forget(self.sender.gateway(), &self.settled).await {
                Ok(()) => self.settled.clear(),
                Err(error) => warn!(error = %error, "messages put aside and sent could not be noted as sent"),
            }
        }
        if let Some(next) = self.progress.to_store() {
            match self.partition.commit(next).await {
                Ok(()) => self.progress.stored(next),
                Err(ConsumeError::Revoked) => {}
                Err(error) => {
                    warn!(partition = self.partition.id(), error = %error, "position could not be stored");
                }
            }
        }
    }
}

/// Which records are in hand, and up to where all are done.
#[derive(Debug, Default)]
struct Progress {
    in_hand: BTreeSet<u64>,
    next: Option<u64>,
    stored: Option<u64>,
}

impl Progress {
    fn start(&mut self, offset: u64) {
        self.in_hand.insert(offset);
        self.next = self.next.max(Some(offset + 1));
    }

    fn finish(&mut self, offset: u64) {
        self.in_hand.remove(&offset);
    }

    fn in_hand(&self) -> usize {
        self.in_hand.len()
    }

    /// The position to store: everything before it is done. None where that is stored already.
    fn to_store(&self) -> Option<u64> {
        let position = self.in_hand.first().copied().or(self.next)?;
        (self.stored != Some(position)).then_some(position)
    }

    fn stored(&mut self, position: u64) {
        self.stored = Some(position);
    }
}

#[cfg(test)]
mod tests {
    use super::Progress;

    #[test]
    fn the_position_stays_before_what_is_in_hand() {
        let mut progress = Progress::default();
        assert_eq!(progress.to_store(), None);
        for offset in [4, 5, 6] {
            progress.start(offset);
        }
        assert_eq!(progress.to_store(), Some(4));
        progress.finish(5);
        assert_eq!(progress.to_store(), Some(4));
        progress.finish(4);
        assert_eq!(progress.to_store(), Some(6));
        progress.finish(6);
        assert_eq!(progress.to_store(), Some(7));
        progress.stored(7);
        assert_eq!(progress.to_store(), None);
        assert_eq!(progress.in_hand(), 0);
    }
}
