//! `/v1/clones/{id}/consent` and `withdraw-consent`: what only the imitated person may say.

use axum::extract::State;
use botbuilder_store::{
    clones::{clone_training_data, work_clones::TABLE},
    table::rows::{self, Query},
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    input::Id,
    permission::{Area, read},
    resource::{
        Answer,
        act::{at, fields, set},
        answer, broken_rule, changes, of_row,
    },
    routes::{Operation, Routes},
};

/// How many samples are deleted at a time.
const PIECE: i64 = 200;

/// The routes of consent. Who may read a clone may say so of their own; nobody says it for another.
pub fn routes() -> Routes {
    let action = |action: &str, text: &str| {
        Operation::post(format!("/v1/clones/{{id}}/{action}"), read(Area::Clone), text).gives(of_row(&TABLE))
    };
    Routes::new().add(action("consent", "the imitated person agrees, signed in"), consent).add(
        action(
            "withdraw-consent",
            "the imitated person agrees no more: the clone is archived and its samples are deleted",
        ),
        withdraw,
    )
}

/// The imitated person, if it is the caller.
fn subject(caller: &Caller, clone: &Map<String, Value>) -> Result<Uuid, ApiError> {
    let person = caller.require_person()?;
    if clone.get("subject_user_id") == Some(&json!(person)) {
        return Ok(person);
    }
    let detail = "only the person whom the clone imitates says this";
    Err(ApiError::refused(axum::http::StatusCode::FORBIDDEN, "not_the_subject", detail))
}

async fn consent(State(api): State<Api>, caller: Caller, Id(id): Id<Uuid>) -> Result<Answer, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let before = rows::lock(&mut tx, &caller.scope, &TABLE, at(id)).await?.ok_or(ApiError::NotFound)?;
    let clone = fields(&before)?;
    let person = subject(&caller, &clone)?;
    if clone.get("consent_at").is_some_and(|given| !given.is_null()) {
        return Ok(answer(before));
    }
    let mut change = set([("consent_at", json!(api.clock.now())), ("consent_by", json!(person))]);
    if clone.get("status") == Some(&json!("archived")) {
        // It was archived when the consent was withdrawn, and begins anew.
        change.insert("status".to_owned(), json!("draft"));
    }
    let row = rows::update(&mut tx, &caller.scope, &TABLE, at(id), change)
        .await
        .map_err(|error| broken_rule(&TABLE, error))?
        .ok_or(ApiError::NotFound)?;
    changes::note(&api, &mut tx, &caller, &TABLE, "consented", Some(&before), Some(&row)).await?;
    tx.commit().await?;
    Ok(answer(row))
}

async fn withdraw(State(api): State<Api>, caller: Caller, Id(id): Id<Uuid>) -> Result<Answer, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let before = rows::lock(&mut tx, &caller.scope, &TABLE, at(id)).await?.ok_or(ApiError::NotFound)?;
    subject(&caller, &fields(&before)?)?;
    loop {
        let query = Query { parent: Some(id), fetch: PIECE, ..Query::default() };
        let samples = rows::list(&mut tx, &caller.scope, &clone_training_data::TABLE, &query).await?;
        if samples.is_empty() {
            break;
        }
        for sample in samples {
            rows::delete(&mut tx, &caller.scope, &clone_training_data::TABLE, at(sample.id)).await?;
        }
    }
    let change = set([
        ("status", json!("archived")),
        ("consent_at", Value::Null),
        ("consent_by", Value::Null),
        ("sample_count", json!(0)),
    ]);
    let row = rows::update(&mut tx, &caller.scope, &TABLE, at(id), change)
        .await
        .map_err(|error| broken_rule(&TABLE, error))?
        .ok_or(ApiError::NotFound)?;
    changes::note(&api, &mut tx, &caller, &TABLE, "consent_withdrawn", Some(&before), Some(&row)).await?;
    tx.commit().await?;
    Ok(answer(row))
}
