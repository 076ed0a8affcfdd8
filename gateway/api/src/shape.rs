//! JSON schemas of small bodies, from a list of their fields.

use serde_json::{Map, Value, json};

/// An object of exactly these fields. A type is `string`, `email`, `uuid`, `time`, `url`, `boolean`, `integer`,
/// `object`, `strings` or `uuids`; one that ends with `?` may be left out or null, but for lists, of which only those that end
/// with `?null` may be null.
pub fn object(fields: &[(&str, &str)]) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for (name, kind) in fields {
        let (kind, rest) = kind.split_once('?').map_or((*kind, None), |(kind, rest)| (kind, Some(rest)));
        let mut schema = of_kind(kind);
        if rest == Some("null") || (rest.is_some() && schema["type"] != "array") {
            schema["type"] = json!([schema["type"], "null"]);
        }
        if rest.is_none() {
            required.push(*name);
        }
        properties.insert((*name).to_owned(), schema);
    }
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

fn of_kind(kind: &str) -> Value {
    match kind {
        "email" => json!({ "type": "string", "format": "email", "maxLength": 254 }),
        "uuid" => json!({ "type": "string", "format": "uuid" }),
        "time" => json!({ "type": "string", "format": "date-time" }),
        "url" => json!({ "type": "string", "format": "uri", "maxLength": 2048 }),
        "password" => json!({ "type": "string", "format": "password", "minLength": 8, "maxLength": 256 }),
        "strings" => json!({ "type": "array", "items": { "type": "string" } }),
        "uuids" => json!({ "type": "array", "items": { "type": "string", "format": "uuid" } }),
        other => json!({ "type": other }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_left_out_is_not_required() {
        let fields =
            [("email", "email"), ("title", "string?null"), ("note", "string?"), ("scopes", "strings?")];
        let schema = object(&fields);
        assert_eq!(schema["required"], json!(["email"]));
        assert_eq!(schema["properties"]["title"]["type"], json!(["string", "null"]));
        assert_eq!(schema["properties"]["note"]["type"], json!(["string", "null"]));
        assert_eq!(schema["properties"]["scopes"]["type"], "array");
        assert_eq!(schema["properties"]["scopes"]["items"]["type"], "string");
    }
}
