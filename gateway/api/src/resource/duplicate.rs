//! `POST {path}/{id}/duplicate`: a second row like one there is, under another name and at its beginning.

use axum::extract::State;
use botbuilder_store::table::{Table, rows};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{
    Answer, Mode,
    act::{at, copied, fields},
    broken_rule, changes, check, created, of_row,
};
use crate::{
    Api,
    auth::Caller,
    billing::limits,
    error::ApiError,
    input::{Body, Id},
    permission::Permission,
    routes::{Operation, Routes},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    name: String,
}

/// Adds it for a table whose rows have a name. `prepare` gives the new row what is its own.
pub fn duplicable(
    routes: Routes,
    table: &'static Table,
    path: &'static str,
    may: Permission,
    prepare: fn(&mut Map<String, Value>) -> Result<(), ApiError>,
) -> Routes {
    let operation =
        Operation::post(format!("{path}/{{id}}/duplicate"), may, "makes a second one like it, as a draft")
            .answers(201)
            .takes(json!({
                "type": "object",
                "properties": { "name": { "type": "string", "minLength": 1, "maxLength": 120 } },
                "required": ["name"],
                "additionalProperties": false,
            }))
            .gives(of_row(table));
    routes.add(
        operation,
        async move |State(api): State<Api>, caller: Caller, Id(id): Id<Uuid>, Body(named): Body<Named>| {
            duplicate(&api, &caller, table, path, id, named, prepare).await
        },
    )
}

async fn duplicate(
    api: &Api,
    caller: &Caller,
    table: &'static Table,
    path: &str,
    id: Uuid,
    Named { name }: Named,
    prepare: fn(&mut Map<String, Value>) -> Result<(), ApiError>,
) -> Result<Answer, ApiError> {
    if name.is_empty() {
        return Err(ApiError::invalid("name", "must not be empty"));
    }
    let mut tx = api.store.begin(&caller.scope).await?;
    let row = rows::get(&mut tx, &caller.scope, table, at(id), None).await?.ok_or(ApiError::NotFound)?;
    let mut values = copied(table, &fields(&row)?);
    values.insert("name".to_owned(), json!(name));
    check(table, &values, Mode::Create, &[])?;
    prepare(&mut values)?;
    if let Some(user) = caller.user().filter(|_| table.has("created_by")) {
        values.insert("created_by".to_owned(), json!(user));
    }
    limits::room_for(&mut tx, &caller.scope, table).await?;
    let row = rows::insert(&mut tx, &caller.scope, table, api.ids.next(), values)
        .await
        .map_err(|error| broken_rule(table, error))?;
    changes::note(api, &mut tx, caller, table, "duplicated", None, Some(&row)).await?;
    tx.commit().await?;
    Ok(created(row, path))
}
