//! One member of a consumer group: a thread that polls, assigns and revokes.
//!
//! The client library tells of rebalances by a callback out of `poll`; the callback only notes them. The
//! thread then does what they ask: an assignment begins at the committed positions, a revocation waits
//! until the workers have let go, or their time is over, and the group waits with us.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use rdkafka::ClientContext;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList, TopicPartitionListElem};
use rdkafka::types::RDKafkaRespErr;
use tokio::sync::{Notify, mpsc};

use super::partition::{self, Assigned, Lease, Reader};
use super::{ByPartition, KafkaConfig, client, unsigned};
use crate::config::TopicConfig;
use crate::error::ConsumeError;
use crate::traits::{Partition, Subscription};

/// How long a poll waits when nothing is under way, and so how late a stop may be noticed.
const POLL: Duration = Duration::from_millis(100);
/// How long a poll waits while workers are to let go.
const POLL_BUSY: Duration = Duration::from_millis(5);

/// What a subscription and the stream know of its thread.
#[derive(Default)]
pub(super) struct Control {
    stopping: AtomicBool,
}

impl Control {
    /// Asks the member to leave the group.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }
}

pub(super) struct Membership {
    pub subscription: Member,
    pub control: Arc<Control>,
    pub thread: JoinHandle<()>,
}

pub(super) struct Member {
    given: mpsc::UnboundedReceiver<Result<Box<dyn Partition>, ConsumeError>>,
    control: Arc<Control>,
}

impl Drop for Member {
    fn drop(&mut self) {
        self.control.stop();
    }
}

#[async_trait]
impl Subscription for Member {
    async fn assigned(&mut self) -> Result<Option<Box<dyn Partition>>, ConsumeError> {
        self.given.recv().await.transpose()
    }
}

/// Notes rebalances for the thread.
#[derive(Default)]
pub(super) struct Forward {
    noted: Mutex<VecDeque<Rebalance>>,
    /// The thread is gone: nobody would read what is noted.
    closing: AtomicBool,
}

enum Rebalance {
    Assign(Vec<i32>),
    Revoke(Vec<i32>),
}

impl ClientContext for Forward {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        client::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(%error, reason, "kafka consumer");
    }
}

impl ConsumerContext for Forward {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, what: RDKafkaRespErr, list: &mut TopicPartitionList) {
        if self.closing.load(Ordering::Acquire) {
            if let Err(error) = consumer.incremental_unassign(list) {
                tracing::debug!(%error, "kafka consumer is closing");
            }
            return;
        }
        let partitions = list.elements().iter().map(TopicPartitionListElem::partition).collect();
        let rebalance = match what {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => Rebalance::Assign(partitions),
            _ => Rebalance::Revoke(partitions),
        };
        self.noted.lock().unwrap_or_else(PoisonError::into_inner).push_back(rebalance);
    }
}

/// Joins the group. The brokers need not be there yet.
pub(super) fn join(
    config: &Arc<KafkaConfig>,
    topic: &TopicConfig,
    group: &str,
) -> Result<Membership, ConsumeError> {
    let settings = client::consumer(config, topic, group);
    let consumer = BaseConsumer::from_config_and_context(&settings, Forward::default());
    let consumer = Arc::new(consumer.map_err(|error| unavailable(&error))?);
    consumer.subscribe(&[&topic.name]).map_err(|error| unavailable(&error))?;
    let control = Arc::new(Control::default());
    let (give, given) = mpsc::unbounded_channel();
    let worker = Worker {
        consumer,
        config: config.clone(),
        topic: topic.name.as_str().into(),
        ephemeral: topic.ephemeral,
        control: control.clone(),
        give,
        held: ByPartition::new(),
        revoking: None,
    };
    let thread = std::thread::Builder::new().name("stream-kafka".to_owned()).spawn(|| worker.run());
    let thread = thread.map_err(|error| unavailable(&error))?;
    Ok(Membership { subscription: Member { given, control: control.clone() }, control, thread })
}

