//! `/v1/orchestrations`.

use axum::{Json, extract::State, http::StatusCode};
use botbuilder_flow::input::START;
use botbuilder_store::{
    agents::workflow_executions, bots::flow_orchestrations::TABLE, channels::conversations, table::rows,
};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{flow_events::queue, flow_simulation::bot_of, orchestration_checks::can_begin};
use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    input::{Body, Id},
    permission::{Area, Verb, execute},
    resource::{
        Resource, Transition,
        act::{at, fields, set},
        broken_rule, changes, of_row,
    },
    routes::{Operation, Routes},
};

/// The longest payload of a start, in characters.
const PAYLOAD: usize = 256;

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "orchestration", Area::Flow, "/v1/orchestrations")
        .full()
        .moving(
            Transition::new("activate", &["draft", "paused"], "active")
                .needing(Verb::Publish)
                .checked(can_begin),
        )
        .moving(Transition::new("pause", &["active"], "paused").needing(Verb::Publish))
        .routes()
        .add(
            Operation::post(
                "/v1/orchestrations/{id}/execute",
                execute(Area::Flow),
                "starts the orchestration in a conversation, from the beginning of its first flow",
            )
            .answers(202)
            .takes(json!({
                "type": "object",
                "properties": {
                    "conversation_id": { "type": "string", "format": "uuid" },
                    "payload": { "type": "string", "maxLength": PAYLOAD },
                },
                "required": ["conversation_id"],
                "additionalProperties": false,
            }))
            .gives(of_row(&workflow_executions::TABLE)),
            start,
        )
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Start {
    conversation_id: Uuid,
    /// `input.payload` of the first turn.
    payload: Option<String>,
}

/// Starts the active orchestration where its bot talks already. The run ends when its flows do, and is to be seen among
/// the executions meanwhile.
async fn start(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id,
    Body(Start { conversation_id, payload }): Body<Start>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    if payload.as_ref().is_some_and(|text| text.chars().count() > PAYLOAD || text.contains('\0')) {
        return Err(ApiError::invalid("payload", format!("must have at most {PAYLOAD} characters")));
    }
    let mut tx = api.store.begin(&caller.scope).await?;
    let row = rows::get(&mut tx, &caller.scope, &TABLE, at(id), None).await?.ok_or(ApiError::NotFound)?;
    let orchestration = fields(&row)?;
    let state = orchestration.get("status").and_then(Value::as_str).unwrap_or_default();
    if state != "active" {
        let refused = ApiError::conflict("wrong_state", "only an active orchestration is started");
        return Err(refused.with(json!({ "state": state })));
    }
    let bot = bot_of(&orchestration)?;
    let talk = rows::get(&mut tx, &caller.scope, &conversations::TABLE, at(conversation_id), None).await?;
    let talk = talk.as_ref().map(fields).transpose()?.unwrap_or_default();
    if talk.get("bot_id") != Some(&json!(bot)) {
        return Err(ApiError::invalid("conversation_id", "is none of this bot's conversations"));
    }
    if talk.get("mode").and_then(Value::as_str) != Some("bot") {
        return Err(ApiError::conflict("wrong_state", "a person has the conversation; give it back first"));
    }
    let data = json!({ "payload": payload });
    queue(&api, &mut tx, &caller, conversation_id, START.to_owned(), data, None).await?;
    let run = set([
        ("orchestration_id", json!(id)),
        ("bot_id", json!(bot)),
        ("conversation_id", json!(conversation_id)),
        ("trigger", json!("api")),
        ("status", json!("running")),
        ("input", json!({ "payload": payload })),
        ("snapshot", Value::Object(orchestration)),
        ("started_at", json!(api.clock.now())),
        ("requested_by", json!(caller.user())),
    ]);
    let table = &workflow_executions::TABLE;
    let row = rows::insert(&mut tx, &caller.scope, table, api.ids.next(), run)
        .await
        .map_err(|error| broken_rule(table, error))?;
    changes::note(&api, &mut tx, &caller, table, "started", None, Some(&row)).await?;
    tx.commit().await?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "data": fields(&row)? }))))
}
