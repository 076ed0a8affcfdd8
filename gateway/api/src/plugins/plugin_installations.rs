//! `/v1/installed-plugins`.

use axum::{extract::State, http::StatusCode};
use botbuilder_store::plugins::plugin_installations::TABLE;
use serde_json::json;
use uuid::Uuid;

use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    input::Id,
    permission::{Area, Verb, manage},
    resource::{
        Resource, Transition,
        act::{act, at, set},
    },
    routes::{Operation, Routes},
};

/// The routes of this resource.
pub fn routes() -> Routes {
    let uninstall =
        Operation::delete("/v1/installed-plugins/{id}", manage(Area::Plugin), "uninstalls a plugin");
    Resource::new(&TABLE, "installed plugin", Area::Plugin, "/v1/installed-plugins")
        .log()
        .updatable()
        .moving(Transition::new("enable", &["disabled"], "active").needing(Verb::Manage))
        .moving(Transition::new("disable", &["active", "error"], "disabled").needing(Verb::Manage))
        .unavailable("update", Verb::Manage, "plugins are not run yet")
        .unavailable("approve-permissions", Verb::Manage, "plugins are not run yet")
        .routes()
        .add(uninstall, remove)
}

/// What it did stays on record; the plugin can be installed anew.
async fn remove(State(api): State<Api>, caller: Caller, Id(id): Id<Uuid>) -> Result<StatusCode, ApiError> {
    let now = api.clock.now();
    act(&api, &caller, &TABLE, at(id), "uninstalled", |before| {
        if before.get("status") == Some(&json!("uninstalled")) {
            return Err(ApiError::NotFound);
        }
        Ok(set([("status", json!("uninstalled")), ("uninstalled_at", json!(now))]))
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}
