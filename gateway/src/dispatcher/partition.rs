//! One partition of `outbound`: a lane for each conversation, and a position that moves over what is done.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use botbuilder_domain::{Envelope, OutboundEvent};
use botbuilder_stream::{ConsumeError, Delivered, Partition, dead_letter};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{OUTBOUND, send::Sender};

/// Most messages in hand. Beyond it the partition is not read until some are done.
const IN_HAND: usize = 2048;
/// Most records of one read.
const BATCH: usize = 256;
/// How often the position is stored while messages are being sent.
const STORE_EVERY: Duration = Duration::from_millis(200);
/// The pause after the partition could not be read.
const PAUSE: Duration = Duration::from_millis(250);

type Job = Envelope<OutboundEvent>;

/// The worker of a partition.
pub(super) struct Worker {
    partition: Box<dyn Partition>,
    sender: Arc<Sender>,
    lanes: HashMap<String, VecDeque<(u64, Job)>>,
    progress: Progress,
    sending: JoinSet<Done>,
}

/// A message that was sent, or finally not.
struct Done {
    offset: u64,
    lane: String,
    /// False if it was stopped before the outcome was written: the record has to come again.
    settled: bool,
}

impl Worker {
    pub(super) fn new(partition: Box<dyn Partition>, sender: Sender) -> Self {
        Self {
            partition,
            sender: Arc::new(sender),
            lanes: HashMap::new(),
            progress: Progress::default(),
            sending: JoinSet::new(),
        }
    }

    pub(super) async fn run(mut self, stop: CancellationToken) {
        let revoked = self.partition.revoked();
        // Whoever sends has to stop taking up new messages when either happens.
        let halt = stop.child_token();
        let mut store = tokio::time::interval(STORE_EVERY);
        store.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let room = self.progress.in_hand() < IN_HAND;
            tokio::select! {
                () = stop.cancelled() => break,
                () = revoked.cancelled() => break,
                Some(done) = self.sending.join_next(), if !self.sending.is_empty() => match done {
                    Ok(done) => self.finish(done, &halt),
                    Err(error) => {
                        // A panic in an adapter. The record stays in hand, so that nothing behind it is
                        // committed; the partition is given up and read again from there.
                        error!(error = %error, "sending a message panicked");
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
                _ = store.tick() => self.store_position().await,
            }
        }
        halt.cancel();
        while let Some(done) = self.sending.join_next().await {
            if let Ok(Done { offset, settled: true, .. }) = done {
                self.progress.finish(offset);
            }
        }
        self.store_position().await;
        info!(partition = self.partition.id(), "gave an outbound partition back");
    }

    /// Takes a record up: into its lane, and on its way if nothing is before it there.
    async fn take(&mut self, delivered: Delivered, halt: &CancellationToken) {
        let offset = delivered.position.offset;
        self.progress.start(offset);
        match Job::decode(&delivered.record.payload) {
            Ok(job) => {
                let lane = delivered.record.key;
                if let Some(waiting) = self.lanes.get_mut(&lane) {
                    waiting.push_back((offset, job));
                } else {
                    self.lanes.insert(lane.clone(), VecDeque::new());
                    self.send(lane, offset, job, halt);
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

    fn send(&mut self, lane: String, offset: u64, job: Job, halt: &CancellationToken) {
        let sender = Arc::clone(&self.sender);
        let halt = halt.clone();
        self.sending.spawn(async move {
            let settled = sender.send(&job, &halt).await;
            Done { offset, lane, settled }
        });
    }

    fn finish(&mut self, done: Done, halt: &CancellationToken) {
        if !done.settled {
            // Nothing behind it in its lane may go first.
            return;
        }
        self.progress.finish(done.offset);
        let next = self.lanes.get_mut(&done.lane).and_then(VecDeque::pop_front);
        match next {
            Some((offset, job)) => self.send(done.lane, offset, job, halt),
            None => {
                self.lanes.remove(&done.lane);
            }
        }
    }

    async fn store_position(&mut self) {
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
