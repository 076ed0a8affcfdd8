//! `/v1/conversations/{id}/events`: tells a conversation that something happened outside, which its flow may wait for.

use axum::{Json, extract::State, http::StatusCode};
use botbuilder_domain::{
    ChannelKind, ConversationId, ConversationKey, Envelope, EnvelopeId, Inbound, InboundEvent, Sender, Times,
    TraceContext, envelope,
};
use botbuilder_store::{
    Tx,
    audit::audit_logs::Act,
    channels::conversations::{self, TABLE},
    system::outbox_events,
    table::rows,
};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    input::{Body, Id},
    permission::{Area, write},
    resource::act::{at, fields},
    routes::{Operation, Routes},
};

/// The topic of what comes in.
const INBOUND: &str = "inbound";
/// How the names of our own events begin.
const RESERVED: &str = "botbuilder.";
/// The longest data of an event, in bytes of JSON.
const MOST: usize = 16 * 1024;
/// The longest name of an event, and of its key.
const NAME: usize = 64;

/// The routes of this resource.
pub fn routes() -> Routes {
    let text = json!({ "type": "string", "minLength": 1, "maxLength": NAME });
    Routes::new().add(
        Operation::post(
            "/v1/conversations/{id}/events",
            write(Area::Conversation),
            "something happened that the conversation's flow may wait for",
        )
        .answers(202)
        .takes(json!({
            "type": "object",
            "properties": { "name": text, "data": {}, "key": text },
            "required": ["name"],
            "additionalProperties": false,
        }))
        .gives(json!({ "type": "object", "properties": { "id": { "type": "string", "format": "uuid" } } })),
        happened,
    )
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Happened {
    name: String,
    #[serde(default)]
    data: Value,
    /// What makes it the same event when it is told again.
    key: Option<String>,
}

/// Queues the event behind the messages of the conversation. It is taken in its turn; where nobody waits for it, it
/// changes nothing.
async fn happened(
    State(api): State<Api>,
    caller: Caller,
    Id(conversation): Id,
    Body(Happened { name, data, key }): Body<Happened>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    for (field, text) in [("name", Some(&name)), ("key", key.as_ref())] {
        if text.is_some_and(|text| text.is_empty() || text.chars().count() > NAME || text.contains('\0')) {
            return Err(ApiError::invalid(field, format!("must have 1 to {NAME} characters")));
        }
    }
    if name.starts_with(RESERVED) {
        return Err(ApiError::invalid("name", format!("must not begin with `{RESERVED}`")));
    }
    if data.to_string().len() > MOST {
        return Err(ApiError::invalid("data", "must have at most 16 KiB"));
    }
    let mut tx = api.store.begin(&caller.scope).await?;
    let record = queue(&api, &mut tx, &caller, conversation, name, data, key).await?;
    caller.audit(&api, &mut tx, Act::new("conversations.event", TABLE.name, Some(conversation))).await?;
    tx.commit().await?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "data": { "id": record } }))))
}

/// Puts an event behind the messages of a conversation that is not closed; the id of its record.
pub(super) async fn queue(
    api: &Api,
    tx: &mut Tx,
    caller: &Caller,
    conversation: Uuid,
    name: String,
    data: Value,
    key: Option<String>,
) -> Result<EnvelopeId, ApiError> {
    let row = rows::get(tx, &caller.scope, &TABLE, at(conversation), None).await?;
    let row = fields(&row.ok_or(ApiError::NotFound)?)?;
    if row.get("status").and_then(Value::as_str) == Some("closed") {
        return Err(ApiError::conflict("wrong_state", "the conversation is closed; reopen it first"));
    }
    let id = ConversationId::new(conversation);
    let place = conversations::whereabouts(tx, &caller.scope, &[id]).await?.into_iter().next();
    let place = place.ok_or(ApiError::NotFound)?;
    let kind = ChannelKind::parse(&place.kind).ok_or(ApiError::NotAvailable("this kind of channel"))?;
    let now = api.clock.now();
    let record = EnvelopeId::new(api.ids.next());
    let dedupe = match key {
        Some(key) => format!("event:{id}:{key}"),
        None => format!("event:{record}"),
    };
    let envelope = Envelope {
        schema: envelope::SCHEMA,
        id: record,
        org: caller.scope.org(),
        bot: place.bot,
        channel: place.channel,
        kind,
        key: ConversationKey::new(place.channel, &place.address),
        times: Times { received: now, verified: now },
        trace: TraceContext::starting(record),
        body: InboundEvent {
            sender: Sender { address: place.address, ..Sender::default() },
            thread: place.thread,
            dedupe,
            occurred_at: Some(now),
            what: Inbound::Happened { name, data },
        },
    };
    let event = outbox_events::New {
        id: record.uuid(),
        topic: INBOUND,
        partition_key: envelope.key.as_str().to_owned(),
        event_type: "conversation.event",
        entity: Some(conversation),
        payload: serde_json::to_value(&envelope).map_err(ApiError::defect)?,
        available_at: now,
    };
    outbox_events::insert_many(tx, &caller.scope, &[event]).await?;
    Ok(record)
}
