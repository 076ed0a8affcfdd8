//! What belongs to an orchestration beside its own row, as its versions hold it: its transitions and variables.

use botbuilder_flow::orchestration::Trigger;
use botbuilder_store::{
    Tx,
    bots::{flow_transitions, flow_variables},
    table::{
        Table, Write,
        rows::{self, Place, Query},
    },
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    resource::{Mode, act::fields, broken_rule, check},
};

/// Most rows of each kind.
const MOST: i64 = 1_000;
/// The parts, by their names in a version.
static PARTS: [(&str, &Table); 2] =
    [("transitions", &flow_transitions::TABLE), ("variables", &flow_variables::OF_ORCHESTRATION)];

/// Its transitions and variables, in the order they were made.
pub(super) async fn parts(tx: &mut Tx, caller: &Caller, id: Uuid) -> Result<Map<String, Value>, ApiError> {
    let mut parts = Map::new();
    for (name, table) in PARTS {
        let query = Query { parent: Some(id), fetch: MOST, ..Query::default() };
        let mut held = Vec::new();
        for row in rows::list(tx, &caller.scope, table, &query).await? {
            let mut row = fields(&row)?;
            row.retain(|name, value| (name == "id" || is_written(table, name)) && !value.is_null());
            held.push(Value::Object(row));
        }
        parts.insert(name.to_owned(), Value::Array(held));
    }
    Ok(parts)
}

/// Whether a column holds what people write.
fn is_written(table: &Table, name: &str) -> bool {
    table.column(name).is_some_and(|column| column.write != Write::Never)
}

/// Makes its transitions and variables what they are in a version. One that was written before versions had them leaves
/// them as they are.
pub(super) async fn restore(
    api: &Api,
    tx: &mut Tx,
    caller: &Caller,
    id: Uuid,
    data: &Map<String, Value>,
) -> Result<(), ApiError> {
    for (name, table) in PARTS {
        let Some(held) = data.get(name).and_then(Value::as_array) else { continue };
        let query = Query { parent: Some(id), fetch: MOST, ..Query::default() };
        for row in rows::list(tx, &caller.scope, table, &query).await? {
            rows::delete(tx, &caller.scope, table, Place { parent: Some(id), id: row.id }).await?;
        }
        for (number, row) in held.iter().enumerate() {
            let within = |detail: String| ApiError::invalid(format!("{name}[{number}]"), detail);
            let mut values =
                row.as_object().cloned().ok_or_else(|| within("must be an object".to_owned()))?;
            let own = values.remove("id").and_then(|id| id.as_str()?.parse::<Uuid>().ok());
            check(table, &values, Mode::Create, &["orchestration_id"])?;
            if let Some(kind) = values.get("trigger_type").and_then(Value::as_str) {
                let value = values.get("trigger_value").cloned().unwrap_or_else(|| json!({}));
                Trigger::read(kind, &value).map_err(within)?;
            }
            values.insert("orchestration_id".to_owned(), json!(id));
            let own = own.unwrap_or_else(|| api.ids.next());
            rows::insert(tx, &caller.scope, table, own, values)
                .await
                .map_err(|error| broken_rule(table, error))?;
        }
    }
    Ok(())
}
