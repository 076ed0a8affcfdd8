//! Reviews of plugins that were reported.

use axum::{Json, extract::State};
use botbuilder_store::platform::{admin_audit_log::Act, review_reports};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

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

const PATH: &str = "/admin/v1/review-reports";

/// The routes of reported reviews.
pub(super) fn routes() -> Routes {
    let action = |action: &str, summary: &str| {
        Operation::post(format!("{PATH}/{{id}}/{action}"), Need::Elevated, summary)
            .takes(shape::object(&[("reason", "string?")]))
    };
    Routes::new()
        .add(
            Operation::get(
                PATH,
                Need::Staff,
                "reported reviews of plugins, which nobody sees meanwhile, the latest first",
            )
            .lists(json!({ "type": "object" })),
            list,
        )
        .add(action("show", "shows a reported review again"), show)
        .add(action("hide", "hides a reported review for good"), hide)
}

async fn list(State(api): State<Api>, _: Desk, Listing(page): Listing) -> Result<Json<Value>, ApiError> {
    let mut tx = api.store.begin_admin().await?;
    let rows = review_reports::list(&mut tx, page).await?;
    tx.commit().await?;
    Ok(Json(page_of(page, rows)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    reason: Option<String>,
}

async fn show(
    State(api): State<Api>,
    desk: Desk,
    Id(id): Id,
    Body(Given { reason }): Body<Given>,
) -> Result<Json<Value>, ApiError> {
    decide(&api, &desk, id, true, reason).await
}

async fn hide(
    State(api): State<Api>,
    desk: Desk,
    Id(id): Id,
    Body(Given { reason }): Body<Given>,
) -> Result<Json<Value>, ApiError> {
    decide(&api, &desk, id, false, reason).await
}

async fn decide(
    api: &Api,
    desk: &Desk,
    id: Uuid,
    is_shown: bool,
    reason: Option<String>,
) -> Result<Json<Value>, ApiError> {
    if let Some(reason) = &reason {
        check_length("reason", reason, 500)?;
    }
    let mut tx = api.store.begin_admin().await?;
    let review = review_reports::decide(&mut tx, id, is_shown).await?.ok_or(ApiError::NotFound)?;
    let act = Act::new(if is_shown { "review.show" } else { "review.hide" });
    desk.note(api, &mut tx, act.to("plugin_review", id).because(reason)).await?;
    tx.commit().await?;
    Ok(Json(json!({ "data": review })))
}
