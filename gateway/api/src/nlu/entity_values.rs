//! `/v1/entities/{entity_id}/values`.

use axum::{Json, extract::State};
use botbuilder_store::{
    nlu::{entities, entity_values::TABLE},
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
        Mode, Resource,
        bulk::{self, Given},
        of_input,
    },
    routes::{DEFINITION_LIMIT, Operation, Routes},
    shape,
};

const PATH: &str = "/v1/entities/{entity_id}/values";

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "entity value", Area::Nlu, PATH).full().routes().add(
        Operation::post(
            format!("{PATH}/bulk"),
            write(Area::Nlu),
            "makes many values; those that are there stay",
        )
        .takes(bulk::schema("values", &of_input(&TABLE, Mode::Create), bulk::MOST))
        .gives(shape::object(&[("created", "integer"), ("already_there", "integer")]))
        .up_to(DEFINITION_LIMIT),
        many,
    )
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Many {
    values: Vec<Map<String, Value>>,
}

async fn many(
    State(api): State<Api>,
    caller: Caller,
    Id(entity): Id<Uuid>,
    Body(Many { values }): Body<Many>,
) -> Result<Json<Value>, ApiError> {
    let given = Given { field: "values", rows: values };
    let values = bulk::checked(&TABLE, given, bulk::MOST, &["entity_id"], |row| {
        row.insert("entity_id".to_owned(), json!(entity));
        Ok(())
    })?;
    let asked = values.len();
    let mut tx = api.store.begin(&caller.scope).await?;
    if !rows::exists(&mut tx, &caller.scope, &entities::TABLE, entity).await? {
        return Err(ApiError::NotFound);
    }
    let new = bulk::insert(&api, &mut tx, &caller, &TABLE, values).await?.len();
    tx.commit().await?;
    Ok(Json(json!({ "data": { "created": new, "already_there": asked.saturating_sub(new) } })))
}
