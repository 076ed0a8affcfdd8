//! Examples of what makes a new thing, out of the schemas of bodies: the least that is taken. What refers to something
//! else by an id has none: there is no id that everybody has.

use serde_json::{Map, Value, json};

use crate::routes::Operation;

/// Names of fields whose values are words of ours, or have a form that their schema does not tell.
fn by_name(name: &str) -> Option<Value> {
    Some(match name {
        "country" => json!("DE"),
        "domain" => json!("example.org"),
        "permissions" | "scopes" => json!(["bot:read"]),
        "version" => json!("1.0.0"),
        _ => return None,
    })
}

/// What a schema does not tell: rules that stand between fields.
fn by_address(path: &str) -> Option<Value> {
    Some(match path {
        "/v1/channels" => json!({ "type": "telegram", "name": "Example" }),
        "/v1/experiments" => json!({
            "name": "Example", "target_type": "message", "goal_event": "order",
            "variants": [
                { "key": "a", "name": "A", "weight_bp": 5000, "is_control": true },
                { "key": "b", "name": "B", "weight_bp": 5000, "is_control": false },
            ],
        }),
        "/v1/tools" => json!({ "name": "example", "description": "adds numbers", "kind": "calculator" }),
        _ => return None,
    })
}

/// Texts that fit the patterns of columns.
const FITTING: [&str; 7] =
    ["example", "Example", "EUR", "#336699", "+4930123456", "https://example.org/", "ada@example.org"];

/// The example of an operation that makes something new.
pub(super) fn of(operation: &Operation) -> Option<Value> {
    // What lies below something else has none yet.
    if operation.status != 201 || !operation.accepts("application/json") || operation.path.contains('{') {
        return None;
    }
    by_address(&operation.path).or_else(|| object(operation.request.as_ref()?))
}

/// An object with what is required.
fn object(schema: &Value) -> Option<Value> {
    let properties = schema.get("properties").and_then(Value::as_object)?;
    let required = schema.get("required").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let names = required.iter().filter_map(Value::as_str);
    let fields = names.map(|name| Some((name.to_owned(), value(name, properties.get(name)?)?)));
    Some(Value::Object(fields.collect::<Option<Map<String, Value>>>()?))
}

fn value(name: &str, schema: &Value) -> Option<Value> {
    if let Some(words) = schema.get("enum").and_then(Value::as_array) {
        return words.first().cloned();
    }
    let kind = match schema.get("type")? {
        Value::Array(kinds) => kinds.first()?.as_str()?,
        kind => kind.as_str()?,
    };
    let number = |word: &str| schema.get(word).and_then(Value::as_f64);
    match kind {
        "string" => text(name, schema),
        "array" => {
            by_name(name).or_else(|| number("minItems").is_none_or(|least| least <= 0.0).then(|| json!([])))
        }
        "object" => object(schema).or_else(|| Some(json!({}))),
        "boolean" => Some(json!(true)),
        "integer" | "number" => Some(schema.get("minimum").cloned().unwrap_or_else(|| json!(1))),
        _ => None,
    }
}

fn text(name: &str, schema: &Value) -> Option<Value> {
    match schema.get("format").and_then(Value::as_str) {
        Some("email") => return Some(json!("ada@example.org")),
        Some("uri") => return Some(json!("https://example.org/")),
        Some("date-time") => return Some(json!("2026-11-23T09:00:00Z")),
        Some("date") => return Some(json!("2026-11-23")),
        Some(_) => return None,
        None => {}
    }
    if let Some(known) = by_name(name) {
        return Some(known);
    }
    let Some(pattern) = schema.get("pattern").and_then(Value::as_str) else { return Some(json!("Example")) };
    let pattern = regex::Regex::new(pattern).ok()?;
    FITTING.iter().find(|text| pattern.is_match(text)).map(|text| json!(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_has_what_is_required_and_no_more() {
        let schema = json!({
            "type": "object",
            "properties": {
                "name": { "type": "string" }, "slug": { "type": "string", "pattern": "^[a-z]+$" },
                "kind": { "enum": ["a", "b"] }, "rating": { "type": "integer", "minimum": 1 },
                "config": { "type": "object", "properties": { "url": { "type": "string", "format": "uri" } }, "required": ["url"] },
                "scopes": { "type": "array" }, "note": { "type": "string" },
            },
            "required": ["name", "slug", "kind", "rating", "config", "scopes"],
        });
        let expected = json!({
            "name": "Example", "slug": "example", "kind": "a", "rating": 1,
            "config": { "url": "https://example.org/" }, "scopes": ["bot:read"],
        });
        assert_eq!(object(&schema), Some(expected));
        let refers =
            json!({ "properties": { "id": { "type": "string", "format": "uuid" } }, "required": ["id"] });
        assert_eq!(object(&refers), None);
    }
}
