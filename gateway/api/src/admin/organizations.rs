//! Organizations: which there are, suspending them, and the plan they are on.

use axum::{
    Json,
    extract::{Query, State},
};
use botbuilder_store::{
    Error,
    platform::{
        admin_audit_log::Act,
        organizations::{self, Assigned},
    },
};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Desk, Need, audit::Listing, desk::scope};
use crate::{
    Api,
    error::ApiError,
    identity::sign_in::check_length,
    input::{Body, Id},
    routes::{Operation, Routes},
    shape,
};

/// How long a period is where nothing is said: staff assign by contract, so a year.
const PERIOD: TimeDelta = TimeDelta::days(365);

/// The routes of organizations.
pub(super) fn routes() -> Routes {
    let text = || json!({ "type": "string" });
    let row = || json!({ "type": "object" });
    Routes::new()
        .add(
            Operation::get("/admin/v1/organizations", Need::Staff, "the organizations, the latest first")
                .lists(row())
                .with_query("text", text(), "part of a name or short name")
                .with_query("status", text(), "active, suspended, closing or closed"),
            list,
        )
        .add(
            Operation::get("/admin/v1/organizations/{id}", Need::Staff, "an organization, its plan and use")
                .gives(row()),
            get,
        )
        .add(
            Operation::post(
                "/admin/v1/organizations/{id}/suspend",
                Need::Superadmin,
                "nobody of it can act until it is resumed",
            )
            .takes(shape::object(&[("reason", "string")])),
            suspend,
        )
        .add(
            Operation::post("/admin/v1/organizations/{id}/resume", Need::Superadmin, "lets it act again"),
            resume,
        )
        .add(
            Operation::put(
                "/admin/v1/organizations/{id}/subscription",
                Need::Superadmin,
                "puts it on a plan, now",
            )
            .takes(shape::object(&[
                ("plan_id", "uuid"),
                ("seats", "integer?"),
                ("limits_override", "object?"),
                ("until", "time?"),
                ("reason", "string"),
            ])),
            assign,
        )
}

#[derive(Deserialize)]
struct Which {
    text: Option<String>,
    status: Option<String>,
}

async fn list(
    State(api): State<Api>,
    _: Desk,
    Listing(page): Listing,
    Query(which): Query<Which>,
) -> Result<Json<Value>, ApiError> {
    let mut tx = api.store.begin_admin().await?;
    let rows = organizations::list(&mut tx, which.text.as_deref(), which.status.as_deref(), page).await?;
    tx.commit().await?;
    Ok(Json(super::audit::page_of(page, rows)))
}

async fn get(State(api): State<Api>, _: Desk, Id(id): Id) -> Result<Json<Value>, ApiError> {
    let mut tx = api.store.begin_admin().await?;
    let row = organizations::get(&mut tx, &scope(id), api.clock.now()).await?.ok_or(ApiError::NotFound)?;
    tx.commit().await?;
    Ok(Json(json!({ "data": row })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Suspend {
    reason: String,
}

async fn suspend(
    State(api): State<Api>,
    desk: Desk,
    Id(id): Id,
    Body(body): Body<Suspend>,
) -> Result<Json<Value>, ApiError> {
    check_length("reason", &body.reason, 300)?;
    let scope = scope(id);
    let mut tx = api.store.begin_admin().await?;
    organizations::get(&mut tx, &scope, api.clock.now()).await?.ok_or(ApiError::NotFound)?;
    if !organizations::suspend(&mut tx, &scope, &body.reason).await? {
        return Err(ApiError::conflict("wrong_state", "only an active organization can be suspended"));
    }
    let act = Act::new("organization.suspend").to("organization", id).because(Some(body.reason));
    desk.note_to(&api, &mut tx, &scope, act).await?;
    tx.commit().await?;
    (api.channels_changed)();
    Ok(Json(json!({ "data": { "id": id, "status": "suspended" } })))
}

async fn resume(State(api): State<Api>, desk: Desk, Id(id): Id) -> Result<Json<Value>, ApiError> {
    let scope = scope(id);
    let mut tx = api.store.begin_admin().await?;
    organizations::get(&mut tx, &scope, api.clock.now()).await?.ok_or(ApiError::NotFound)?;
    if !organizations::resume(&mut tx, &scope).await? {
        return Err(ApiError::conflict("wrong_state", "only a suspended organization can be resumed"));
    }
    let act = Act::new("organization.resume").to("organization", id);
    desk.note_to(&api, &mut tx, &scope, act).await?;
    tx.commit().await?;
    (api.channels_changed)();
    Ok(Json(json!({ "data": { "id": id, "status": "active" } })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Assign {
    plan_id: Uuid,
    #[serde(default)]
    seats: Option<i32>,
    #[serde(default)]
    limits_override: Option<Value>,
    #[serde(default)]
    until: Option<DateTime<Utc>>,
    reason: String,
}

async fn assign(
    State(api): State<Api>,
    desk: Desk,
    Id(id): Id,
    Body(body): Body<Assign>,
) -> Result<Json<Value>, ApiError> {
    let now = api.clock.now();
    check_length("reason", &body.reason, 300)?;
    if body.seats.is_some_and(|seats| !(1..=100_000).contains(&seats)) {
        return Err(ApiError::invalid("seats", "must be a number from 1 to 100000"));
    }
    if body.limits_override.as_ref().is_some_and(|limits| !limits.is_object()) {
        return Err(ApiError::invalid("limits_override", "must be an object"));
    }
    let until = body.until.unwrap_or(now + PERIOD);
    if until <= now {
        return Err(ApiError::invalid("until", "must be later than now"));
    }
    let scope = scope(id);
    let assigned = Assigned {
        id: api.ids.next(),
        plan: body.plan_id,
        seats: body.seats,
        limits_override: body.limits_override.as_ref(),
        until,
    };
    let mut tx = api.store.begin_admin().await?;
    organizations::get(&mut tx, &scope, now).await?.ok_or(ApiError::NotFound)?;
    let row = organizations::assign(&mut tx, &scope, &assigned, now).await.map_err(|error| match &error {
        Error::Conflict { constraint } if constraint == "ck_user_subscriptions_9" => {
            ApiError::invalid("limits_override", "has an unknown key, or a value of a wrong type")
        }
        _ => error.into(),
    })?;
    let row =
        row.ok_or_else(|| ApiError::invalid("plan_id", "there is no such plan, or it is not active"))?;
    let details = json!({ "plan_id": body.plan_id, "seats": row["seats"], "until": until });
    let act = Act::new("subscription.assign")
        .to("user_subscription", row["id"].as_str().and_then(|id| id.parse().ok()).unwrap_or(id))
        .because(Some(body.reason))
        .saying(details);
    desk.note_to(&api, &mut tx, &scope, act).await?;
    tx.commit().await?;
    Ok(Json(json!({ "data": row })))
}
