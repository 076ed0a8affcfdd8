//! What a plugin's settings may be: the `settings_schema` of a release's manifest, in a part of JSON Schema that can be
//! checked whole. A word that is not part of it is refused when the release is made, so that no rule is passed over later.

use regex::RegexBuilder;
use serde_json::{Map, Value};

use crate::error::{ApiError, FieldError};

/// Words that say what a value must be.
const RULES: [&str; 14] = [
    "type",
    "enum",
    "const",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "minItems",
    "maxItems",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "pattern",
];
/// Words for people and forms, which allow and forbid nothing.
const NOTES: [&str; 8] =
    ["title", "description", "default", "examples", "format", "$schema", "$comment", "writeOnly"];
const TYPES: [&str; 7] = ["null", "boolean", "object", "array", "number", "integer", "string"];
/// How deep a schema goes.
const DEPTH: usize = 16;
/// The largest automaton of a pattern, in bytes.
const PATTERN: usize = 1 << 18;

/// Every fault of a schema, below `field`.
pub fn faults_of_schema(schema: &Value, field: &str) -> Vec<FieldError> {
    let mut faults = Faults(Vec::new());
    schema_at(schema, field, DEPTH, &mut faults);
    faults.0
}

/// Refuses settings that a manifest does not allow. Without a schema there are no settings.
pub fn check(manifest: Option<&Value>, settings: &Map<String, Value>) -> Result<(), ApiError> {
    let faults = faults(manifest, settings);
    if faults.is_empty() { Ok(()) } else { Err(ApiError::Invalid(faults)) }
}

/// Every fault of settings.
pub fn faults(manifest: Option<&Value>, settings: &Map<String, Value>) -> Vec<FieldError> {
    let mut faults = Faults(Vec::new());
    match manifest.and_then(|manifest| manifest.get("settings_schema")) {
        Some(schema) => value_at(schema, &Value::Object(settings.clone()), "settings", &mut faults),
        None => {
            for name in settings.keys() {
                faults.add(&format!("settings.{name}"), "is not known; the plugin has no settings");
            }
        }
    }
    faults.0
}

struct Faults(Vec<FieldError>);

impl Faults {
    fn add(&mut self, field: &str, detail: impl Into<std::borrow::Cow<'static, str>>) {
        self.0.push(FieldError { field: field.to_owned().into(), detail: detail.into() });
    }
}

fn pattern(text: &str) -> Result<regex::Regex, regex::Error> {
    RegexBuilder::new(text).size_limit(PATTERN).build()
}

/// A word or a list of words.
fn words(value: &Value) -> Option<Vec<&str>> {
    match value {
        Value::String(word) => Some(vec![word]),
        Value::Array(words) => words.iter().map(Value::as_str).collect(),
        _ => None,
    }
}

fn schema_at(schema: &Value, field: &str, depth: usize, faults: &mut Faults) {
    let schema = match schema {
        Value::Bool(_) => return,
        Value::Object(schema) => schema,
        _ => return faults.add(field, "must be an object, true or false"),
    };
    if depth == 0 {
        return faults.add(field, format!("is more than {DEPTH} levels deep"));
    }
    for (word, value) in schema {
        let here = format!("{field}.{word}");
        let is_fine = match word.as_str() {
            "type" => {
                words(value).is_some_and(|types| !types.is_empty() && types.iter().all(|t| TYPES.contains(t)))
            }
            "enum" => value.is_array(),
            "required" => value.is_array() && words(value).is_some(),
            "minItems" | "maxItems" | "minLength" | "maxLength" => value.is_u64(),
            "minimum" | "maximum" => value.is_number(),
            "pattern" => value.as_str().is_some_and(|text| pattern(text).is_ok()),
            "properties" => match value.as_object() {
                Some(properties) => {
                    for (name, schema) in properties {
                        schema_at(schema, &format!("{here}.{name}"), depth - 1, faults);
                    }
                    true
                }
                None => false,
            },
            "items" | "additionalProperties" => {
                schema_at(value, &here, depth - 1, faults);
                true
            }
            word => {
                if word != "const" && !NOTES.contains(&word) {
                    faults.add(&here, format!("is not understood; rules are: {}", RULES.join(", ")));
                }
                true
            }
        };
        if !is_fine {
            faults.add(&here, "has a value of a wrong form");
        }
    }
}

fn is_of(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        // 1.0 is a whole number, as JSON Schema has it.
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        _ => false,
    }
}

