//! What is left to be done.

use botbuilder_stream::{PartitionLag, Stream};
use sqlx::PgPool;
use tokio::time::Instant;

use super::{LOOK_EVERY, PATIENCE};

/// What a test means to leave.
#[derive(Debug, Clone, Default)]
pub struct Expected {
    /// So many dead letters, in `inbound.dead` and `outbound.dead` together.
    pub dead_letters: u64,
    /// So many messages whose sending is uncertain.
    pub uncertain: i64,
    /// Nothing is looked at.
    pub anything: bool,
}

/// Waits until nothing but what is expected is left; else says what is.
pub(super) async fn settled(
    stream: &dyn Stream,
    pool: &PgPool,
    expected: &Expected,
) -> Result<(), Vec<String>> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let left = look(stream, pool, expected).await;
        if left.is_empty() {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(left);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn look(stream: &dyn Stream, pool: &PgPool, expected: &Expected) -> Vec<String> {
    let mut left = Vec::new();
    for (topic, group) in [
        ("inbound", botbuilder_runtime::GROUP),
        ("outbound", botbuilder_gateway::dispatcher::GROUP),
        ("questions", botbuilder_runtime::executors::GROUP),
    ] {
        match records(stream, topic, group).await {
            Ok(0) => {}
            Ok(unread) => left.push(format!("{unread} records of {topic}")),
            Err(error) => left.push(format!("{topic}: {error}")),
        }
    }
    let mut dead = 0;
    for topic in ["inbound.dead", "outbound.dead"] {
        // A group that nobody is in: it has read nothing.
        dead += records(stream, topic, "leftovers").await.unwrap_or(u64::MAX / 2);
    }
    if dead != expected.dead_letters {
        left.push(format!("{dead} dead letters instead of {}", expected.dead_letters));
    }
    for (what, query, wanted) in [
        // What is held outside its reply window waits for its contact, and is nothing left over.
        (
            "records in the outbox",
            "SELECT count(*) FROM outbox_events WHERE published_at IS NULL AND event_type <> 'message.held'",
            0,
        ),
        (
            "queued messages",
            "SELECT count(*) FROM channel_messages \
             WHERE status = 'queued' AND uncertain_at IS NULL AND error_code IS DISTINCT FROM 'held'",
            0,
        ),
        (
            "uncertain messages",
            "SELECT count(*) FROM channel_messages WHERE uncertain_at IS NOT NULL",
            expected.uncertain,
        ),
    ] {
        match sqlx::query_scalar::<_, i64>(query).fetch_one(pool).await {
            Ok(found) if found == wanted => {}
            Ok(found) => left.push(format!("{found} {what} instead of {wanted}")),
            Err(error) => left.push(format!("{what}: {error}")),
        }
    }
    left
}

async fn records(
    stream: &dyn Stream,
    topic: &str,
    group: &str,
) -> Result<u64, botbuilder_stream::ConsumeError> {
    Ok(stream.lag(topic, group).await?.iter().map(PartitionLag::records).sum())
}
