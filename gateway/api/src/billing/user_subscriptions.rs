//! `/v1/subscription`, the plan in force, and `/v1/subscriptions`, which there were.

use axum::{Json, extract::State};
use botbuilder_store::billing::user_subscriptions::{self, TABLE};
use serde_json::{Value, json};

use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    permission::{Area, manage, read},
    resource::{Resource, missing},
    routes::{Operation, Routes},
};

/// The routes of this resource.
pub fn routes() -> Routes {
    let plain = Resource::new(&TABLE, "subscription", Area::Billing, "/v1/subscriptions").log().routes().add(
        Operation::get(
            "/v1/subscription",
            read(Area::Billing),
            "the plan in force, its limits, and what is there of what they limit",
        )
        .gives(json!({ "type": "object" })),
        plan,
    );
    let what = "payments are not connected yet; whoever runs the platform assigns plans";
    let plain = missing(plain, &axum::http::Method::PATCH, "/v1/subscription", manage(Area::Billing), what);
    ["checkout", "portal", "change-plan", "cancel", "resume"].into_iter().fold(plain, |routes, action| {
        let path = format!("/v1/subscription/{action}");
        missing(routes, &axum::http::Method::POST, path, manage(Area::Billing), what)
    })
}

async fn plan(State(api): State<Api>, caller: Caller) -> Result<Json<Value>, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let plan = user_subscriptions::plan(&mut tx, &caller.scope).await?;
    tx.commit().await?;
    Ok(Json(json!({ "data": plan })))
}
