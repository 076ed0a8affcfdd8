//! `/v1/activity`: what people did, for people.

use axum::{Json, extract::State, http::request::Parts};
use botbuilder_store::{audit::activity_logs, page::Page};
use serde_json::{Value, json};

use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    input::{Cursor, limit, page, query_pairs, unknown},
    permission::{Area, read},
    routes::{Operation, Routes},
};

/// The routes of the feed.
pub fn routes() -> Routes {
    let area = Area::Organization;
    Routes::new()
        .add(
            Operation::get("/v1/activity", read(area), "what was done, the latest first")
                .lists(Value::Null)
                .with_query(
                    "filter[entity_type]",
                    json!({ "type": "string" }),
                    "only what was done to such things",
                ),
            list,
        )
        .add(
            Operation::get(
                "/v1/activity/summary",
                read(area),
                "members with what they did in the last 30 days",
            )
            .gives(json!({ "type": "array", "items": { "type": "object" } })),
            summary,
        )
}

async fn list(State(api): State<Api>, caller: Caller, parts: Parts) -> Result<Json<Value>, ApiError> {
    let (mut piece, mut entity_type) = (Page::default(), None);
    for (name, value) in query_pairs(&parts) {
        match name.as_str() {
            "limit" => piece.limit = limit(&value)?,
            "cursor" => piece.after = Some(Cursor::parse(&value, "id")?.id),
            "filter[entity_type]" => entity_type = Some(value),
            other => {
                let known = unknown(other, ["limit", "cursor", "filter[entity_type]"]);
                return Err(ApiError::invalid(other.to_owned(), known));
            }
        }
    }
    // Of tokens, roles and the like those are told who may read the audit log.
    let sees_all = caller.rights().everywhere().has(read(Area::Audit));
    let mut tx = api.store.begin(&caller.scope).await?;
    let rows = activity_logs::list(&mut tx, &caller.scope, entity_type.as_deref(), sees_all, &piece).await?;
    tx.commit().await?;
    Ok(Json(page(piece, rows, |row| row.id)))
}

async fn summary(State(api): State<Api>, caller: Caller) -> Result<Json<Value>, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let rows = activity_logs::summary(&mut tx, &caller.scope).await?;
    tx.commit().await?;
    Ok(Json(json!({ "data": rows })))
}
