//! Attempts of whose outcome nothing was heard for long: they count as failed, and that is told like any other failure.

use botbuilder_domain::{Ids, OrgId, Stage, TrailEvent};
use botbuilder_store::{
    Error, OrgScope,
    channels::channel_messages::{self, GivenUp, UNHEARD},
    system::{
        events::{self, Batch, Event},
        message_events, retention,
    },
};
use chrono::{DateTime, Utc};
use serde_json::{Map, json};

use crate::Runtime;

/// Most messages at a time.
const BATCH: i64 = 5000;

/// Gives up what has been uncertain since before this instant. Returns how many messages that were.
pub(super) async fn give_up(
    runtime: &Runtime,
    before: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<usize, Error> {
    let mut tx = runtime.store.begin_worker().await?;
    let found = retention::uncertain_before(&mut tx, before, BATCH).await?;
    tx.commit().await?;
    let mut count = 0;
    for (org, ids) in found {
        let scope = OrgScope::of_service(org);
        let mut tx = runtime.store.begin_turn(&scope).await?;
        let given_up = channel_messages::give_up_uncertain(&mut tx, &scope, &ids, before).await?;
        let trail: Vec<TrailEvent> = given_up.iter().map(|message| entry(org, message, now)).collect();
        message_events::insert_many(&mut tx, &scope, &trail, &*runtime.ids).await?;
        events::note(&mut tx, &scope, runtime.ids.next(), &told(&given_up, &*runtime.ids, now)).await?;
        tx.commit().await?;
        count += given_up.len();
    }
    Ok(count)
}

fn entry(org: OrgId, message: &GivenUp, now: DateTime<Utc>) -> TrailEvent {
    let (code, reason) = UNHEARD;
    let detail = [("code".to_owned(), json!(code)), ("reason".to_owned(), json!(reason))];
    TrailEvent {
        org,
        message: message.id,
        conversation: Some(message.conversation),
        channel: Some(message.channel),
        at: now,
        stage: Stage::Expired,
        attempt: message.attempt,
        provider_code: None,
        duration_us: None,
        detail: Map::from_iter(detail),
        trace_id: message.trace_id.clone(),
    }
}

/// What webhooks and live views hear of it.
fn told(given_up: &[GivenUp], ids: &dyn Ids, now: DateTime<Utc>) -> Batch {
    let failed = |message: &GivenUp| Event {
        id: ids.next(),
        kind: "message.failed".to_owned(),
        at: now,
        bot_id: None,
        data: json!({
            "message_id": message.id,
            "channel_id": message.channel,
            "at": now,
            "error_code": UNHEARD.0,
        }),
    };
    Batch { events: given_up.iter().map(failed).collect(), ..Batch::default() }
}
