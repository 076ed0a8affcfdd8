//! `/v1/orchestrations`.

use axum::{Json, extract::State, http::StatusCode};
use botbuilder_bots::orchestration_of;
use botbuilder_domain::BotId;
use botbuilder_flow::{Value as Held, input::START};
use botbuilder_store::{
    Tx,
    agents::workflow_executions,
    bots::flow_orchestrations::{self, Active, TABLE},
    channels::{channel_contacts, conversations},
    table::rows,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{flow_events::queue, flow_simulation::bot_of, orchestration_checks::can_begin};
use crate::{
    Api,
    auth::Caller,
    error::{ApiError, FieldError},
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
/// The longest variables of a start, in bytes of JSON: a session has no room for more.
const VARIABLES: usize = 15 * 1024;

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
                    "variables": { "type": "object" },
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
    /// What variables of the orchestration hold from the beginning.
    #[serde(default)]
    variables: Map<String, Value>,
}

/// Starts the active orchestration where its bot talks already. The run ends when its flows do, and is to be seen among
/// the executions meanwhile.
async fn start(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id,
    Body(Start { conversation_id, payload, variables }): Body<Start>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    if payload.as_ref().is_some_and(|text| text.chars().count() > PAYLOAD || text.contains('\0')) {
        return Err(ApiError::invalid("payload", format!("must have at most {PAYLOAD} characters")));
    }
    if json!(variables).to_string().len() > VARIABLES {
        return Err(ApiError::invalid("variables", "must have at most 15 KiB"));
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
    let rules = flow_orchestrations::rules(&mut tx, &caller.scope, id).await?.ok_or(ApiError::NotFound)?;
    check_variables(&mut tx, &caller, &talk, bot, rules, &variables).await?;
    let mut data = json!({ "payload": payload });
    if !variables.is_empty() {
        data["variables"] = Value::Object(variables);
    }
    queue(&api, &mut tx, &caller, conversation_id, START.to_owned(), data.clone(), None).await?;
    let run = set([
        ("orchestration_id", json!(id)),
        ("bot_id", json!(bot)),
        ("conversation_id", json!(conversation_id)),
        ("trigger", json!("api")),
        ("status", json!("running")),
        ("input", data.clone()),
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

/// Refuses variables that the orchestration does not have or that break its rules, and a start without one that is required
/// and known from nowhere else.
async fn check_variables(
    tx: &mut Tx,
    caller: &Caller,
    talk: &Map<String, Value>,
    bot: BotId,
    rules: Active,
    given: &Map<String, Value>,
) -> Result<(), ApiError> {
    let required: Vec<(String, bool)> = rules
        .variables
        .iter()
        .filter(|variable| variable.is_required && variable.default_value.as_ref().is_none_or(Value::is_null))
        .map(|variable| (variable.name.clone(), variable.scope == "contact"))
        .collect();
    let shared = orchestration_of(bot, rules).variables;
    let mut faults = Vec::new();
    for (name, value) in given {
        let detail = match (shared.get(name.as_str()), Held::from_json(value)) {
            (Some(shared), Some(value)) if shared.may_be_given() => match shared.take(value) {
                Ok(_) => continue,
                Err(detail) => detail,
            },
            (Some(_), None) => "is nested too deeply",
            (Some(_), Some(_)) => "cannot be given: it is a constant or a secret",
            (None, _) => "is no variable of the orchestration",
        };
        faults.push(FieldError { field: format!("variables.{name}").into(), detail: detail.into() });
    }
    let missing = |name: &str| given.get(name).is_none_or(Value::is_null);
    let missing: Vec<(String, bool)> = required.into_iter().filter(|(name, _)| missing(name)).collect();
    if !missing.is_empty() {
        let contact = talk.get("contact_id").and_then(Value::as_str).and_then(|id| id.parse().ok());
        let contact = contact.unwrap_or_default();
        let row = rows::get(tx, &caller.scope, &channel_contacts::TABLE, at(contact), None).await?;
        let known = row.as_ref().map(fields).transpose()?.unwrap_or_default();
        for (name, is_kept) in missing {
            let kept = known.get("attributes").and_then(|kept| kept.get(&name));
            if !is_kept || kept.is_none_or(Value::is_null) {
                let field = format!("variables.{name}").into();
                faults.push(FieldError { field, detail: "must be there".into() });
            }
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(ApiError::Invalid(faults)) }
}
