//! From the outbox to the stream.

use std::{collections::HashMap, time::Duration};

use botbuilder_store::{Error, Store, system::outbox_events};
use botbuilder_stream::{Producer, Record, partition_of};
use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::commit::Unpublished;

/// The pause between attempts while the stream takes nothing.
const PAUSE: Duration = Duration::from_millis(200);

/// Publishes records in order and marks them. Tries until the stream takes them or `stop` is cancelled: what comes
/// later must not overtake them. Returns whether they are published.
pub async fn publish(
    store: &Store,
    producer: &dyn Producer,
    rows: Vec<Unpublished>,
    now: DateTime<Utc>,
    stop: &CancellationToken,
) -> bool {
    if rows.is_empty() {
        return true;
    }
    let positions: Vec<i64> = rows.iter().map(|row| row.position).collect();
    let mut by_topic: HashMap<&'static str, Vec<Record>> = HashMap::new();
    for row in rows {
        by_topic.entry(row.topic).or_default().push(row.record);
    }
    for (topic, records) in by_topic {
        while let Err(error) = producer.append(topic, records.clone()).await {
            warn!(topic, error = %error, "replies wait for the stream");
            tokio::select! {
                () = stop.cancelled() => return false,
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
    }
    fail::fail_point!("publish.before_mark", |_| std::process::abort());
    // Nobody waits for the mark. One that is not written means a second publication, which the dispatcher recognises.
    let store = store.clone();
    tokio::spawn(async move {
        if let Err(error) = mark(&store, &positions, now).await {
            warn!(error = %error, "published records could not be marked");
        }
    });
    true
}

async fn mark(store: &Store, positions: &[i64], now: DateTime<Utc>) -> Result<(), Error> {
    let mut tx = store.begin_worker_careless().await?;
    outbox_events::mark_published(&mut tx, positions, now).await?;
    tx.commit().await
}

/// Which of the unpublished records a call is about.
#[derive(Debug, Clone, Copy)]
pub enum Of<'a> {
    /// Every topic, except what a worker publishes by itself within the time it is given.
    Everyone,
    /// The records of this topic whose key belongs to this partition.
    Partition {
        /// The topic.
        topic: &'a str,
        /// The partition.
        partition: u32,
    },
}

/// Publishes what is left unpublished and became available before `before`, in the order of the outbox. Returns how
/// many records were published.
pub async fn publish_left(
    store: &Store,
    producer: &dyn Producer,
    of: Of<'_>,
    before: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<usize, LeftError> {
    const PAGE: i64 = 500;
    let mut published = 0;
    let mut after = 0;
    loop {
        let mut tx = store.begin_worker().await?;
        let topic = match of {
            Of::Everyone => None,
            Of::Partition { topic, .. } => Some(topic),
        };
        let rows = outbox_events::unpublished(&mut tx, topic, after, before, PAGE).await?;
        tx.commit().await?;
        let Some(last) = rows.last() else { return Ok(published) };
        after = last.position;
        let full = rows.len() == usize::try_from(PAGE).unwrap_or(usize::MAX);
        let mut positions = Vec::new();
        for row in rows {
            if let Of::Partition { topic, partition } = of
                && partition_of(&row.partition_key, producer.partitions(topic)?) != partition
            {
                continue;
            }
            let record = Record::new(row.partition_key, row.payload.to_string());
            producer.append(&row.topic, vec![record]).await?;
            positions.push(row.position);
        }
        published += positions.len();
        fail::fail_point!("relay.before_mark", !positions.is_empty(), |_| std::process::abort());
        mark(store, &positions, now).await?;
        if !full {
            return Ok(published);
        }
    }
}

/// Publishes what was written over the API, at once, where nothing else of its key is unpublished. Returns how many
/// records were published. A row stays locked until it is marked, and only the first of a key is taken, so two relays
/// that do this at a time publish nothing twice and nothing out of order.
pub async fn publish_said(
    store: &Store,
    producer: &dyn Producer,
    now: DateTime<Utc>,
) -> Result<usize, LeftError> {
    const BATCH: i64 = 100;
    let mut published = 0;
    loop {
        let mut tx = store.begin_worker().await?;
        let rows = outbox_events::said(&mut tx, now, BATCH).await?;
        if rows.is_empty() {
            return Ok(published);
        }
        let positions: Vec<i64> = rows.iter().map(|row| row.position).collect();
        for row in rows {
            let record = Record::new(row.partition_key, row.payload.to_string());
            producer.append(&row.topic, vec![record]).await?;
        }
        fail::fail_point!("relay.before_mark", |_| std::process::abort());
        outbox_events::mark_published(&mut tx, &positions, now).await?;
        tx.commit().await?;
        published += positions.len();
    }
}

/// Why records are still unpublished.
#[derive(Debug, thiserror::Error)]
pub enum LeftError {
    /// The database.
    #[error(transparent)]
    Store(#[from] Error),
    /// The stream.
    #[error(transparent)]
    Stream(#[from] botbuilder_stream::AppendError),
}

#[cfg(test)]
mod tests;
