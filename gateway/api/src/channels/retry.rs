//! `/v1/messages/{id}/retry`: a message that failed is sent once more.

use axum::{Json, extract::State, http::StatusCode};
use botbuilder_domain::{ChannelKind, Content, EnvelopeId, MessageId, Stage, TraceContext, TrailEvent};
use botbuilder_store::{
    audit::audit_logs::Act,
    channels::{
        batches,
        channel_messages::{self, TABLE},
        conversations,
    },
    system::{message_events, outbox_events},
};
use chrono::TimeDelta;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::outgoing::{self, LIFETIME, Timing};
use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    input::{Body, Id},
    permission::{Area, write},
    routes::{Operation, Routes},
};

/// How long an address is good that was named for answers (Slack).
const VIA: TimeDelta = TimeDelta::minutes(30);

/// The route.
pub fn routes() -> Routes {
    Routes::new().add(
        Operation::post(
            "/v1/messages/{id}/retry",
            write(Area::Conversation),
            "sends a message again that failed; with `uncertain`, also one that may have arrived",
        )
        .answers(202)
        .takes(json!({
            "type": "object",
            "properties": { "uncertain": { "type": "boolean" } },
            "additionalProperties": false,
        }))
        .gives(json!({ "type": "object" })),
        retry,
    )
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Again {
    /// Whether a message is meant too of which it is not known whether the provider took it.
    #[serde(default)]
    uncertain: bool,
}

/// Puts the message back into the queue in one transaction with the record that sends it. Parts that the provider took
/// are not sent again. It still says who wrote it and what it answers.
async fn retry(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<MessageId>,
    Body(again): Body<Again>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let now = api.clock.now();
    let mut tx = api.store.begin(&caller.scope).await?;
    let state = channel_messages::get(&mut tx, &caller.scope, id).await?;
    let state = state.ok_or(ApiError::NotFound)?;
    let message =
        batches::queue_again(&mut tx, &caller.scope, id, again.uncertain, now + LIFETIME).await?.ok_or_else(
            || {
                let detail = format!(
                    "only a message that failed is sent again, and with `uncertain` one whose outcome is not known; \
                     this one is {}",
                    state.status
                );
                ApiError::conflict("wrong_state", detail)
            },
        )?;
    let content: Content = serde_json::from_value(message.payload)
        .map_err(|_| ApiError::conflict("wrong_state", "what the message held is not there any more"))?;
    let place = conversations::whereabouts(&mut tx, &caller.scope, &[message.conversation]).await?;
    let place = place.into_iter().next().ok_or(ApiError::NotFound)?;
    let kind = ChannelKind::parse(&place.kind).ok_or(ApiError::NotAvailable("this kind of channel"))?;
    let record = EnvelopeId::new(api.ids.next());
    let trace = match message.trace_id {
        Some(digits) => TraceContext(format!("00-{digits}-{}-01", &record.uuid().simple().to_string()[..16])),
        None => TraceContext::starting(record),
    };
    // Who had opted out of a campaign is asked about once more: that may have changed, and if not it goes nowhere.
    let bulk = state.error_code.as_deref() == Some("opted_out");
    let timing = Timing { at: now, bulk, window: None, by_person: message.by_person };
    let mut send = outgoing::send(id, &place, content, timing);
    if let Some(answered) = message.reply_to {
        let answered = channel_messages::held(&mut tx, &caller.scope, answered).await?;
        send.reply_to = answered.and_then(|answered| answered.provider_message_id);
    }
    send.reply_via = batches::reply_via(&mut tx, &caller.scope, id, now - VIA).await?;
    let entry = TrailEvent {
        org: caller.scope.org(),
        message: id,
        conversation: Some(place.id),
        channel: Some(place.channel),
        at: now,
        stage: Stage::Replayed,
        attempt: 0,
        provider_code: None,
        duration_us: None,
        detail: Map::new(),
        trace_id: trace.trace_id().map(str::to_owned),
    };
    let event = outgoing::sending(caller.scope, &place, kind, send, (record, trace), now, timing)?;
    outbox_events::insert_many(&mut tx, &caller.scope, &[event]).await?;
    message_events::insert_many(&mut tx, &caller.scope, &[entry], &*api.ids).await?;
    caller.audit(&api, &mut tx, Act::new("channel_messages.retried", TABLE.name, Some(id.uuid()))).await?;
    tx.commit().await?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "data": { "message_id": id, "status": "queued" } }))))
}
