//! What staff did, and who tried to sign in; with the shape that all lists of staff have.

use axum::{
    Json,
    extract::{FromRequestParts, Query, State},
    http::request::Parts,
};
use botbuilder_store::{
    page::Page,
    platform::{admin_audit_log, admin_login_attempts},
};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Desk, Need};
use crate::{
    Api,
    error::ApiError,
    input::{self, Cursor, limit, query_pairs},
    routes::{Operation, Routes},
};

/// The routes of the audit log and of the attempts.
pub(super) fn routes() -> Routes {
    let row = || json!({ "type": "object" });
    Routes::new()
        .add(
            Operation::get("/admin/v1/audit", Need::Staff, "what staff did, the latest first")
                .lists(row())
                .with_query(
                    "organization_id",
                    json!({ "type": "string", "format": "uuid" }),
                    "only what was done to this organization",
                ),
            list,
        )
        .add(
            Operation::get("/admin/v1/audit/verify", Need::Staff, "whether the chain of entries is whole"),
            verify,
        )
        .add(
            Operation::get("/admin/v1/login-attempts", Need::Staff, "who tried to sign in, the latest first")
                .lists(row()),
            attempts,
        )
}

/// `limit` and `cursor` of a list, among parameters that the handler reads itself.
pub(super) struct Listing(pub Page);

impl<S: Sync> FromRequestParts<S> for Listing {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let mut page = Page::default();
        for (name, value) in query_pairs(parts) {
            match name.as_str() {
                "limit" => page.limit = limit(&value)?,
                "cursor" => page.after = Some(Cursor::parse(&value, "id")?.id),
                _ => {}
            }
        }
        Ok(Self(page))
    }
}

/// The answer of a list of JSON objects with an `id`.
pub(super) fn page_of(page: Page, rows: Vec<Value>) -> Value {
    let id = |row: &Value| row["id"].as_str().and_then(|id| id.parse().ok()).unwrap_or_default();
    input::page(page, rows, id)
}

#[derive(Deserialize)]
struct Which {
    organization_id: Option<Uuid>,
}

async fn list(
    State(api): State<Api>,
    _: Desk,
    Listing(page): Listing,
    which: Result<Query<Which>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Value>, ApiError> {
    let Query(which) = which.map_err(|_| ApiError::invalid("organization_id", "must be a UUID"))?;
    let mut tx = api.store.begin_admin().await?;
    let rows = admin_audit_log::list(&mut tx, which.organization_id, page).await?;
    tx.commit().await?;
    Ok(Json(page_of(page, rows)))
}

async fn verify(State(api): State<Api>, _: Desk) -> Result<Json<Value>, ApiError> {
    let mut tx = api.store.begin_admin().await?;
    let broken = admin_audit_log::first_broken(&mut tx).await?;
    tx.commit().await?;
    Ok(Json(json!({ "data": { "is_whole": broken.is_none(), "first_broken": broken } })))
}

async fn attempts(State(api): State<Api>, _: Desk, Listing(page): Listing) -> Result<Json<Value>, ApiError> {
    let mut tx = api.store.begin_admin().await?;
    let rows = admin_login_attempts::list(&mut tx, page).await?;
    tx.commit().await?;
    Ok(Json(page_of(page, rows)))
}
