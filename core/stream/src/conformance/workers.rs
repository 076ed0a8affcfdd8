//! Consumers as the runtime has them, and what they have processed.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::acts::within;
use crate::{ConsumeError, Delivered, Partition, Position, Stream};

/// What workers have processed, in the order in which they did.
#[derive(Clone)]
pub struct Seen(Arc<(Mutex<SeenRecords>, watch::Sender<()>)>);

/// What workers have processed.
#[derive(Debug, Default)]
pub struct SeenRecords {
    /// Worker and position.
    pub records: Vec<(String, Position)>,
}

impl SeenRecords {
    /// How many records a worker has processed.
    pub fn by(&self, worker: &str) -> usize {
        self.records.iter().filter(|(by, _)| by == worker).count()
    }
}

impl Default for Seen {
    fn default() -> Self {
        Self(Arc::new((Mutex::default(), watch::Sender::new(()))))
    }
}

impl Seen {
    /// Looks at what was processed.
    pub fn with<T>(&self, look: impl FnOnce(&SeenRecords) -> T) -> T {
        look(&self.0.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until a condition holds.
    pub async fn wait(&self, what: &str, holds: impl Fn(&SeenRecords) -> bool) {
        let mut changed = self.0.1.subscribe();
        let reached = async {
            while !self.with(&holds) {
                changed.changed().await.expect("the sender lives as long as this");
            }
        };
        within(what, reached).await;
    }

    fn add(&self, worker: &str, records: &[Delivered]) {
        let positions = records.iter().map(|record| (worker.to_owned(), record.position));
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).records.extend(positions);
        self.0.1.send_replace(());
    }
}

/// A consumer as the runtime has them: one task per partition, which processes, commits, and drops the
/// partition when asked.
pub struct Worker {
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Worker {
    /// Joins the group and works until stopped.
    pub async fn start(stream: &Arc<dyn Stream>, topic: &str, group: &str, name: &str, seen: &Seen) -> Self {
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let mut member = stream.subscribe(topic, group).await.expect("subscribe");
        let (seen, name) = (seen.clone(), name.to_owned());
        let task = tokio::spawn(async move {
            let mut partitions = JoinSet::new();
            loop {
                tokio::select! {
                    assigned = member.assigned() => match assigned.expect("assigned") {
                        Some(partition) => {
                            partitions.spawn(work(partition, name.clone(), seen.clone(), stopped.clone()));
                        }
                        None => break,
                    },
                    () = stopped.cancelled() => break,
                }
            }
            partitions.join_all().await;
        });
        Self { stop, task }
    }

    /// Finishes what is in hand and leaves the group.
    pub async fn stop(self) {
        self.stop.cancel();
        within("the worker to stop", self.task).await.expect("worker");
    }
}

async fn work(mut partition: Box<dyn Partition>, name: String, seen: Seen, stopped: CancellationToken) {
    loop {
        let records = tokio::select! {
            records = partition.next(5) => records,
            () = stopped.cancelled() => return,
        };
        match records {
            Ok(records) => {
                let next = records.last().map_or(0, |last| last.position.offset + 1);
                match commit_patiently(&mut *partition, next).await {
                    Ok(()) => seen.add(&name, &records),
                    Err(ConsumeError::Revoked) => return,
                    Err(error) => panic!("{error}"),
                }
            }
            Err(ConsumeError::Revoked) => return,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Commits again while the backend cannot take it.
async fn commit_patiently(partition: &mut dyn Partition, next: u64) -> Result<(), ConsumeError> {
    within("a commit", async {
        loop {
            match partition.commit(next).await {
                Err(ConsumeError::Unavailable { .. }) => tokio::time::sleep(Duration::from_millis(50)).await,
                other => return other,
            }
        }
    })
    .await
}
