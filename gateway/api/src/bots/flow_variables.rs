//! `/v1/flows/{flow_id}/variables` and `/v1/orchestrations/{orchestration_id}/variables`: one table, two parents. Those of a
//! flow are declared as if its definition named them ([`declared`]).

use std::pin::Pin;

use botbuilder_flow::{Value as Held, definition::VariableType, variable::Validation};
use botbuilder_store::{
    Tx,
    bots::flow_variables::{OF_FLOW, OF_ORCHESTRATION},
    table::rows::{self, Query},
};
use serde::Deserialize as _;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{
    auth::Caller,
    error::ApiError,
    permission::Area,
    resource::{Resource, Writing, act::fields},
    routes::Routes,
};

/// Most variables of a flow.
const MOST: i64 = 1_000;

/// The routes of this resource.
pub fn routes() -> Routes {
    let of_flow = Resource::new(&OF_FLOW, "variable of a flow", Area::Flow, "/v1/flows/{flow_id}/variables");
    let path = "/v1/orchestrations/{orchestration_id}/variables";
    let of_orchestration = Resource::new(&OF_ORCHESTRATION, "variable of an orchestration", Area::Flow, path);
    let of_flow = of_flow.full().completed(sensible).routes();
    of_flow.merge(of_orchestration.full().completed(sensible).routes())
}

/// Refuses rules that make no sense for the type, a default that breaks them, and what cannot be done with a secret.
fn sensible(writing: Writing<'_>) -> Pin<Box<dyn Future<Output = Result<(), ApiError>> + Send + '_>> {
    Box::pin(async move {
        let Writing { before, values, .. } = writing;
        let before = before.map(fields).transpose()?.unwrap_or_default();
        let of = |name: &str| values.get(name).or_else(|| before.get(name)).unwrap_or(&Value::Null);
        let kind = match of("value_type") {
            Value::Null => VariableType::default(),
            kind => VariableType::deserialize(kind).map_err(ApiError::defect)?,
        };
        let rules = match of("validation") {
            Value::Null => Validation::default(),
            rules => Validation::read(rules, kind).map_err(|error| ApiError::invalid("validation", error))?,
        };
        let default = Held::from_json(of("default_value")).and_then(|default| kind.hold(default));
        match default {
            None => return Err(ApiError::invalid("default_value", "must be of the variable's type")),
            Some(default) if !rules.is_kept_by(&default) => {
                return Err(ApiError::invalid("default_value", "must keep to `validation`"));
            }
            Some(_) => {}
        }
        let scope = of("scope").as_str().unwrap_or("session");
        if !of("flow_id").is_null() && scope != "session" {
            let detail =
                "must be session for a variable of a flow; those of an orchestration have the others";
            return Err(ApiError::invalid("scope", detail));
        }
        if *of("is_secret") == json!(true) && scope == "contact" {
            return Err(ApiError::invalid(
                "scope",
                "must not be contact for a secret, which is kept nowhere",
            ));
        }
        Ok(())
    })
}

/// A definition with the variables of its flow that it does not declare itself.
pub(crate) async fn declared(
    tx: &mut Tx,
    caller: &Caller,
    flow: Uuid,
    definition: &Value,
) -> Result<Value, ApiError> {
    let query = Query { parent: Some(flow), fetch: MOST, ..Query::default() };
    let rows = rows::list(tx, &caller.scope, &OF_FLOW, &query).await?;
    let rows: Vec<Map<String, Value>> = rows.iter().map(fields).collect::<Result<_, _>>()?;
    Ok(with_rows(definition, rows))
}

fn with_rows(definition: &Value, rows: Vec<Map<String, Value>>) -> Value {
    let mut whole = definition.clone();
    let Some(parts) = whole.as_object_mut().filter(|_| !rows.is_empty()) else { return whole };
    let list = parts.entry("variables").or_insert_with(|| json!([]));
    // What is no list is said to be none where the definition is read.
    let Some(list) = list.as_array_mut() else { return whole };
    for row in rows {
        let of = |name: &str| row.get(name).cloned().unwrap_or_default();
        if list.iter().any(|known| known["name"] == of("name")) {
            continue;
        }
        list.push(json!({
            "name": of("name"),
            "type": of("value_type"),
            "default": of("default_value"),
            "secret": of("is_secret"),
            "required": of("is_required"),
            "validation": of("validation"),
            "description": of("description"),
        }));
    }
    whole
}

#[cfg(test)]
mod tests {
    use botbuilder_flow::Flow;

    use super::*;

    #[test]
    fn what_a_definition_does_not_declare_is_taken_from_the_rows() {
        let row = |name: &str, kind: &str| {
            let Value::Object(row) = json!({
                "name": name, "value_type": kind, "default_value": null, "is_secret": false, "is_required": true,
                "validation": {}, "description": null,
            }) else {
                unreachable!()
            };
            row
        };
        let definition = json!({
            "schema": 1,
            "nodes": [{ "id": "start", "type": "start" }, { "id": "end", "type": "end" }],
            "edges": [{ "source": "start", "target": "end" }],
            "variables": [{ "name": "size", "type": "number" }],
        });
        let whole = with_rows(&definition, vec![row("size", "string"), row("color", "string")]);
        let flow = Flow::strict(&whole).expect("a flow");
        assert_eq!(flow.variables().collect::<Vec<_>>(), ["color", "size"]);
        assert_eq!(flow.required().collect::<Vec<_>>(), ["color"]);
        assert_eq!(whole["variables"][0], json!({ "name": "size", "type": "number" }));
        assert_eq!(with_rows(&definition, Vec::new()), definition);
    }
}
