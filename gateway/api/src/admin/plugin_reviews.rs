//! Releases of plugins that wait for the platform's word.

use axum::{Json, extract::State};
use botbuilder_store::platform::{
    admin_audit_log::Act,
    plugin_reviews::{self, Word},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Desk, Need,
    audit::{Listing, page_of},
    desk::scope,
};
use crate::{
    Api,
    error::ApiError,
    identity::sign_in::check_length,
    input::{Body, Id},
    routes::{Operation, Routes},
    shape,
};

const PATH: &str = "/admin/v1/plugin-reviews";

/// The routes of the review of plugins.
pub(super) fn routes() -> Routes {
    Routes::new()
        .add(
            Operation::get(PATH, Need::Staff, "releases of plugins that wait for a word, the latest first")
                .lists(json!({ "type": "object" })),
            list,
        )
        .add(
            Operation::post(
                format!("{PATH}/{{id}}/approve"),
                Need::Superadmin,
                "lets a release be published by whoever offers it",
            )
            .takes(shape::object(&[("note", "string?")])),
            approve,
        )
        .add(
            Operation::post(
                format!("{PATH}/{{id}}/reject"),
                Need::Superadmin,
                "refuses a release, and says why",
            )
            .takes(shape::object(&[("note", "string")])),
            reject,
        )
}

async fn list(State(api): State<Api>, _: Desk, Listing(page): Listing) -> Result<Json<Value>, ApiError> {
    let mut tx = api.store.begin_admin().await?;
    let rows = plugin_reviews::list(&mut tx, page).await?;
    tx.commit().await?;
    Ok(Json(page_of(page, rows)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    note: Option<String>,
}

async fn approve(
    State(api): State<Api>,
    desk: Desk,
    Id(id): Id,
    Body(Given { note }): Body<Given>,
) -> Result<Json<Value>, ApiError> {
    decide(&api, &desk, id, true, note).await
}

async fn reject(
    State(api): State<Api>,
    desk: Desk,
    Id(id): Id,
    Body(Given { note }): Body<Given>,
) -> Result<Json<Value>, ApiError> {
    if note.is_none() {
        return Err(ApiError::invalid("note", "must be there: the publisher reads why"));
    }
    decide(&api, &desk, id, false, note).await
}

async fn decide(
    api: &Api,
    desk: &Desk,
    id: uuid::Uuid,
    is_approved: bool,
    note: Option<String>,
) -> Result<Json<Value>, ApiError> {
    if let Some(note) = &note {
        check_length("note", note, 2_000)?;
    }
    let word = Word { is_approved, note: note.as_deref(), by: desk.staff.user, at: api.clock.now() };
    let mut tx = api.store.begin_admin().await?;
    let decided = plugin_reviews::decide(&mut tx, id, &word).await?.ok_or(ApiError::NotFound)?;
    let action = if is_approved { "plugin.approve" } else { "plugin.reject" };
    let act = Act::new(action).to("plugin_version", id).because(note);
    desk.note_to(api, &mut tx, &scope(decided.publisher), act).await?;
    tx.commit().await?;
    Ok(Json(json!({ "data": decided.version })))
}
