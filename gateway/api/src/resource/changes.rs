//! What a change of a plain resource leaves in the audit log, in the change's own transaction.

use botbuilder_store::{
    Tx,
    audit::audit_logs::Act,
    table::{Table, rows::Row},
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{Api, auth::Caller, error::ApiError};

/// The longest value that an entry keeps; of a longer one only its length, in bytes.
const MOST: usize = 4 * 1024;
/// Fields that change by themselves.
const OWN: [&str; 2] = ["updated_at", "lock_version"];

/// Notes that a row was made, changed or deleted: only what differs, and nothing long.
pub async fn note(
    api: &Api,
    tx: &mut Tx,
    caller: &Caller,
    table: &Table,
    verb: &str,
    before: Option<&Row>,
    after: Option<&Row>,
) -> Result<(), ApiError> {
    caller.audit(api, tx, act(table, verb, before, after)?).await
}

/// What is noted of a row that was made, changed or deleted.
pub(crate) fn act(
    table: &Table,
    verb: &str,
    before: Option<&Row>,
    after: Option<&Row>,
) -> Result<Act, ApiError> {
    let id: Option<Uuid> = after.or(before).map(|row| row.id);
    let (before, after) = (fields(before)?, fields(after)?);
    Ok(Act::new(format!("{}.{verb}", table.name), table.name, id)
        .old(difference(before.as_ref(), after.as_ref()))
        .new_values(difference(after.as_ref(), before.as_ref())))
}

fn fields(row: Option<&Row>) -> Result<Option<Map<String, Value>>, ApiError> {
    row.map(|row| serde_json::from_str(&row.json).map_err(ApiError::defect)).transpose()
}

/// The fields of one side that the other has not, or has with another value.
fn difference(
    one: Option<&Map<String, Value>>,
    other: Option<&Map<String, Value>>,
) -> Option<Map<String, Value>> {
    let differs = |name: &str, value: &Value| {
        !OWN.contains(&name) && other.is_none_or(|other| other.get(name) != Some(value))
    };
    let differing = one?.iter().filter(|(name, value)| differs(name, value));
    Some(differing.map(|(name, value)| (name.clone(), shortened(value))).collect())
}

fn shortened(value: &Value) -> Value {
    let length = value.to_string().len();
    if length > MOST { json!({ "omitted_bytes": length }) } else { value.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_kept_and_nothing_long() {
        let before = json!({ "id": 1, "name": "a", "lock_version": 1, "body": "short" });
        let after = json!({ "id": 1, "name": "b", "lock_version": 2, "body": "x".repeat(5000) });
        let old = difference(before.as_object(), after.as_object());
        let new = difference(after.as_object(), before.as_object());
        assert_eq!(old.map(Value::Object), Some(json!({ "name": "a", "body": "short" })));
        assert_eq!(new.map(Value::Object), Some(json!({ "name": "b", "body": { "omitted_bytes": 5002 } })));
    }
}
