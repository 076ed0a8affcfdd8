//! `/v1/messages`.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, request::Parts},
};
use botbuilder_domain::{ChannelKind, Content, ConversationId, MessageId};
use botbuilder_store::{
    Tx,
    audit::audit_logs::Act,
    channels::{
        channel_messages::{self, TABLE},
        conversations, inbox,
    },
    page::Page,
    system::message_events,
    table::rows::{self, Place},
};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{channel_contacts::found, media, outgoing};

use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    input::{Body, Cursor, Id, limit, query_pairs, unknown},
    permission::{Area, delete, read as may_read, write},
    resource::{
        Answer, Resource,
        act::{at, fields},
        of_row,
    },
    routes::{Operation, Routes},
};

/// The routes of this resource.
pub fn routes() -> Routes {
    let access = may_read(Area::Conversation);
    let below = "/v1/conversations/{conversation_id}/messages";
    let message = of_row(&TABLE);
    Resource::new(&TABLE, "message", Area::Conversation, below)
        .log()
        .shown(media::with_links)
        .routes()
        .add(
            Operation::post(below, write(Area::Conversation), "a person writes; the bot is silent from then on")
                .answers(202)
                .takes(json!({
                    "type": "object",
                    "properties": {
                        "text": { "type": "string", "minLength": 1, "maxLength": 40000 },
                        "content": { "type": "object" },
                        "reply_to_id": { "type": ["string", "null"], "format": "uuid" },
                    },
                    "additionalProperties": false,
                }))
                .gives(message.clone()),
            send,
        )
        .add(
            Operation::get("/v1/messages/search", access, "messages by their words, newest first")
                .lists(json!({ "type": "object" }))
                .with_query("q", json!({ "type": "string" }), "the words")
                .with_query("filter[channel_id]", json!({ "type": "string" }), "only of this channel; also bot_id, conversation_id, contact_id, direction, status, from, to"),
            search,
        )
        .add(
            Operation::post("/v1/messages/{id}/redact", delete(Area::Conversation), "takes text and content out of a message")
                .answers(204),
            redact,
        )
        .add(Operation::get("/v1/messages/{id}", access, "a message and its state"), read)
        .add(Operation::get("/v1/messages/{id}/trail", access, "what happened to a message, in order"), trail)
}

async fn read(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<MessageId>,
) -> Result<Json<Value>, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let message = channel_messages::get(&mut tx, &caller.scope, id).await?;
    tx.commit().await?;
    let mut message = json!(message.ok_or(ApiError::NotFound)?);
    media::link_files(&api, &caller, &mut message);
    Ok(Json(json!({ "data": message })))
}

