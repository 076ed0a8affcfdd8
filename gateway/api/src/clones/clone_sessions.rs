//! `/v1/clones/{clone_id}/sessions`.

use axum::extract::State;
use botbuilder_store::{
    clones::{clone_sessions::TABLE, work_clones},
    table::rows::{self, Place},
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    input::{Body, Id},
    permission::{Area, write},
    resource::{
        Answer, Mode, Resource,
        act::{act, set},
        broken_rule, changes, check, created, of_input, of_row,
    },
    routes::{Operation, Routes},
};

const PATH: &str = "/v1/clones/{clone_id}/sessions";

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "clone session", Area::Clone, PATH)
        .log()
        .routes()
        .add(
            Operation::post(PATH, write(Area::Clone), "begins to work with a clone")
                .answers(201)
                .takes(of_input(&TABLE, Mode::Create))
                .gives(of_row(&TABLE)),
            create,
        )
        .add(
            Operation::post(format!("{PATH}/{{id}}/end"), write(Area::Clone), "ends the work with a clone")
                .gives(of_row(&TABLE)),
            end,
        )
}

async fn create(
    State(api): State<Api>,
    caller: Caller,
    Id(clone): Id<Uuid>,
    Body(mut values): Body<Map<String, Value>>,
) -> Result<Answer, ApiError> {
    check(&TABLE, &values, Mode::Create, &["clone_id"])?;
    values.retain(|_, value| !value.is_null());
    values.insert("clone_id".to_owned(), json!(clone));
    values.insert("user_id".to_owned(), json!(caller.user()));
    let mut tx = api.store.begin(&caller.scope).await?;
    if !rows::exists(&mut tx, &caller.scope, &work_clones::TABLE, clone).await? {
        return Err(ApiError::NotFound);
    }
    let row = rows::insert(&mut tx, &caller.scope, &TABLE, api.ids.next(), values)
        .await
        .map_err(|error| broken_rule(&TABLE, error))?;
    changes::note(&api, &mut tx, &caller, &TABLE, "created", None, Some(&row)).await?;
    tx.commit().await?;
    Ok(created(row, &format!("/v1/clones/{clone}/sessions")))
}

async fn end(
    State(api): State<Api>,
    caller: Caller,
    Id((clone, id)): Id<(Uuid, Uuid)>,
) -> Result<Answer, ApiError> {
    let now = api.clock.now();
    act(&api, &caller, &TABLE, Place { parent: Some(clone), id }, "ended", |before| {
        // It is over already: a repeat is no error.
        let is_over = before.get("ended_at").is_some_and(|ended| !ended.is_null());
        Ok(if is_over { Map::new() } else { set([("ended_at", json!(now))]) })
    })
    .await
}
