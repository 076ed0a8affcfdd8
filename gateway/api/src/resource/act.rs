//! An action on one row: hold it, change it, note it, answer with it.

use botbuilder_store::table::{
    Table, Write,
    rows::{self, Place, Row},
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{Answer, answer, broken_rule, changes::note};
use crate::{Api, auth::Caller, error::ApiError};

/// Changes one row in a transaction of its own. `change` says from the row's fields what becomes of them, or refuses.
pub async fn act(
    api: &Api,
    caller: &Caller,
    table: &'static Table,
    place: Place,
    verb: &str,
    change: impl FnOnce(&Map<String, Value>) -> Result<Map<String, Value>, ApiError>,
) -> Result<Answer, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let before = rows::lock(&mut tx, &caller.scope, table, place).await?.ok_or(ApiError::NotFound)?;
    let change = change(&fields(&before)?)?;
    let row = rows::update(&mut tx, &caller.scope, table, place, change)
        .await
        .map_err(|error| broken_rule(table, error))?
        .ok_or(ApiError::NotFound)?;
    note(api, &mut tx, caller, table, verb, Some(&before), Some(&row)).await?;
    tx.commit().await?;
    Ok(answer(row))
}

/// The fields of a row.
pub fn fields(row: &Row) -> Result<Map<String, Value>, ApiError> {
    serde_json::from_str(&row.json).map_err(ApiError::defect)
}

/// The place of a row that its id alone names.
pub const fn at(id: Uuid) -> Place {
    Place { parent: None, id }
}

/// Fields with their values.
pub fn set<const N: usize>(fields: [(&str, Value); N]) -> Map<String, Value> {
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The fields of a row that a new one of its kind takes, for a second one like it.
pub fn copied(table: &Table, row: &Map<String, Value>) -> Map<String, Value> {
    let taken = |name: &str| table.column(name).is_some_and(|column| column.write != Write::Never);
    let fields = row.iter().filter(|(name, value)| taken(name) && !value.is_null());
    fields.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Refuses what is done in this state; `from` are those in which it can be done.
pub fn require_state(row: &Map<String, Value>, column: &str, from: &[&str]) -> Result<(), ApiError> {
    let state = row.get(column).and_then(Value::as_str).unwrap_or_default();
    if from.contains(&state) {
        return Ok(());
    }
    let detail = format!("it is {state}; this can be done when it is {}", from.join(" or "));
    Err(ApiError::conflict("wrong_state", detail).with(json!({ "state": state })))
}

/// A list of texts with some added and some taken away; the order stays.
pub fn retagged(before: Option<&Value>, add: &[String], remove: &[String]) -> Vec<String> {
    let mut tags: Vec<String> = before
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|tag| tag.as_str().map(str::to_owned))
        .filter(|tag| !remove.contains(tag))
        .collect();
    for tag in add {
        if !tags.contains(tag) {
            tags.push(tag.clone());
        }
    }
    tags
}