/// The whole story of a message: what it is, what happened to it and when, and the messages of the same trace, which
/// for a message that came in are its replies.
async fn trail(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<MessageId>,
) -> Result<Json<Value>, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let message = channel_messages::get(&mut tx, &caller.scope, id).await?.ok_or(ApiError::NotFound)?;
    let events = message.trail(message_events::of_message(&mut tx, &caller.scope, id).await?);
    let related = match &message.trace_id {
        Some(trace) => {
            let conversation = ConversationId::from(message.conversation_id);
            let mut related = channel_messages::of_trace(&mut tx, &caller.scope, conversation, trace).await?;
            related.retain(|other| other.id != message.id);
            related
        }
        None => Vec::new(),
    };
    tx.commit().await?;
    let mut message = json!(message);
    media::link_files(&api, &caller, &mut message);
    Ok(Json(json!({ "data": { "message": message, "events": events, "related": related } })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    text: Option<String>,
    content: Option<Value>,
    /// The message of the conversation that it answers.
    reply_to_id: Option<MessageId>,
}

impl Written {
    fn content(self) -> Result<Content, ApiError> {
        match (self.text, self.content) {
            (Some(text), None) if (1..=40_000).contains(&text.chars().count()) => Ok(Content::text(text)),
            (Some(_), None) => Err(ApiError::invalid("text", "must have 1 to 40000 characters")),
            (None, Some(content)) => serde_json::from_value(content)
                .map_err(|error| ApiError::invalid("content", format!("is no message: {error}"))),
            _ => Err(ApiError::invalid("text", "either text or content must be there")),
        }
    }
}

/// Queues a message of a person in one transaction with everything that belongs to it: its row, the record that sends
/// it, and that the bot is silent from now on. It goes out after the answer.
async fn send(
    State(api): State<Api>,
    caller: Caller,
    Id(conversation): Id,
    Body(written): Body<Written>,
) -> Result<Answer, ApiError> {
    let reply_to_id = written.reply_to_id;
    let content = written.content()?;
    media::are_kept(&api, &caller, &content).await?;
    let mut tx = api.store.begin(&caller.scope).await?;
    let row = rows::lock(&mut tx, &caller.scope, &conversations::TABLE, at(conversation)).await?;
    let held = fields(&row.ok_or(ApiError::NotFound)?)?;
    let state = held.get("status").and_then(Value::as_str).unwrap_or_default();
    if state == "closed" {
        return Err(ApiError::conflict("wrong_state", "the conversation is closed; reopen it first"));
    }
    let id = ConversationId::new(conversation);
    let place = conversations::whereabouts(&mut tx, &caller.scope, &[id]).await?.into_iter().next();
    let place = place.ok_or(ApiError::NotFound)?;
    let kind = ChannelKind::parse(&place.kind).ok_or(ApiError::NotAvailable("this kind of channel"))?;
    if kind == ChannelKind::Web && matches!(content, Content::Album { .. }) {
        return Err(ApiError::invalid(
            "content.kind",
            "the chat shows one file a message: send each by itself",
        ));
    }
    let contact = held.get("contact_id").and_then(Value::as_str).and_then(|id| id.parse::<Uuid>().ok());
    let contact = contact.ok_or_else(|| ApiError::defect("a conversation without a contact"))?;
    let reply_to = match reply_to_id {
        Some(id) => Some(quoted(&mut tx, &caller, conversation, id).await?),
        None => None,
    };
    let said = outgoing::Said { content, by_person: true, reply_to };
    let message = outgoing::queue(&api, &mut tx, caller.scope, &place, kind, contact.into(), said).await?;
    inbox::by_person(&mut tx, &caller.scope, message, caller.user()).await?;
    inbox::answered(&mut tx, &caller.scope, id).await?;
    let place = Place { parent: Some(conversation), id: message.uuid() };
    let mut row = rows::get(&mut tx, &caller.scope, &TABLE, place, None).await?.ok_or(ApiError::NotFound)?;
    media::with_links(&api, &caller, &mut row)?;
    // What was written stands in the message, and not here.
    caller.audit(&api, &mut tx, Act::new("channel_messages.sent", TABLE.name, Some(message.uuid()))).await?;
    tx.commit().await?;
    Ok(Answer { status: StatusCode::ACCEPTED, row, location: None })
}

/// The message that another one is to answer. What the network does not know cannot be pointed at there.
async fn quoted(
    tx: &mut Tx,
    caller: &Caller,
    conversation: Uuid,
    id: MessageId,
) -> Result<outgoing::Quoted, ApiError> {
    let known = channel_messages::get(tx, &caller.scope, id).await?;
    let known = known.filter(|message| message.conversation_id == conversation);
    let known =
        known.ok_or_else(|| ApiError::invalid("reply_to_id", "is no message of this conversation"))?;
    let provider_id = known.provider_message_id.filter(|id| !id.is_empty()).ok_or_else(|| {
        ApiError::invalid("reply_to_id", "the network does not know this message, or not yet")
    })?;
    Ok(outgoing::Quoted { id, provider_id })
}

async fn redact(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<MessageId>,
) -> Result<StatusCode, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    if !inbox::redact(&mut tx, &caller.scope, id).await? {
        return Err(ApiError::NotFound);
    }
    let act = Act::new("channel_messages.redacted", TABLE.name, Some(id.uuid()));
    caller.audit(&api, &mut tx, act).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn search(State(api): State<Api>, caller: Caller, parts: Parts) -> Result<Json<Value>, ApiError> {
    const FILTERS: [&str; 8] =
        ["channel_id", "bot_id", "conversation_id", "contact_id", "direction", "status", "from", "to"];
    let (mut query, mut filter, mut page) = (String::new(), json!({}), Page::default());
    for (name, value) in query_pairs(&parts) {
        if value.contains('\0') {
            return Err(ApiError::invalid(name, "must not hold the character U+0000"));
        }
        let inside = name.strip_prefix("filter[").and_then(|rest| rest.strip_suffix(']'));
        match (name.as_str(), inside) {
            (_, Some(field)) if FILTERS.contains(&field) => {
                let fine = match field {
                    "direction" | "status" => true,
                    "from" | "to" => chrono::DateTime::parse_from_rfc3339(&value).is_ok(),
                    _ => value.parse::<Uuid>().is_ok(),
                };
                if !fine {
                    return Err(ApiError::invalid(name, "cannot be read"));
                }
                filter[field] = json!(value);
            }
            ("q", _) => query = value,
            ("limit", _) => page.limit = limit(&value)?,
            ("cursor", _) => page.after = Some(Cursor::parse(&value, "-created_at")?.id),
            (other, _) => {
                return Err(ApiError::invalid(
                    name.clone(),
                    unknown(other, ["q", "limit", "cursor", "filter[...]"]),
                ));
            }
        }
    }
    if query.trim().is_empty() {
        return Err(ApiError::invalid("q", "must be there"));
    }
    let mut tx = api.store.begin(&caller.scope).await?;
    let rows = inbox::search_messages(&mut tx, &query, &filter, page.after, i32::from(page.limit)).await?;
    tx.commit().await?;
    Ok(Json(found(rows, page, "-created_at")))
}
