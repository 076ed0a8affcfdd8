//! Many new rows in one call: all are checked before one is written, and those that are there already stay.

use botbuilder_store::{
    Tx,
    audit::audit_logs::Act,
    table::{
        Table,
        rows::{self, Row},
    },
};
use serde_json::{Map, Value, json};

use super::{Mode, broken_rule, check};
use crate::{
    Api,
    auth::Caller,
    error::{ApiError, FieldError},
};

/// Most rows of one call.
pub const MOST: usize = 1_000;

/// The rows of a call, under the name of the field that holds them.
pub struct Given {
    /// The field.
    pub field: &'static str,
    /// What it holds.
    pub rows: Vec<Map<String, Value>>,
}

/// The JSON schema of a body that holds such rows.
pub fn schema(field: &str, row: &Value, most: usize) -> Value {
    json!({
        "type": "object",
        "properties": { field: { "type": "array", "items": row, "maxItems": most } },
        "required": [field],
        "additionalProperties": false,
    })
}

/// Checks new rows, each as one made alone, and completes them; names every fault of every row. `given` are columns that
/// come from elsewhere.
pub fn checked(
    table: &Table,
    Given { field, rows }: Given,
    most: usize,
    given: &[&str],
    complete: impl Fn(&mut Map<String, Value>) -> Result<(), ApiError>,
) -> Result<Vec<Map<String, Value>>, ApiError> {
    if rows.len() > most {
        return Err(ApiError::invalid(field, format!("must have at most {most} entries")));
    }
    let (mut fine, mut faults) = (Vec::new(), Vec::new());
    for (index, mut row) in rows.into_iter().enumerate() {
        let done = check(table, &row, Mode::Create, given).and_then(|()| {
            row.retain(|_, value| !value.is_null());
            complete(&mut row)
        });
        match done {
            Ok(()) => fine.push(row),
            Err(ApiError::Invalid(found)) => faults.extend(found.into_iter().map(|fault| FieldError {
                field: format!("{field}[{index}].{}", fault.field).into(),
                detail: fault.detail,
            })),
            Err(other) => return Err(other),
        }
    }
    if faults.is_empty() { Ok(fine) } else { Err(ApiError::Invalid(faults)) }
}

/// Writes rows that were checked; the answer has those that are new.
pub async fn insert(
    api: &Api,
    tx: &mut Tx,
    caller: &Caller,
    table: &'static Table,
    values: Vec<Map<String, Value>>,
) -> Result<Vec<Row>, ApiError> {
    let asked = values.len();
    let mut new = Vec::new();
    for values in values {
        let row = rows::insert_new(tx, &caller.scope, table, api.ids.next(), values).await;
        new.extend(row.map_err(|error| broken_rule(table, error))?);
    }
    let act = Act::new(format!("{}.bulk_created", table.name), table.name, None);
    let counted = json!({ "created": new.len(), "already_there": asked.saturating_sub(new.len()) });
    caller.audit(api, tx, act.metadata(counted)).await?;
    Ok(new)
}
