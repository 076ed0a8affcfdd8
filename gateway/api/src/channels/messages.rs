//! `/v1/messages`.

use axum::{
    Json, Router,
    extract::{Path, State},
    routing::get,
};
use botbuilder_domain::{ConversationId, MessageId};
use botbuilder_store::{channels::channel_messages, system::message_events};
use serde_json::{Value, json};

use crate::{Api, auth::Caller, error::ApiError};

/// The routes of this resource.
pub fn routes() -> Router<Api> {
    Router::new().route("/v1/messages/{id}", get(read)).route("/v1/messages/{id}/trail", get(trail))
}

fn message_id(text: &str) -> Result<MessageId, ApiError> {
    text.parse().map_err(|_| ApiError::Invalid { field: "id", hint: "must be a UUID" })
}

async fn read(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let id = message_id(&id)?;
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
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let id = message_id(&id)?;
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
