//! `/v1/clones/{clone_id}/samples`.

use axum::{Json, extract::State};
use botbuilder_store::{
    clones::{clone_training_data::TABLE, work_clones},
    table::rows,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    input::{Body, Id},
    permission::{Area, write},
    resource::{
        Mode, Resource, Transition,
        bulk::{self, Given},
        digest, of_input,
    },
    routes::{DEFINITION_LIMIT, Operation, Routes},
    shape,
};

const PATH: &str = "/v1/clones/{clone_id}/samples";

/// The routes of this resource.
pub fn routes() -> Routes {
    let read: &[&str] = &["pending", "processed", "rejected"];
    Resource::new(&TABLE, "sample", Area::Clone, PATH)
        .full()
        .prepared(digested)
        .moving(Transition::new("approve", read, "approved"))
        .moving(Transition::new("reject", &["pending", "processed", "approved"], "rejected"))
        .routes()
        .add(
            Operation::post(
                format!("{PATH}/bulk"),
                write(Area::Clone),
                "keeps many samples; texts that are there already stay as they are",
            )
            .takes(bulk::schema("samples", &of_input(&TABLE, Mode::Create), bulk::MOST))
            .gives(shape::object(&[("created", "integer"), ("already_there", "integer")]))
            .up_to(4 * DEFINITION_LIMIT),
            many,
        )
}

/// A sample is kept with the digest of its text, so that it is there once.
#[expect(clippy::unnecessary_wraps, reason = "the form that resources ask for")]
fn digested(values: &mut Map<String, Value>, _: Mode) -> Result<(), ApiError> {
    if let Some(content) = values.get("content").and_then(Value::as_str) {
        values.insert("content_hash".to_owned(), json!(digest(content)));
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Many {
    samples: Vec<Map<String, Value>>,
}

async fn many(
    State(api): State<Api>,
    caller: Caller,
    Id(clone): Id<Uuid>,
    Body(Many { samples }): Body<Many>,
) -> Result<Json<Value>, ApiError> {
    let given = Given { field: "samples", rows: samples };
    let samples = bulk::checked(&TABLE, given, bulk::MOST, &["clone_id"], |row| {
        row.insert("clone_id".to_owned(), json!(clone));
        row.insert("created_by".to_owned(), json!(caller.user()));
        digested(row, Mode::Create)
    })?;
    let asked = samples.len();
    let mut tx = api.store.begin(&caller.scope).await?;
    if !rows::exists(&mut tx, &caller.scope, &work_clones::TABLE, clone).await? {
        return Err(ApiError::NotFound);
    }
    let new = bulk::insert(&api, &mut tx, &caller, &TABLE, samples).await?.len();
    tx.commit().await?;
    Ok(Json(json!({ "data": { "created": new, "already_there": asked.saturating_sub(new) } })))
}
