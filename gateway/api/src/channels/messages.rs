//! `/v1/messages`.

use axum::{Json, extract::State};
use botbuilder_domain::{ConversationId, MessageId};
use botbuilder_store::{channels::channel_messages, system::message_events};
use serde_json::{Value, json};

use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    input::Id,
    permission::{Area, read as may_read},
    routes::{Operation, Routes},
};

/// The routes of this resource.
pub fn routes() -> Routes {
    let access = may_read(Area::Conversation);
    Routes::new()
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
    Ok(Json(json!({ "data": message.ok_or(ApiError::NotFound)? })))
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
    Ok(Json(json!({ "data": { "message": message, "events": events, "related": related } })))
}
