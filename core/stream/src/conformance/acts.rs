//! What the checks do with a stream: numbered records written, read and committed, with patience.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::{Delivered, Partition, Position, Record, Stream, Subscription};

/// How long anything may take before it counts as not happening.
const PATIENCE: Duration = Duration::from_mins(1);

/// A record with a number as its payload.
pub fn record(key: &str, number: usize) -> Record {
    Record::new(key, number.to_string())
}

/// The number in the payload.
pub fn number_of(delivered: &Delivered) -> usize {
    let payload = std::str::from_utf8(&delivered.record.payload).expect("payload is text");
    payload.parse().expect("payload is a number")
}

/// Appends numbers under one key.
pub async fn append_numbers(
    stream: &Arc<dyn Stream>,
    topic: &str,
    key: &str,
    numbers: std::ops::Range<usize>,
) {
    let records = numbers.map(|number| record(key, number)).collect();
    stream.append(topic, records).await.expect("append");
}

/// Reads so many records of a topic as a member of a group, without committing.
pub async fn read(stream: &Arc<dyn Stream>, topic: &str, group: &str, count: usize) -> Vec<Delivered> {
    consume(stream, topic, group, count, false).await
}

/// Reads and commits so many records of a topic as a member of a group.
pub async fn read_and_commit(
    stream: &Arc<dyn Stream>,
    topic: &str,
    group: &str,
    count: usize,
) -> Vec<Delivered> {
    consume(stream, topic, group, count, true).await
}

async fn consume(
    stream: &Arc<dyn Stream>,
    topic: &str,
    group: &str,
    count: usize,
    commit: bool,
) -> Vec<Delivered> {
    let mut member = stream.subscribe(topic, group).await.expect("subscribe");
    let (found, mut records) = mpsc::unbounded_channel();
    let mut tasks = JoinSet::new();
    let mut delivered = Vec::new();
    while delivered.len() < count {
        tokio::select! {
            partition = within("assignment or records", member.assigned()) => {
                let partition = partition.expect("assigned").expect("open");
                let found = found.clone();
                tasks.spawn(async move { forward(partition, &found, commit).await });
            }
            batch = records.recv() => delivered.extend(batch.unwrap_or_else(Vec::new)),
        }
    }
    tasks.shutdown().await;
    assert_eq!(delivered.len(), count, "more records than expected in {topic}");
    delivered
}

async fn forward(
    mut partition: Box<dyn Partition>,
    found: &mpsc::UnboundedSender<Vec<Delivered>>,
    commit: bool,
) {
    while let Ok(records) = partition.next(64).await {
        let next = records.last().map_or(0, |last| last.position.offset + 1);
        if commit {
            partition.commit(next).await.expect("commit");
        }
        if found.send(records).is_err() {
            return;
        }
    }
}

/// Commits a position as a member of a group.
pub async fn commit(stream: &Arc<dyn Stream>, topic: &str, group: &str, place: Position) {
    let mut member = stream.subscribe(topic, group).await.expect("subscribe");
    let mut partition = partition_with(&mut *member, place.partition).await;
    partition.commit(place.offset).await.expect("commit");
}

/// Waits for the partition with that number and drops the others.
pub async fn partition_with(member: &mut dyn Subscription, id: u32) -> Box<dyn Partition> {
    let mut others = Vec::new();
    loop {
        let partition = within("assignment", member.assigned()).await.expect("assigned").expect("open");
        if partition.id() == id {
            return partition;
        }
        others.push(partition);
    }
}

/// The numbers in the payloads.
pub fn numbers(delivered: &[Delivered]) -> Vec<usize> {
    delivered.iter().map(number_of).collect()
}

/// Fails when something does not happen.
pub async fn within<T>(what: &str, happening: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, happening).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}
