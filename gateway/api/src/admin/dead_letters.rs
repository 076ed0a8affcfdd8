//! Dead letters: records of the stream that nobody could process. Staff see why and where from, never what was written;
//! put back, each keeps its id, so that what was done is not done twice.

use std::time::Duration;

use axum::{
    Json,
    extract::{Path, State},
};
use botbuilder_store::platform::admin_audit_log::Act;
use botbuilder_stream::{
    APPENDED_AT, Delivered, OFFSET, PARTITION, PartitionLag, REASON, Record, Stream, TOPIC,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Desk, Need, queues::stream};
use crate::{
    Api,
    error::ApiError,
    input::Body,
    routes::{Operation, Routes},
    shape,
};

/// The group that puts dead letters back: what it has read was put back.
pub const GROUP: &str = "replay";
/// The topics that have dead letters.
const TOPICS: [&str; 2] = ["inbound", "outbound"];
/// Most letters of one call.
const MOST: usize = 500;
/// How long to wait for a partition: somebody else may be at work with them.
const PATIENCE: Duration = Duration::from_secs(5);

/// The routes of dead letters.
pub(super) fn routes() -> Routes {
    Routes::new()
        .add(
            Operation::get(
                "/admin/v1/dead-letters/{topic}",
                Need::Staff,
                "dead letters that were not put back, without what is in them",
            )
            .gives(json!({ "type": "object" })),
            list,
        )
        .add(
            Operation::post(
                "/admin/v1/dead-letters/{topic}/replay",
                Need::Superadmin,
                "puts dead letters back",
            )
            .takes(shape::object(&[("reason", "string"), ("most", "integer?")])),
            replay,
        )
}

/// Why dead letters cannot be read or put back.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The stream does not give them.
    #[error("dead letters cannot be read: {0}")]
    Read(#[from] botbuilder_stream::ConsumeError),
    /// The stream does not take them.
    #[error("dead letters cannot be put back: {0}")]
    Append(#[from] botbuilder_stream::AppendError),
    /// Somebody else has them in hand.
    #[error("dead letters are in somebody else's hands")]
    Busy,
    /// The stream was closed.
    #[error("the stream was closed")]
    Closed,
}

/// What is done with the letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// They are only looked at.
    Look,
    /// They are put back.
    PutBack,
}

/// Goes through up to `most` dead letters of a topic that were not put back before.
pub async fn go_through(
    stream: &dyn Stream,
    topic: &str,
    most: usize,
    mode: Mode,
    mut see: impl FnMut(&Delivered) + Send,
) -> Result<usize, Error> {
    let dead = format!("{topic}.dead");
    let waiting: u64 = stream.lag(&dead, GROUP).await?.iter().map(PartitionLag::records).sum();
    let mut left = usize::try_from(waiting).unwrap_or(most).min(most);
    let mut seen = 0;
    if left == 0 {
        return Ok(0);
    }
    let mut subscription = stream.subscribe(&dead, GROUP).await?;
    // Partitions stay in hand until the end: one that is given back would be assigned again.
    let mut held = Vec::new();
    while left > 0 {
        let assigned = tokio::time::timeout(PATIENCE, subscription.assigned()).await;
        let mut partition = assigned.map_err(|_| Error::Busy)??.ok_or(Error::Closed)?;
        let lags = stream.lag(&dead, GROUP).await?;
        let here = lags.iter().find(|lag| lag.partition == partition.id()).map_or(0, PartitionLag::records);
        let mut here = usize::try_from(here).unwrap_or(left).min(left);
        while here > 0 {
            let records = partition.next(here.min(100)).await?;
            for delivered in &records {
                see(delivered);
                if mode == Mode::PutBack {
                    stream.append(topic, vec![revived(&delivered.record)]).await?;
                }
            }
            if let (Some(last), Mode::PutBack) = (records.last(), mode) {
                partition.commit(last.position.offset + 1).await?;
            }
            seen += records.len();
            here = here.saturating_sub(records.len());
            left = left.saturating_sub(records.len());
        }
        held.push(partition);
    }
    Ok(seen)
}

