//! `/v1/webhook-deliveries`: every attempt to deliver an event, and doing it again.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use botbuilder_store::{
    integrations::webhook_logs::{self, TABLE},
    table::rows::{self, Row},
};
use serde_json::{Value, json, value::RawValue};

use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    input::Id,
    permission::{Area, manage},
    resource::{
        Resource,
        act::{at, fields},
        changes::note,
        of_row,
    },
    routes::{Operation, Routes},
};

/// The routes of this resource.
pub fn routes() -> Routes {
    let path = "/v1/webhook-deliveries";
    let plain =
        Resource::new(&TABLE, "attempt to deliver an event", Area::Webhook, path).shown(without_answer);
    plain.log().routes().add(
        Operation::post(
            format!("{path}/{{id}}/replay"),
            manage(Area::Webhook),
            "delivers the same event again, under the same delivery id, to the address that is configured by now",
        )
        .answers(202)
        .gives(of_row(&TABLE)),
        replay,
    )
}

/// What an endpoint answered may say more of a network than those who only read what was sent are to know.
fn without_answer(_: &Api, caller: &Caller, row: &mut Row) -> Result<(), ApiError> {
    if caller.rights().everywhere().has(manage(Area::Webhook)) {
        return Ok(());
    }
    let mut shown = fields(row)?;
    for (name, nothing) in [("response_headers", json!({})), ("response_body", Value::Null)] {
        if let Some(value) = shown.get_mut(name) {
            *value = nothing;
        }
    }
    row.json = Value::Object(shown).to_string();
    Ok(())
}

async fn replay(State(api): State<Api>, caller: Caller, Id(id): Id) -> Result<Response, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let row = rows::lock(&mut tx, &caller.scope, &TABLE, at(id)).await?.ok_or(ApiError::NotFound)?;
    let state = fields(&row)?.get("status").and_then(Value::as_str).unwrap_or_default().to_owned();
    if state == "retrying" {
        let refused = ApiError::conflict(
            "wrong_state",
            "it is being delivered; it can be replayed when that has ended",
        );
        return Err(refused.with(json!({ "state": state })));
    }
    let again = api.ids.next();
    webhook_logs::again(&mut tx, &caller.scope, id, again, 1, api.clock.now()).await?;
    let new = rows::get(&mut tx, &caller.scope, &TABLE, at(again), None).await?.ok_or(ApiError::NotFound)?;
    note(&api, &mut tx, &caller, &TABLE, "replayed", Some(&row), Some(&row)).await?;
    tx.commit().await?;
    let new: Box<RawValue> = RawValue::from_string(new.json).map_err(ApiError::defect)?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "data": new }))).into_response())
}
