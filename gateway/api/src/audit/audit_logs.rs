//! `/v1/audit`: what was done that matters to security, and whether nobody has tampered with it since.

use axum::{
    Json,
    extract::State,
    http::{header, request::Parts},
    response::{IntoResponse as _, Response},
};
use botbuilder_store::{
    audit::audit_logs::{self, Act, Filter},
    page::Page,
};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    input::{Cursor, Id, limit, page, query_pairs, unknown},
    permission::{Area, execute, read},
    routes::{Operation, Routes},
};

/// Most entries of one export; a longer one is made in pieces by `from` and `to`.
const MOST_EXPORTED: usize = 50_000;
/// Entries read at a time for it.
const PIECE: i64 = 1_000;

const FILTERS: [&str; 7] = [
    "filter[actor_id]",
    "filter[action]",
    "filter[resource_type]",
    "filter[resource_id]",
    "filter[outcome]",
    "filter[from]",
    "filter[to]",
];

/// The routes of the audit trail.
pub fn routes() -> Routes {
    let area = Area::Audit;
    let text = || json!({ "type": "string" });
    let filtered = |operation: Operation| {
        FILTERS
            .iter()
            .fold(operation, |operation, name| operation.with_query(*name, text(), "only such entries"))
    };
    let number = || json!({ "type": "integer", "minimum": 1 });
    Routes::new()
        .add(
            filtered(
                Operation::get("/v1/audit", read(area), "what was done, the latest first").lists(Value::Null),
            ),
            list,
        )
        .add(
            Operation::get("/v1/audit/verify", read(area), "recomputes the chain of hashes")
                .with_query("from_seq", number(), "where to begin")
                .with_query("to_seq", number(), "where to end"),
            verify,
        )
        .add(
            filtered(
                Operation::get("/v1/audit/export", execute(area), "entries, one JSON document a line")
                    .produces("application/x-ndjson"),
            ),
            export,
        )
        .add(Operation::get("/v1/audit/{id}", read(area), "one entry"), get)
}

fn id(name: &str, value: &str) -> Result<Uuid, ApiError> {
    value.parse().map_err(|_| ApiError::invalid(name.to_owned(), "must be a UUID"))
}

fn instant(name: &str, value: &str) -> Result<DateTime<Utc>, ApiError> {
    value
        .parse()
        .map_err(|_| ApiError::invalid(name.to_owned(), "must be an instant, like 2026-01-31T12:00:00Z"))
}

/// What a query asks for. A list has pieces, an export has none.
fn parse(parts: &Parts, in_pieces: bool) -> Result<(Page, Filter), ApiError> {
    let (mut piece, mut filter) = (Page::default(), Filter::default());
    for (name, value) in query_pairs(parts) {
        match name.as_str() {
            "limit" if in_pieces => piece.limit = limit(&value)?,
            "cursor" if in_pieces => piece.after = Some(Cursor::parse(&value, "id")?.id),
            "filter[actor_id]" => filter.actor = Some(id(&name, &value)?),
            "filter[action]" => filter.action = Some(value),
            "filter[resource_type]" => filter.resource_type = Some(value),
            "filter[resource_id]" => filter.resource = Some(id(&name, &value)?),
            "filter[outcome]" => filter.outcome = Some(value),
            "filter[from]" => filter.from = Some(instant(&name, &value)?),
            "filter[to]" => filter.to = Some(instant(&name, &value)?),
            other => {
                let paging: &[&str] = if in_pieces { &["limit", "cursor"] } else { &[] };
                let hint = unknown(other, FILTERS.into_iter().chain(paging.iter().copied()));
                return Err(ApiError::invalid(other.to_owned(), hint));
            }
        }
    }
    Ok((piece, filter))
}

async fn list(State(api): State<Api>, caller: Caller, parts: Parts) -> Result<Json<Value>, ApiError> {
    let (piece, filter) = parse(&parts, true)?;
    let mut tx = api.store.begin(&caller.scope).await?;
    let rows = audit_logs::list(&mut tx, &caller.scope, &filter, piece.after, piece.fetch()).await?;
    tx.commit().await?;
    Ok(Json(page(piece, rows, |row| row.id)))
}

async fn get(State(api): State<Api>, caller: Caller, Id(id): Id<Uuid>) -> Result<Json<Value>, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let entry = audit_logs::get(&mut tx, &caller.scope, id).await?.ok_or(ApiError::NotFound)?;
    tx.commit().await?;
    Ok(Json(json!({ "data": entry })))
}

async fn verify(State(api): State<Api>, caller: Caller, parts: Parts) -> Result<Json<Value>, ApiError> {
    let (mut from, mut to) = (None, None);
    for (name, value) in query_pairs(&parts) {
        let number = value.parse::<i64>().ok().filter(|number| *number > 0);
        let number =
            || number.ok_or_else(|| ApiError::invalid(name.clone(), "must be a whole number from 1"));
        match name.as_str() {
            "from_seq" => from = Some(number()?),
            "to_seq" => to = Some(number()?),
            other => return Err(ApiError::invalid(other.to_owned(), unknown(other, ["from_seq", "to_seq"]))),
        }
    }
    let mut tx = api.store.begin(&caller.scope).await?;
    let verified = audit_logs::verify(&mut tx, &caller.scope, from, to).await?;
    tx.commit().await?;
    Ok(Json(json!({ "data": verified })))
}

/// The export itself is an entry too, written in the same transaction.
async fn export(State(api): State<Api>, caller: Caller, parts: Parts) -> Result<Response, ApiError> {
    let (_, filter) = parse(&parts, false)?;
    let mut tx = api.store.begin(&caller.scope).await?;
    let (mut lines, mut count, mut after) = (String::new(), 0, None);
    loop {
        let rows = audit_logs::list(&mut tx, &caller.scope, &filter, after, PIECE).await?;
        let Some(last) = rows.last() else { break };
        after = Some(last.id);
        count += rows.len();
        if count > MOST_EXPORTED {
            return Err(ApiError::invalid(
                "filter[from]",
                format!("there are more than {MOST_EXPORTED} such entries: export them in pieces"),
            ));
        }
        for row in &rows {
            lines.push_str(&serde_json::to_string(row).map_err(ApiError::defect)?);
            lines.push('\n');
        }
    }
    let act = Act::new("audit.export", "audit", None).metadata(json!({ "entries": count }));
    caller.audit(&api, &mut tx, act).await?;
    tx.commit().await?;
    let headers = [
        (header::CONTENT_TYPE, "application/x-ndjson"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"audit.ndjson\""),
    ];
    Ok((headers, lines).into_response())
}
