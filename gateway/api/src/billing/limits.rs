//! What the plan does not allow: 402 `plan_limit`, with the `limit` that is meant.

use axum::http::StatusCode;
use botbuilder_store::{OrgScope, Tx, billing::limits, table::Table, tenancy::organizations};
use serde_json::json;

use crate::{Api, error::ApiError};

/// Of what is counted by the month, a tenth more is let through: counting is a minute late, and nobody is cut off in the
/// middle of a conversation for it.
const GRACE_PERCENT: i64 = 110;

/// There is no more of this in the plan.
pub(crate) fn reached(limit: &'static str) -> ApiError {
    let detail = match limit {
        "seats" => "every seat of the plan is taken".to_owned(),
        "messages_month" => "the plan's messages of this month are used up".to_owned(),
        "storage_mb" => "there is no room left in the plan's storage".to_owned(),
        other => format!("the plan allows no more {}", other.replace('_', " ")),
    };
    ApiError::refused(StatusCode::PAYMENT_REQUIRED, "plan_limit", detail).with(json!({ "limit": limit }))
}

/// The limit that counts the rows of a table.
fn of_table(table: &Table) -> Option<&'static str> {
    match table.name {
        "bots" => Some("bots"),
        "channels" => Some("channels"),
        "channel_contacts" => Some("contacts"),
        "knowledge_bases" => Some("knowledge_bases"),
        "recovery_campaigns" => Some("campaigns"),
        _ => None,
    }
}

/// Refuses one row more than the plan allows. The place is held until the transaction ends.
pub(crate) async fn room_for(tx: &mut Tx, scope: &OrgScope, table: &Table) -> Result<(), ApiError> {
    let Some(limit) = of_table(table) else { return Ok(()) };
    if organizations::can_create(tx, scope, limit).await? { Ok(()) } else { Err(reached(limit)) }
}

/// Refuses to send so many messages more than the plan allows in a month.
pub(crate) async fn messages(api: &Api, tx: &mut Tx, scope: &OrgScope, more: usize) -> Result<(), ApiError> {
    let measured = limits::messages(tx, scope, api.clock.now()).await?;
    let Some(limit) = measured.limit else { return Ok(()) };
    let after = measured.used.saturating_add(i64::try_from(more).unwrap_or(i64::MAX));
    if after.saturating_mul(100) > limit.saturating_mul(GRACE_PERCENT) {
        return Err(reached("messages_month"));
    }
    Ok(())
}

/// Refuses a document for which there is no room.
pub(crate) async fn storage(tx: &mut Tx, scope: &OrgScope, bytes: u64) -> Result<(), ApiError> {
    let measured = limits::storage(tx, scope).await?;
    let after = measured.used.saturating_add(i64::try_from(bytes).unwrap_or(i64::MAX));
    if measured.limit.is_some_and(|limit| after > limit) { Err(reached("storage_mb")) } else { Ok(()) }
}
