//! `/v1/emails`: mails of the organization. What was in them is not kept.

use axum::{
    Json,
    extract::State,
    http::{Method, request::Parts},
};
use botbuilder_store::{audit::audit_logs::Act, integrations::email_notifications};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    input::{Id, page},
    permission::{Area, manage, read},
    resource::missing,
    routes::{Operation, Routes},
    tenancy::paging_with_status,
};

const STATES: [&str; 9] =
    ["queued", "sending", "sent", "delivered", "bounced", "complained", "failed", "suppressed", "canceled"];

/// The routes of mails.
pub fn routes() -> Routes {
    let area = Area::Organization;
    let status = json!({ "type": "string", "enum": STATES });
    let wiped = "what was in a mail is wiped once it is sent; invitations have a resend of their own";
    missing(Routes::new(), &Method::POST, "/v1/emails/{id}/resend", manage(area), wiped)
        .add(
            Operation::get("/v1/emails", read(area), "mails of the organization, the latest first")
                .lists(Value::Null)
                .with_query("filter[status]", status, "only those in this state"),
            list,
        )
        .add(Operation::get("/v1/emails/{id}", read(area), "one mail"), get)
        .add(Operation::post("/v1/emails/{id}/cancel", manage(area), "does not send it after all"), cancel)
}

async fn list(State(api): State<Api>, caller: Caller, parts: Parts) -> Result<Json<Value>, ApiError> {
    let (piece, status) = paging_with_status(&parts, &STATES)?;
    let mut tx = api.store.begin(&caller.scope).await?;
    let rows = email_notifications::list(&mut tx, &caller.scope, status.as_deref(), &piece).await?;
    tx.commit().await?;
    Ok(Json(page(piece, rows, |row| row.id)))
}

async fn get(State(api): State<Api>, caller: Caller, Id(id): Id<Uuid>) -> Result<Json<Value>, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let email = email_notifications::get(&mut tx, &caller.scope, id).await?.ok_or(ApiError::NotFound)?;
    tx.commit().await?;
    Ok(Json(json!({ "data": email })))
}

async fn cancel(State(api): State<Api>, caller: Caller, Id(id): Id<Uuid>) -> Result<Json<Value>, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let before = email_notifications::get(&mut tx, &caller.scope, id).await?.ok_or(ApiError::NotFound)?;
    if !email_notifications::cancel(&mut tx, &caller.scope, id).await? {
        return Err(ApiError::conflict("not_queued", format!("the mail is {}", before.status)));
    }
    let after = email_notifications::get(&mut tx, &caller.scope, id).await?.ok_or(ApiError::NotFound)?;
    caller.audit(&api, &mut tx, Act::new("email.cancel", "email", Some(id))).await?;
    tx.commit().await?;
    Ok(Json(json!({ "data": after })))
}
