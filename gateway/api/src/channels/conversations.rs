//! `/v1/conversations`: what people do in the place of the bot.

use axum::{Json, extract::State};
use botbuilder_store::{
    channels::{channel_messages, conversations::TABLE},
    table::rows,
    tenancy::organization_members,
};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::channel_contacts::{Tags, rows_of, tags_schema};
use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    input::{Body, Id},
    permission::{Area, assign as may_assign, read, write},
    resource::{
        Answer, Resource,
        act::{act, at, fields, set},
        changes, of_row,
    },
    routes::{Operation, Routes},
};

const PATH: &str = "/v1/conversations";

/// The routes of this resource.
pub fn routes() -> Routes {
    let action = |action: &str, summary: &str| {
        Operation::post(format!("{PATH}/{{id}}/{action}"), write(Area::Conversation), summary)
            .gives(of_row(&TABLE))
    };
    let body = |properties: Value, required: &[&str]| json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false });
    let member = json!({ "member_id": { "type": ["string", "null"], "format": "uuid" } });
    Resource::new(&TABLE, "conversation", Area::Conversation, PATH)
        .log()
        .updatable()
        .routes()
        .add(
            Operation::post(
                format!("{PATH}/{{id}}/assign"),
                may_assign(Area::Conversation),
                "hands it to a member, or to nobody",
            )
            .takes(body(member.clone(), &["member_id"]))
            .gives(of_row(&TABLE)),
            assign,
        )
        .add(
            Operation::post(
                format!("{PATH}/{{id}}/transfer"),
                may_assign(Area::Conversation),
                "a person hands it on to another member, or to whoever takes it next; the bot is silent",
            )
            .takes(body(member, &["member_id"]))
            .gives(of_row(&TABLE)),
            transfer,
        )
        .add(action("take-over", "a person answers from now on, and the bot is silent"), take_over)
        .add(action("release", "the bot answers again"), release)
        .add(
            action("close", "it is over; what comes next begins a new one")
                .takes(body(json!({ "reason": { "type": "string", "maxLength": 64 } }), &[])),
            close,
        )
        .add(action("reopen", "it is not over after all"), reopen)
        .add(
            action("snooze", "it rests until then")
                .takes(body(json!({ "until": { "type": "string", "format": "date-time" } }), &["until"])),
            snooze,
        )
        .add(action("tag", "adds and removes tags").takes(tags_schema()), tag)
        .add(
            Operation::get(
                format!("{PATH}/{{id}}/export"),
                read(Area::Conversation),
                "a conversation with its messages",
            )
            .gives(json!({ "type": "object" })),
            export,
        )
}

/// Refuses what makes no sense in a conversation that is over.
fn not_closed(before: &Map<String, Value>) -> Result<(), ApiError> {
    if before.get("status").and_then(Value::as_str) == Some("closed") {
        let refused = ApiError::conflict("wrong_state", "it is closed; reopen it first");
        return Err(refused.with(json!({ "state": "closed" })));
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Assign {
    /// Nobody is said, not left out.
    #[serde(deserialize_with = "Option::deserialize")]
    member_id: Option<Uuid>,
}

/// Refuses to hand something to somebody who is no active member.
async fn require_member(api: &Api, caller: &Caller, member: Option<Uuid>) -> Result<(), ApiError> {
    let Some(id) = member else { return Ok(()) };
    let mut tx = api.store.begin(&caller.scope).await?;
    let member = organization_members::get(&mut tx, &caller.scope, id).await?;
    // Nothing was written: a call under a key is made with what follows.
    drop(tx);
    let is_active = member.is_some_and(|member| member.status == "active");
    if is_active { Ok(()) } else { Err(ApiError::invalid("member_id", "must be an active member")) }
}

async fn assign(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id,
    Body(Assign { member_id }): Body<Assign>,
) -> Result<Answer, ApiError> {
    require_member(&api, &caller, member_id).await?;
    act(&api, &caller, &TABLE, at(id), "assigned", |before| {
        not_closed(before)?;
        Ok(set([("assigned_member_id", json!(member_id))]))
    })
    .await
}

/// An assignment that leaves nothing to the bot, even where it was still answering.
async fn transfer(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id,
    Body(Assign { member_id }): Body<Assign>,
) -> Result<Answer, ApiError> {
    require_member(&api, &caller, member_id).await?;
    act(&api, &caller, &TABLE, at(id), "transferred", |before| {
        not_closed(before)?;
        Ok(set([("assigned_member_id", json!(member_id)), ("mode", json!("human"))]))
    })
    .await
}

async fn take_over(State(api): State<Api>, caller: Caller, Id(id): Id) -> Result<Answer, ApiError> {
    act(&api, &caller, &TABLE, at(id), "taken_over", |before| {
        not_closed(before)?;
        Ok(set([("mode", json!("human"))]))
    })
    .await
}

async fn release(State(api): State<Api>, caller: Caller, Id(id): Id) -> Result<Answer, ApiError> {
    act(&api, &caller, &TABLE, at(id), "released", |before| {
        not_closed(before)?;
        Ok(set([
            ("mode", json!("bot")),
            ("assigned_member_id", Value::Null),
            // What a person was told is done with.
            ("handoff_note", Value::Null),
        ]))
    })
    .await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Close {
    reason: Option<String>,
}

async fn close(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id,
    Body(Close { reason }): Body<Close>,
) -> Result<Answer, ApiError> {
    if reason.as_ref().is_some_and(|reason| reason.chars().count() > 64) {
        return Err(ApiError::invalid("reason", "must have at most 64 characters"));
    }
    let now = api.clock.now();
    act(&api, &caller, &TABLE, at(id), "closed", |before| {
        if not_closed(before).is_err() {
            return Ok(Map::new());
        }
        Ok(set([
            ("status", json!("closed")),
            ("closed_at", json!(now)),
            ("closed_reason", json!(reason)),
            ("snoozed_until", Value::Null),
        ]))
    })
    .await
}

async fn reopen(State(api): State<Api>, caller: Caller, Id(id): Id) -> Result<Answer, ApiError> {
    act(&api, &caller, &TABLE, at(id), "reopened", |_| {
        Ok(set([
            ("status", json!("open")),
            ("closed_at", Value::Null),
            ("closed_reason", Value::Null),
            ("snoozed_until", Value::Null),
        ]))
    })
    .await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Snooze {
    until: DateTime<Utc>,
}

async fn snooze(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id,
    Body(Snooze { until }): Body<Snooze>,
) -> Result<Answer, ApiError> {
    if until <= api.clock.now() {
        return Err(ApiError::invalid("until", "must be in the future"));
    }
    act(&api, &caller, &TABLE, at(id), "snoozed", |before| {
        not_closed(before)?;
        Ok(set([("status", json!("snoozed")), ("snoozed_until", json!(until))]))
    })
    .await
}

async fn tag(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id,
    Body(tags): Body<Tags>,
) -> Result<Answer, ApiError> {
    act(&api, &caller, &TABLE, at(id), "tagged", |before| tags.of(before)).await
}

async fn export(State(api): State<Api>, caller: Caller, Id(id): Id) -> Result<Json<Value>, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let row = rows::get(&mut tx, &caller.scope, &TABLE, at(id), None).await?.ok_or(ApiError::NotFound)?;
    let messages = rows_of(&mut tx, &caller, &channel_messages::TABLE, "conversation_id", id).await?;
    changes::note(&api, &mut tx, &caller, &TABLE, "exported", Some(&row), Some(&row)).await?;
    tx.commit().await?;
    Ok(Json(json!({ "data": { "conversation": fields(&row)?, "messages": messages } })))
}