/// The record as it was before it died.
fn revived(record: &Record) -> Record {
    let of_death = [REASON, TOPIC, PARTITION, OFFSET, APPENDED_AT];
    let headers =
        record.headers.iter().filter(|(name, _)| !of_death.contains(&name.as_str())).cloned().collect();
    Record { headers, ..record.clone() }
}

/// What staff see of a letter: nothing of its content, nor of the address in its key.
fn shown(delivered: &Delivered) -> Value {
    let header = |name: &str| delivered.record.header(name);
    let number = |name: &str| header(name).and_then(|text| text.parse::<u64>().ok());
    json!({
        "partition": delivered.position.partition,
        "offset": delivered.position.offset,
        "reason": header(REASON),
        "of_topic": header(TOPIC),
        "of_partition": number(PARTITION),
        "of_offset": number(OFFSET),
        "first_appended_ms": number(APPENDED_AT),
        "died_ms": delivered.appended_at,
        "bytes": delivered.record.size(),
    })
}

fn known(topic: &str) -> Result<&'static str, ApiError> {
    TOPICS.into_iter().find(|known| *known == topic).ok_or(ApiError::NotFound)
}

fn answer(error: Error) -> ApiError {
    match error {
        Error::Busy => ApiError::conflict("busy", "somebody else has the dead letters in hand").after(5),
        other => ApiError::defect(other),
    }
}

async fn list(State(api): State<Api>, _: Desk, Path(topic): Path<String>) -> Result<Json<Value>, ApiError> {
    let topic = known(&topic)?;
    let stream = stream(&api)?;
    let lags = stream.lag(&format!("{topic}.dead"), GROUP).await.map_err(ApiError::defect)?;
    let waiting: u64 = lags.iter().map(PartitionLag::records).sum();
    let mut letters = Vec::new();
    go_through(stream, topic, MOST, Mode::Look, |delivered| letters.push(shown(delivered)))
        .await
        .map_err(answer)?;
    Ok(Json(json!({ "data": { "waiting": waiting, "letters": letters } })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Replay {
    reason: String,
    #[serde(default)]
    most: Option<usize>,
}

/// Written down before it is done: what was put back cannot be taken away again if the note fails.
async fn replay(
    State(api): State<Api>,
    desk: Desk,
    Path(topic): Path<String>,
    Body(body): Body<Replay>,
) -> Result<Json<Value>, ApiError> {
    let topic = known(&topic)?;
    crate::identity::sign_in::check_length("reason", &body.reason, 300)?;
    let most = body.most.unwrap_or(MOST);
    if !(1..=MOST).contains(&most) {
        return Err(ApiError::invalid("most", format!("must be a number from 1 to {MOST}")));
    }
    let stream = stream(&api)?;
    let details = json!({ "topic": topic, "most": most });
    let act = Act::new("dead_letters.replay").because(Some(body.reason)).saying(details);
    let mut tx = api.store.begin_admin().await?;
    desk.note(&api, &mut tx, act).await?;
    tx.commit().await?;
    let done = go_through(stream, topic, most, Mode::PutBack, |_| {}).await.map_err(answer)?;
    Ok(Json(json!({ "data": { "put_back": done } })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revived_record_has_lost_the_marks_of_its_death_and_nothing_else() {
        let mark = |name: &str| (name.to_owned(), "x".to_owned());
        let record = Record {
            key: "k".to_owned(),
            payload: b"p".as_slice().into(),
            headers: vec![mark("webhook"), mark(REASON), mark(TOPIC), mark(OFFSET)],
        };
        let revived = revived(&record);
        assert_eq!(revived.headers, [mark("webhook")]);
        assert_eq!((revived.key, revived.payload), (record.key, record.payload));
    }
}
