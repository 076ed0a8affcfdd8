//! What the trail says of a turn.

use botbuilder_domain::{ConversationId, DeliveryStatus, MessageId, OrgId, Stage, TrailEvent};
use botbuilder_flow::Sprint;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use crate::{INBOUND, batch::Job, turn::Received};

/// The entries of an incoming message: its way to the stream, and the turn over it.
pub(crate) fn arrival(
    job: &Job,
    message: MessageId,
    conversation: ConversationId,
    received: &Received<'_>,
    sprint: Option<&Sprint>,
    now: DateTime<Utc>,
) -> Vec<TrailEvent> {
    let times = job.envelope.times;
    // The stream tells milliseconds, and a broker by its own clock: never before what came before it.
    let appended = DateTime::from_timestamp_millis(job.appended_at).unwrap_or_default().max(times.verified);
    let entry =
        |stage: Stage, at: DateTime<Utc>, since: DateTime<Utc>, detail: Map<String, Value>| TrailEvent {
            org: job.envelope.org,
            message,
            conversation: Some(conversation),
            channel: Some(job.envelope.channel),
            at,
            stage,
            attempt: 0,
            provider_code: None,
            duration_us: (at - since).num_microseconds().and_then(|micros| u64::try_from(micros).ok()),
            detail,
            trace_id: job.envelope.trace.trace_id().map(str::to_owned),
        };
    let place = json!(format!("{INBOUND}/{}/{}", job.position.partition, job.position.offset));
    let mut entries = vec![
        entry(Stage::Received, times.received, times.received, Map::new()),
        entry(Stage::Verified, times.verified, times.received, Map::new()),
        entry(Stage::Appended, appended, times.verified, Map::from_iter([("stream".to_owned(), place)])),
    ];
    if received.kind == "unsupported" {
        let name = received.payload.get("name").cloned().unwrap_or_default();
        entries.push(entry(Stage::Unsupported, now, now, Map::from_iter([("kind".to_owned(), name)])));
    }
    let detail = match sprint {
        Some(sprint) => of_sprint(sprint),
        None => Map::from_iter([("bot".to_owned(), json!("silent"))]),
    };
    entries.push(entry(Stage::Turn, now, appended, detail));
    entries
}

/// The entry of a state that the provider reported.
pub(crate) fn status_entry(
    job: &Job,
    message: MessageId,
    status: DeliveryStatus,
    failure: Option<&botbuilder_domain::Failure>,
    at: DateTime<Utc>,
) -> TrailEvent {
    TrailEvent {
        org: job.envelope.org,
        message,
        conversation: None,
        channel: Some(job.envelope.channel),
        at: job.envelope.times.received,
        stage: Stage::Status,
        attempt: 0,
        provider_code: failure.and_then(|failure| failure.provider_code.clone()),
        duration_us: None,
        detail: Map::from_iter([
            ("status".to_owned(), json!(status)),
            ("provider_time".to_owned(), json!(at)),
        ]),
        trace_id: job.envelope.trace.trace_id().map(str::to_owned),
    }
}

/// The entry of a message that was seen because a later one was.
pub(crate) fn read_entry(
    org: OrgId,
    message: MessageId,
    named: MessageId,
    seen_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> TrailEvent {
    TrailEvent {
        org,
        message,
        conversation: None,
        channel: None,
        at: now,
        stage: Stage::Status,
        attempt: 0,
        provider_code: None,
        duration_us: None,
        detail: Map::from_iter([
            ("status".to_owned(), json!(DeliveryStatus::Read)),
            ("provider_time".to_owned(), json!(seen_at)),
            ("by".to_owned(), json!(named)),
        ]),
        trace_id: None,
    }
}

/// The bot's turn over a message whose parts have come.
pub(crate) fn over_whole(
    job: &Job,
    message: MessageId,
    conversation: ConversationId,
    sprint: &Sprint,
    now: DateTime<Utc>,
) -> TrailEvent {
    TrailEvent {
        org: job.envelope.org,
        message,
        conversation: Some(conversation),
        channel: Some(job.envelope.channel),
        at: now,
        stage: Stage::Turn,
        attempt: 0,
        provider_code: None,
        duration_us: None,
        detail: of_sprint(sprint),
        trace_id: job.envelope.trace.trace_id().map(str::to_owned),
    }
}

fn of_sprint(sprint: &Sprint) -> Map<String, Value> {
    Map::from_iter([
        ("replies".to_owned(), json!(sprint.effects.len())),
        ("events".to_owned(), json!(sprint.events)),
    ])
}