fn value_at(schema: &Value, value: &Value, field: &str, faults: &mut Faults) {
    let schema = match schema {
        Value::Object(schema) => schema,
        Value::Bool(false) => return faults.add(field, "is not known"),
        _ => return,
    };
    if let Some(types) = schema.get("type").and_then(words)
        && !types.iter().any(|name| is_of(value, name))
    {
        return faults.add(field, format!("must be of type {}", types.join(" or ")));
    }
    if let Some(allowed) = schema.get("enum").and_then(Value::as_array)
        && !allowed.contains(value)
    {
        let allowed: Vec<String> = allowed.iter().map(Value::to_string).collect();
        faults.add(field, format!("must be one of: {}", allowed.join(", ")));
    }
    if let Some(only) = schema.get("const")
        && only != value
    {
        faults.add(field, format!("must be {only}"));
    }
    match value {
        Value::Object(members) => object_at(schema, members, field, faults),
        Value::Array(items) => {
            length_at(schema, ("minItems", "maxItems"), items.len(), "entries", field, faults);
            if let Some(each) = schema.get("items") {
                for (index, item) in items.iter().enumerate() {
                    value_at(each, item, &format!("{field}[{index}]"), faults);
                }
            }
        }
        Value::String(text) => {
            length_at(schema, ("minLength", "maxLength"), text.chars().count(), "characters", field, faults);
            let wanted = schema.get("pattern").and_then(Value::as_str);
            if let Some(wanted) = wanted
                && !pattern(wanted).is_ok_and(|pattern| pattern.is_match(text))
            {
                faults.add(field, format!("must fit {wanted}"));
            }
        }
        Value::Number(number) => {
            let number = number.as_f64().unwrap_or_default();
            let bound = |word| schema.get(word).and_then(Value::as_f64);
            if bound("minimum").is_some_and(|least| number < least) {
                faults.add(field, "is too small");
            }
            if bound("maximum").is_some_and(|most| number > most) {
                faults.add(field, "is too large");
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
}

fn object_at(schema: &Map<String, Value>, members: &Map<String, Value>, field: &str, faults: &mut Faults) {
    for name in schema.get("required").and_then(words).unwrap_or_default() {
        if !members.contains_key(name) {
            faults.add(&format!("{field}.{name}"), "must be there");
        }
    }
    let properties = schema.get("properties").and_then(Value::as_object);
    for (name, value) in members {
        let known = properties.and_then(|properties| properties.get(name));
        if let Some(schema) = known.or_else(|| schema.get("additionalProperties")) {
            value_at(schema, value, &format!("{field}.{name}"), faults);
        }
    }
}

/// Whether something of this length is neither too short nor too long.
fn length_at(
    schema: &Map<String, Value>,
    (least, most): (&str, &str),
    length: usize,
    of: &str,
    field: &str,
    faults: &mut Faults,
) {
    let bound = |word: &str| schema.get(word).and_then(Value::as_u64);
    let length = length as u64;
    if let Some(least) = bound(least).filter(|least| length < *least) {
        faults.add(field, format!("must have at least {least} {of}"));
    }
    if let Some(most) = bound(most).filter(|most| length > *most) {
        faults.add(field, format!("must have at most {most} {of}"));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn fields(faults: &[FieldError]) -> Vec<&str> {
        faults.iter().map(|fault| &*fault.field).collect()
    }

    fn found(schema: &Value, settings: Value) -> Vec<String> {
        let manifest = json!({ "settings_schema": schema });
        let Value::Object(settings) = settings else { panic!("settings are an object") };
        fields(&faults(Some(&manifest), &settings)).into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn settings_keep_to_their_schema() {
        let schema = json!({
            "type": "object",
            "properties": {
                "city": { "type": "string", "minLength": 2, "maxLength": 5, "pattern": "^[A-Z]" },
                "units": { "enum": ["c", "f"] },
                "days": { "type": "integer", "minimum": 1, "maximum": 7 },
                "names": { "type": "array", "maxItems": 2, "items": { "type": "string" } },
                "note": { "type": ["string", "null"] },
                "mode": { "const": "live" },
            },
            "required": ["city"],
            "additionalProperties": false,
        });
        assert_eq!(faults_of_schema(&schema, "s"), []);
        let fine = json!({ "city": "Oslo", "units": "c", "days": 7.0, "names": ["a"], "note": null, "mode": "live" });
        assert_eq!(found(&schema, fine), [""; 0]);
        assert_eq!(found(&schema, json!({})), ["settings.city"]);
        for (name, value, fault) in [
            ("city", json!("o"), "settings.city"),
            ("city", json!("Berlin"), "settings.city"),
            ("units", json!("k"), "settings.units"),
            ("days", json!(0), "settings.days"),
            ("days", json!(7.5), "settings.days"),
            ("names", json!(["a", 1]), "settings.names[1]"),
            ("names", json!(["a", "b", "c"]), "settings.names"),
            ("mode", json!("test"), "settings.mode"),
            ("town", json!("Oslo"), "settings.town"),
        ] {
            let mut settings = json!({ "city": "Oslo" });
            settings[name] = value;
            assert!(found(&schema, settings).contains(&fault.to_owned()), "{name}");
        }
    }

    #[test]
    fn without_a_schema_there_are_no_settings() {
        let settings = json!({ "a": 1 });
        let settings = settings.as_object().expect("an object");
        assert_eq!(fields(&faults(None, settings)), ["settings.a"]);
        assert_eq!(faults(Some(&json!({})), &Map::new()), []);
    }

    #[test]
    fn what_cannot_be_checked_is_refused_with_the_schema() {
        let schema = json!({
            "properties": { "a": { "oneOf": [] }, "b": { "type": "text" }, "c": { "pattern": "(?=x)" }, "d": 7 },
            "minLength": -1,
        });
        let faults = faults_of_schema(&schema, "manifest.settings_schema");
        let mut named = fields(&faults);
        named.sort_unstable();
        let expected =
            ["minLength", "properties.a.oneOf", "properties.b.type", "properties.c.pattern", "properties.d"];
        assert_eq!(named, expected.map(|word| format!("manifest.settings_schema.{word}")));
        let mut deep = json!({});
        for _ in 0..20 {
            deep = json!({ "items": deep });
        }
        assert_eq!(faults_of_schema(&deep, "s").len(), 1);
    }

    fn anything() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[a-z(]{0,6}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            let word = prop::sample::select(RULES.to_vec()).prop_map(str::to_owned);
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(word, inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// Whatever a publisher writes and an installation sends, the answer is an answer.
        #[test]
        fn nothing_breaks_it(schema in anything(), value in anything()) {
            let _faults = faults_of_schema(&schema, "s");
            let mut faults = Faults(Vec::new());
            value_at(&schema, &value, "v", &mut faults);
        }
    }
}
