//! The keys that seal an organization's secrets: a new one is made at once, what older ones sealed is sealed anew by a job
//! ([`super::resealing`]), and an older one is forgotten when nothing uses it any more.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use botbuilder_store::platform::{admin_audit_log::Act, resealing};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Desk, Need, desk::scope};
use crate::{
    Api,
    error::ApiError,
    identity::sign_in::check_length,
    input::{Body, Id},
    routes::{Operation, Routes},
    shape,
};

/// The routes of keys.
pub(super) fn routes() -> Routes {
    let state = || {
        json!({ "type": "object", "properties": {
            "current": { "type": "string" },
            "older": { "type": "array", "items": { "type": "string" } },
            "rotated_at": { "type": ["string", "null"], "format": "date-time" },
            "left": { "type": "integer" },
            "status": { "type": "string", "enum": ["done", "resealing", "waiting"] },
        } })
    };
    Routes::new()
        .add(
            Operation::post(
                "/admin/v1/organizations/{id}/keys/rotate",
                Need::Superadmin,
                "a new key seals from now on; what older ones sealed is sealed anew",
            )
            .answers(202)
            .takes(shape::object(&[("reason", "string")]))
            .gives(state()),
            rotate,
        )
        .add(
            Operation::get(
                "/admin/v1/organizations/{id}/keys",
                Need::Staff,
                "how far the rotation of keys is",
            )
            .gives(state()),
            get,
        )
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rotate {
    reason: String,
}

async fn rotate(
    State(api): State<Api>,
    desk: Desk,
    Id(id): Id,
    Body(body): Body<Rotate>,
) -> Result<Response, ApiError> {
    check_length("reason", &body.reason, 300)?;
    let scope = scope(id);
    let mut tx = api.store.begin_admin().await?;
    let state = resealing::begin(&mut tx, &scope, &api.root, api.clock.now()).await?;
    let state = state.ok_or(ApiError::NotFound)?;
    let details = json!({ "current": state.current, "older": state.older, "secrets": state.left });
    let act = Act::new("keys.rotate").to("organization", id).because(Some(body.reason)).saying(details);
    desk.note_to(&api, &mut tx, &scope, act).await?;
    tx.commit().await?;
    let location = [("location", format!("/admin/v1/organizations/{id}/keys"))];
    Ok((StatusCode::ACCEPTED, location, Json(json!({ "data": state }))).into_response())
}

async fn get(State(api): State<Api>, _: Desk, Id(id): Id) -> Result<Json<Value>, ApiError> {
    let mut tx = api.store.begin_admin().await?;
    let state = resealing::state(&mut tx, &scope(id), api.clock.now()).await?.ok_or(ApiError::NotFound)?;
    tx.commit().await?;
    Ok(Json(json!({ "data": state })))
}
