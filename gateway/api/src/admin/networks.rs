//! The networks that reach this surface. Nobody can list networks so that they shut themselves out.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use botbuilder_store::{
    Error,
    platform::{
        admin_audit_log::Act,
        admin_ip_whitelist::{self, Listed},
    },
};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Desk, Need,
    audit::{Listing, page_of},
};
use crate::{
    Api,
    error::ApiError,
    identity::sign_in::check_length,
    input::{Body, Id},
    routes::{Operation, Routes},
    shape,
};

/// The routes of the list.
pub(super) fn routes() -> Routes {
    Routes::new()
        .add(
            Operation::get(
                "/admin/v1/ip-allowlist",
                Need::Staff,
                "the networks that reach this; while there is none, this machine",
            )
            .lists(json!({ "type": "object" })),
            list,
        )
        .add(
            Operation::post("/admin/v1/ip-allowlist", Need::Superadmin, "lists a network")
                .answers(201)
                .takes(shape::object(&[
                    ("network", "string"),
                    ("description", "string"),
                    ("expires_at", "time?"),
                ])),
            create,
        )
        .add(
            Operation::delete(
                "/admin/v1/ip-allowlist/{id}",
                Need::Superadmin,
                "takes a network off the list",
            ),
            remove,
        )
}

async fn list(State(api): State<Api>, _: Desk, Listing(page): Listing) -> Result<Json<Value>, ApiError> {
    let mut tx = api.store.begin_admin().await?;
    let rows = admin_ip_whitelist::list(&mut tx, page).await?;
    tx.commit().await?;
    Ok(Json(page_of(page, rows)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    network: String,
    description: String,
    #[serde(default)]
    expires_at: Option<DateTime<Utc>>,
}

async fn create(State(api): State<Api>, desk: Desk, Body(body): Body<New>) -> Result<Response, ApiError> {
    check_length("description", &body.description, 255)?;
    let (id, now) = (api.ids.next(), api.clock.now());
    if body.expires_at.is_some_and(|expires| expires <= now) {
        return Err(ApiError::invalid("expires_at", "must be later than now"));
    }
    let mut tx = api.store.begin_admin().await?;
    let by = Some(desk.staff.user);
    let row =
        admin_ip_whitelist::insert(&mut tx, id, &body.network, &body.description, body.expires_at, by).await;
    let row = row.map_err(|error| match &error {
        Error::Conflict { constraint } if constraint == "uq_admin_ip_whitelist_1" => {
            ApiError::conflict("taken", "this network is listed already").about("network")
        }
        _ => error.into(),
    })?;
    let row = row.ok_or_else(|| {
        ApiError::invalid("network", "must be a network such as 192.0.2.0/24, or an address")
    })?;
    stay(&mut tx, &desk, now).await?;
    let act = Act::new("network.list").to("admin_ip_whitelist", id).saying(row.clone());
    desk.note(&api, &mut tx, act).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(json!({ "data": row }))).into_response())
}

/// Whoever changes the list must still reach it afterwards.
async fn stay(tx: &mut botbuilder_store::Tx, desk: &Desk, now: DateTime<Utc>) -> Result<(), ApiError> {
    let may = match admin_ip_whitelist::listed(tx, &desk.staff.ip, now).await? {
        Listed::Empty => desk.client.ip.is_some_and(|ip| ip.is_loopback()),
        Listed::Yes => true,
        Listed::No => false,
    };
    if may {
        return Ok(());
    }
    let detail =
        format!("{} would not reach this any more: list a network that holds it first", desk.staff.ip);
    Err(ApiError::conflict("shuts_you_out", detail))
}

async fn remove(State(api): State<Api>, desk: Desk, Id(id): Id) -> Result<Response, ApiError> {
    let now = api.clock.now();
    let mut tx = api.store.begin_admin().await?;
    let row = admin_ip_whitelist::deactivate(&mut tx, id, desk.staff.user, now).await?;
    let row = row.ok_or(ApiError::NotFound)?;
    stay(&mut tx, &desk, now).await?;
    desk.note(&api, &mut tx, Act::new("network.unlist").to("admin_ip_whitelist", id).saying(row)).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
