//! Accounts: which there are, suspending them, ending their sessions, and making them staff.

use axum::{
    Json,
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use botbuilder_store::platform::{
    admin_audit_log::Act,
    admin_sessions,
    users::{self, Change},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Desk, Need,
    audit::{Listing, page_of},
};
use crate::{
    Api,
    error::ApiError,
    input::{Body, Id},
    routes::{Operation, Routes},
    shape,
};

/// The routes of accounts.
pub(super) fn routes() -> Routes {
    let row = || json!({ "type": "object" });
    Routes::new()
        .add(
            Operation::get("/admin/v1/users", Need::Staff, "the accounts, the latest first")
                .lists(row())
                .with_query("text", json!({ "type": "string" }), "part of an address or name")
                .with_query("staff", json!({ "type": "boolean" }), "only staff"),
            list,
        )
        .add(
            Operation::get("/admin/v1/users/{id}", Need::Staff, "an account and where it belongs")
                .gives(row()),
            get,
        )
        .add(
            Operation::patch(
                "/admin/v1/users/{id}",
                Need::Superadmin,
                "suspends an account, or makes it staff",
            )
            .takes(shape::object(&[
                ("status", "string?"),
                ("platform_role", "string?"),
                ("reason", "string?"),
            ])),
            update,
        )
        .add(
            Operation::post(
                "/admin/v1/users/{id}/end-sessions",
                Need::Superadmin,
                "ends every session of an account",
            )
            .answers(204),
            end_sessions,
        )
}

#[derive(Deserialize)]
struct Which {
    text: Option<String>,
    staff: Option<String>,
}

async fn list(
    State(api): State<Api>,
    _: Desk,
    Listing(page): Listing,
    Query(which): Query<Which>,
) -> Result<Json<Value>, ApiError> {
    let staff_only = which.staff.as_deref() == Some("true");
    let mut tx = api.store.begin_admin().await?;
    let rows = users::list(&mut tx, which.text.as_deref(), staff_only, page).await?;
    tx.commit().await?;
    Ok(Json(page_of(page, rows)))
}

async fn get(State(api): State<Api>, _: Desk, Id(id): Id) -> Result<Json<Value>, ApiError> {
    let mut tx = api.store.begin_admin().await?;
    let row = users::get(&mut tx, id).await?.ok_or(ApiError::NotFound)?;
    tx.commit().await?;
    Ok(Json(json!({ "data": row })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Update {
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    platform_role: Option<String>,
    #[serde(default)]
    reason: Option<String>,
}

fn one_of(field: &'static str, given: Option<&str>, known: &[&str]) -> Result<(), ApiError> {
    match given {
        Some(given) if !known.contains(&given) => {
            Err(ApiError::invalid(field, format!("must be one of {}", known.join(", "))))
        }
        _ => Ok(()),
    }
}

async fn update(
    State(api): State<Api>,
    desk: Desk,
    Id(id): Id,
    Body(body): Body<Update>,
) -> Result<Json<Value>, ApiError> {
    one_of("status", body.status.as_deref(), &["active", "suspended"])?;
    one_of("platform_role", body.platform_role.as_deref(), &["none", "support", "superadmin"])?;
    let now = api.clock.now();
    let mut tx = api.store.begin_admin().await?;
    let before = users::get(&mut tx, id).await?.ok_or(ApiError::NotFound)?;
    let becomes_staff = body.platform_role.as_deref().is_some_and(|role| role != "none");
    if becomes_staff && before["two_factor_enabled_at"].is_null() {
        return Err(ApiError::conflict(
            "second_factor_missing",
            "staff have a second factor: the account has to enrol one first",
        )
        .about("platform_role"));
    }
    let stays = body.platform_role.as_deref().is_none_or(|role| role == "superadmin")
        && body.status.as_deref() != Some("suspended");
    if before["platform_role"] == "superadmin" && !stays && users::other_superadmins(&mut tx, id).await? == 0
    {
        return Err(ApiError::conflict("last_superadmin", "somebody must be left who may do everything"));
    }
    let change = Change { status: body.status.as_deref(), platform_role: body.platform_role.as_deref() };
    users::update(&mut tx, id, change, now).await?;
    if !stays {
        admin_sessions::revoke_all(&mut tx, id, now).await?;
    }
    let details = json!({ "before": { "status": before["status"], "platform_role": before["platform_role"] },
                          "status": body.status, "platform_role": body.platform_role });
    let act = Act::new("user.update").to("user", id).because(body.reason).saying(details);
    desk.note(&api, &mut tx, act).await?;
    let row = users::get(&mut tx, id).await?.ok_or(ApiError::NotFound)?;
    tx.commit().await?;
    Ok(Json(json!({ "data": row })))
}

async fn end_sessions(State(api): State<Api>, desk: Desk, Id(id): Id) -> Result<Response, ApiError> {
    let now = api.clock.now();
    let mut tx = api.store.begin_admin().await?;
    users::get(&mut tx, id).await?.ok_or(ApiError::NotFound)?;
    let ended = users::end_sessions(&mut tx, id, now).await?;
    let act = Act::new("user.end_sessions").to("user", id).saying(json!({ "sessions": ended }));
    desk.note(&api, &mut tx, act).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