struct Worker {
    consumer: Arc<BaseConsumer<Forward>>,
    config: Arc<KafkaConfig>,
    topic: Arc<str>,
    ephemeral: bool,
    control: Arc<Control>,
    give: mpsc::UnboundedSender<Result<Box<dyn Partition>, ConsumeError>>,
    held: ByPartition<(Arc<Reader>, Arc<Lease>)>,
    /// Partitions asked back, and when their time is over.
    revoking: Option<(Vec<i32>, Instant)>,
}

impl Worker {
    fn run(mut self) {
        while !self.control.stopping.load(Ordering::Acquire) {
            if let Err(error) = self.poll() {
                // The library has given the consumer up; whoever subscribed has to do it again.
                tracing::error!(topic = &*self.topic, %error, "kafka consumer ended");
                // Nobody may be listening any more.
                let _ = self.give.send(Err(unavailable(&error)));
                break;
            }
            self.finish_revocation();
            self.follow_rebalances();
            self.give_again();
        }
        self.leave();
    }

    fn poll(&self) -> KafkaResult<()> {
        match self.consumer.poll(if self.revoking.is_some() { POLL_BUSY } else { POLL }) {
            Some(Err(error @ KafkaError::MessageConsumptionFatal(_))) => Err(error),
            Some(Err(error)) => {
                tracing::warn!(topic = &*self.topic, %error, "kafka consumer");
                Ok(())
            }
            Some(Ok(message)) => {
                // Every assigned partition has a queue of its own, before anything is fetched.
                drop(message);
                tracing::error!(topic = &*self.topic, "record outside of the partitions' queues");
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn follow_rebalances(&mut self) {
        while self.revoking.is_none() {
            let noted = self.noted().pop_front();
            match noted {
                None => return,
                Some(Rebalance::Revoke(partitions)) => self.ask_back(partitions),
                Some(Rebalance::Assign(partitions)) => {
                    if let Err(error) = self.assign(&partitions) {
                        tracing::warn!(topic = &*self.topic, %error, "assignment is tried again");
                        self.noted().push_front(Rebalance::Assign(partitions));
                        return;
                    }
                }
            }
        }
    }

    fn noted(&self) -> std::sync::MutexGuard<'_, VecDeque<Rebalance>> {
        self.consumer.context().noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn assign(&mut self, partitions: &[i32]) -> KafkaResult<()> {
        let mut start = TopicPartitionList::new();
        let mut readers = Vec::new();
        for (partition, position) in self.positions(partitions)? {
            let offset = Offset::Offset(i64::try_from(position).unwrap_or(i64::MAX));
            start.add_partition_offset(&self.topic, partition, offset)?;
            let arrived = Arc::new(Notify::new());
            let queue = self.consumer.split_partition_queue(&self.topic, partition).map(|mut queue| {
                let arrived = arrived.clone();
                queue.set_nonempty_callback(move || arrived.notify_one());
                queue
            });
            let position = AtomicU64::new(position);
            readers.push((partition, Arc::new(Reader { queue: Mutex::new(queue), arrived, position })));
        }
        self.consumer.incremental_assign(&start)?;
        for (partition, reader) in readers {
            self.give(partition, reader);
        }
        Ok(())
    }

    /// Committed positions. A group that is new gets its first ones stored, so that it does not matter
    /// when it reads its first record.
    fn positions(&self, partitions: &[i32]) -> KafkaResult<Vec<(i32, u64)>> {
        let mut wanted = TopicPartitionList::new();
        for partition in partitions {
            wanted.add_partition(&self.topic, *partition);
        }
        let timeout = self.config.request_timeout;
        let committed = self.consumer.committed_offsets(wanted, timeout)?;
        let mut positions = Vec::new();
        for element in committed.elements() {
            let partition = element.partition();
            if let Offset::Offset(offset) = element.offset() {
                positions.push((partition, unsigned(offset)));
                continue;
            }
            let (first, end) = self.consumer.fetch_watermarks(&self.topic, partition, timeout)?;
            let position = unsigned(if self.ephemeral { end } else { first });
            partition::commit(&self.consumer, &self.topic, partition, position)?;
            positions.push((partition, position));
        }
        Ok(positions)
    }

    fn give(&mut self, partition: i32, reader: Arc<Reader>) {
        let lease = Arc::new(Lease::default());
        let assigned = Assigned {
            topic: self.topic.clone(),
            id: partition,
            consumer: Arc::downgrade(&self.consumer),
            reader: reader.clone(),
            lease: lease.clone(),
            damaged: None,
        };
        self.held.insert(partition, (reader, lease));
        if self.give.send(Ok(Box::new(assigned))).is_err() {
            self.control.stop();
        }
    }

    /// A partition whose worker gave it up by itself is given again, from the committed position.
    fn give_again(&mut self) {
        let asked_back: &[i32] = self.revoking.as_ref().map_or(&[], |(partitions, _)| partitions);
        let given_up: Vec<(i32, Arc<Reader>)> = self
            .held
            .iter()
            .filter(|(partition, (_, lease))| {
                lease.dropped.load(Ordering::Acquire) && !asked_back.contains(partition)
            })
            .map(|(partition, (reader, _))| (*partition, reader.clone()))
            .collect();
        for (partition, reader) in given_up {
            let position = reader.position.load(Ordering::Acquire);
            let offset = Offset::Offset(i64::try_from(position).unwrap_or(i64::MAX));
            match self.consumer.seek(&self.topic, partition, offset, self.config.request_timeout) {
                Ok(()) => self.give(partition, reader),
                Err(error) => {
                    tracing::warn!(topic = &*self.topic, partition, %error, "seek is tried again");
                }
            }
        }
    }

    fn ask_back(&mut self, partitions: Vec<i32>) {
        // Somebody else may have lost partitions already: there is nothing to wait for.
        let grace = if self.consumer.assignment_lost() { Duration::ZERO } else { self.config.revoke_grace };
        for (_, lease) in partitions.iter().filter_map(|partition| self.held.get(partition)) {
            lease.revoked.cancel();
        }
        self.revoking = Some((partitions, Instant::now() + grace));
        self.finish_revocation();
    }

    /// Lets the group go on once the workers have let go.
    fn finish_revocation(&mut self) {
        let Some((partitions, until)) = self.revoking.take() else { return };
        let in_use = |partition: &i32| {
            self.held.get(partition).is_some_and(|(_, lease)| !lease.dropped.load(Ordering::Acquire))
        };
        if partitions.iter().any(in_use) && Instant::now() < until {
            self.revoking = Some((partitions, until));
            return;
        }
        let mut list = TopicPartitionList::new();
        for partition in partitions {
            list.add_partition(&self.topic, partition);
            self.fence(partition);
        }
        if let Err(error) = self.consumer.incremental_unassign(&list) {
            tracing::warn!(topic = &*self.topic, %error, "kafka consumer");
        }
    }

    fn fence(&mut self, partition: i32) {
        let Some((reader, lease)) = self.held.remove(&partition) else { return };
        lease.fenced.store(true, Ordering::Release);
        if !lease.dropped.load(Ordering::Acquire) {
            tracing::warn!(topic = &*self.topic, partition, "worker kept a revoked partition, fenced");
        }
        reader.queue.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Asks everything back, waits for it, and leaves the group.
    fn leave(mut self) {
        for (_, lease) in self.held.values() {
            lease.revoked.cancel();
        }
        let until = Instant::now() + self.config.revoke_grace;
        let in_use =
            |worker: &Self| worker.held.values().any(|(_, lease)| !lease.dropped.load(Ordering::Acquire));
        while in_use(&self) && Instant::now() < until {
            // Heartbeats go on by themselves; polling tells the brokers that we are not stuck.
            if self.consumer.poll(POLL_BUSY).is_some_and(|polled| polled.is_err()) {
                std::thread::sleep(POLL_BUSY);
            }
        }
        for partition in self.held.keys().copied().collect::<Vec<_>>() {
            self.fence(partition);
        }
        self.consumer.context().closing.store(true, Ordering::Release);
        // Dropping the consumer leaves the group; the assignment has to be given up for that.
        if let Err(error) = self.consumer.unassign() {
            tracing::debug!(topic = &*self.topic, %error, "kafka consumer is closing");
        }
    }
}

fn unavailable(error: &dyn std::fmt::Display) -> ConsumeError {
    ConsumeError::Unavailable { reason: error.to_string() }
}
