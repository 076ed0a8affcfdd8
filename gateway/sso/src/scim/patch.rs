//! Changes (RFC 7644, 3.5.2), and the liberties that Azure and Okta take with them.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    attributes::{Attribute, Object, get, key, set, take},
    error::Error,
    filter::Filter,
    schema::{Definition, Mutability, Resource},
};

/// The most operations of one request.
const MOST: usize = 1000;

/// A request for changes.
#[derive(Debug, Clone, Deserialize)]
pub struct Patch {
    #[serde(alias = "operations")]
    #[serde(rename = "Operations")]
    operations: Vec<Operation>,
}

#[derive(Debug, Clone, Deserialize)]
struct Operation {
    op: String,
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    value: Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Add,
    Replace,
    Remove,
}

/// Where a change is made.
struct Path {
    attribute: Attribute,
    filter: Option<Filter>,
}

impl Path {
    /// `name`, `name.sub`, `name[filter]` or `name[filter].sub`.
    fn parse(text: &str) -> Result<Self, Error> {
        let Some((start, rest)) = text.split_once('[') else {
            return Ok(Self { attribute: Attribute::parse(text)?, filter: None });
        };
        let (filter, end) =
            rest.rsplit_once(']').ok_or_else(|| Error::path("a bracket of the path is not closed"))?;
        let filter = Filter::parse(filter)?;
        let attribute = Attribute::parse(&format!("{start}{end}"))?;
        Ok(Self { attribute, filter: Some(filter) })
    }
}

impl Patch {
    /// Reads a request.
    pub fn parse(body: &[u8]) -> Result<Self, Error> {
        let patch: Self =
            serde_json::from_slice(body).map_err(|error| Error::syntax(format!("no PatchOp: {error}")))?;
        if patch.operations.is_empty() || patch.operations.len() > MOST {
            return Err(Error::syntax(format!("a PatchOp has 1 to {MOST} operations")));
        }
        Ok(patch)
    }

    /// The resource as it is after all of the changes. What comes out has still to be accepted.
    pub fn apply(&self, resource: Resource, before: &Object) -> Result<Object, Error> {
        let mut object = before.clone();
        for operation in &self.operations {
            operation.apply(resource, &mut object)?;
        }
        Ok(object)
    }
}

impl Operation {
    fn apply(&self, resource: Resource, object: &mut Object) -> Result<(), Error> {
        let verb = match self.op.to_ascii_lowercase().as_str() {
            "add" => Verb::Add,
            "replace" => Verb::Replace,
            "remove" => Verb::Remove,
            other => return Err(Error::syntax(format!("{other:?} is no operation"))),
        };
        match (&self.path, verb) {
            (Some(path), _) => change(resource, object, verb, &Path::parse(path)?, &self.value),
            (None, Verb::Remove) => Err(Error::no_target("what is removed needs a path")),
            (None, _) => {
                let Value::Object(fields) = &self.value else {
                    return Err(Error::value("without a path the value must be an object"));
                };
                merge(resource, object, verb, fields, None)
            }
        }
    }
}

/// Every field on its own. Its name may be a path, and that of an extension holds fields of its own.
fn merge(
    resource: Resource,
    object: &mut Object,
    verb: Verb,
    fields: &Object,
    schema: Option<&str>,
) -> Result<(), Error> {
    for (name, value) in fields {
        let own: &[&str] = if schema.is_some() { &["schemas"] } else { &["schemas", "id", "meta"] };
        if own.iter().any(|own| own.eq_ignore_ascii_case(name)) {
            // Sent along with the whole resource; they are ours.
            continue;
        }
        let mut path = Path::parse(name)?;
        if let Some(schema) = schema {
            path.attribute.schema = Some(schema.to_owned());
        }
        if path.attribute.name.is_empty()
            && let (Some(schema), Value::Object(inner)) = (path.attribute.schema.as_deref(), value)
        {
            merge(resource, object, verb, inner, Some(schema))?;
            continue;
        }
        change(resource, object, verb, &path, value)?;
    }
    Ok(())
}

fn change(
    resource: Resource,
    object: &mut Object,
    verb: Verb,
    path: &Path,
    value: &Value,
) -> Result<(), Error> {
    let Path { attribute, filter } = path;
    if attribute.name.is_empty() {
        return change_extension(resource, object, verb, attribute, value);
    }
    let (definition, above) = resource.find(attribute)?;
    let whole = above.unwrap_or(definition);
    if whole.mutability == Mutability::ReadOnly || definition.mutability == Mutability::ReadOnly {
        return Err(Error::mutability(format!("{} is set by the service", definition.name)));
    }
    if definition.is_required && (verb == Verb::Remove || value.is_null()) && above.is_none() {
        return Err(Error::value(format!("{} must be there", definition.name)));
    }
    let home = match attribute.extension() {
        None => object,
        Some(schema) => {
            let schema = key(object, schema).unwrap_or(schema).to_owned();
            let home = object.entry(schema).or_insert_with(|| json!({}));
            home.as_object_mut().ok_or_else(|| Error::path("the extension is no object"))?
        }
    };
    if whole.is_many {
        return change_many(home, whole, verb, attribute.sub.as_deref(), filter.as_ref(), value);
    }
    if filter.is_some() {
        return Err(Error::path(format!("{} has one value only", whole.name)));
    }
    if attribute.sub.is_none() {
        change_one(home, definition, verb, value);
        return Ok(());
    }
    let mut inner = match take(home, whole.name) {
        Some(Value::Object(inner)) => inner,
        _ => Map::new(),
    };
    change_one(&mut inner, definition, verb, value);
    if !inner.is_empty() {
        home.insert(whole.name.to_owned(), Value::Object(inner));
    }
    Ok(())
}

/// The path is an extension as a whole.
fn change_extension(
    resource: Resource,
    object: &mut Object,
    verb: Verb,
    attribute: &Attribute,
    value: &Value,
) -> Result<(), Error> {
    let schema = attribute.schema.as_deref().unwrap_or_default();
    match (verb, value) {
        (Verb::Remove, _) => {
            take(object, schema);
            Ok(())
        }
        (_, Value::Object(fields)) => merge(resource, object, verb, fields, Some(schema)),
        _ => Err(Error::value("the value of an extension must be an object")),
    }
}

fn change_one(home: &mut Object, definition: &Definition, verb: Verb, value: &Value) {
    if verb == Verb::Remove || value.is_null() {
        take(home, definition.name);
        return;
    }
    match (get(home, definition.name), value) {
        // What is below it and not named stays.
        (Some(Value::Object(before)), Value::Object(fields)) if !definition.inner().is_empty() => {
            let mut merged = before.clone();
            for (name, value) in fields {
                set(&mut merged, name, value.clone());
            }
            set(home, definition.name, Value::Object(merged));
        }
        _ => set(home, definition.name, value.clone()),
    }
}

fn list(value: &Value) -> Vec<Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(all) => all.clone(),
        one => vec![one.clone()],
    }
}

fn change_many(
    home: &mut Object,
    definition: &Definition,
    verb: Verb,
    sub: Option<&str>,
    filter: Option<&Filter>,
    value: &Value,
) -> Result<(), Error> {
    let mut all = get(home, definition.name).map(list).unwrap_or_default();
    match (filter, sub) {
        (None, None) => match verb {
            Verb::Replace => all = list(value),
            Verb::Remove if value.is_null() => all.clear(),
            // Azure removes members by naming them in the value.
            Verb::Remove => {
                let gone = list(value);
                all.retain(|one| !gone.iter().any(|gone| is_same(one, gone)));
            }
            Verb::Add => {
                for new in list(value) {
                    give_way(&mut all, &new);
                    match all.iter_mut().find(|one| is_same(one, &new)) {
                        Some(one) => *one = new,
                        None => all.push(new),
                    }
                }
            }
        },
        (None, Some(sub)) => {
            for one in all.iter_mut().filter_map(Value::as_object_mut) {
                change_below(one, verb, sub, value);
            }
        }
        (Some(filter), sub) => {
            let passes = |one: &Value| one.as_object().is_some_and(|one| filter.matches(one));
            let mut at: Vec<usize> = (0..all.len()).filter(|at| passes(&all[*at])).collect();
            if at.is_empty() {
                // There is nothing to add to, or to replace: one is made of what the filter asks for.
                let new = made_of(filter).filter(|_| verb != Verb::Remove);
                let Some(new) = new.filter(|_| verb == Verb::Add || sub.is_some()) else {
                    return Err(Error::no_target(format!(
                        "no value of {} passes the filter",
                        definition.name
                    )));
                };
                all.push(Value::Object(new));
                at.push(all.len() - 1);
            }
            if verb == Verb::Remove && sub.is_none() {
                let mut index = 0;
                all.retain(|_| {
                    index += 1;
                    !at.contains(&(index - 1))
                });
            } else {
                for at in at {
                    change_at(&mut all, at, verb, sub, value)?;
                }
            }
        }
    }
    take(home, definition.name);
    all.retain(|one| one.as_object().is_none_or(|one| !one.is_empty()));
    if !all.is_empty() {
        home.insert(definition.name.to_owned(), Value::Array(all));
    }
    Ok(())
}

fn change_at(
    all: &mut [Value],
    at: usize,
    verb: Verb,
    sub: Option<&str>,
    value: &Value,
) -> Result<(), Error> {
    let is_primary = match sub {
        Some(sub) => sub.eq_ignore_ascii_case("primary") && *value == true,
        None => value["primary"] == true,
    };
    if is_primary {
        give_way(all, &json!({ "primary": true }));
    }
    let Some(one) = all.get_mut(at).and_then(Value::as_object_mut) else { return Ok(()) };
    match (sub, value) {
        (Some(sub), _) => change_below(one, verb, sub, value),
        (None, Value::Object(fields)) => {
            if verb == Verb::Replace {
                one.clear();
            }
            for (name, value) in fields {
                set(one, name, value.clone());
            }
        }
        (None, _) => return Err(Error::value("the value must be an object")),
    }
    Ok(())
}

fn change_below(one: &mut Object, verb: Verb, sub: &str, value: &Value) {
    if verb == Verb::Remove || value.is_null() {
        take(one, sub);
    } else {
        set(one, sub, value.clone());
    }
}

/// Only one value is the primary one: a new one takes its place.
fn give_way(all: &mut [Value], new: &Value) {
    if new["primary"] == true {
        for one in all.iter_mut().filter(|one| one["primary"] == true) {
            one["primary"] = json!(false);
        }
    }
}

/// Whether two values of a list mean the same thing.
fn is_same(one: &Value, other: &Value) -> bool {
    let value = |whole: &Value| {
        whole.as_object().map_or_else(|| Some(whole.clone()), |inner| get(inner, "value").cloned())
    };
    let kind = |whole: &Value| whole.as_object().and_then(|inner| get(inner, "type").cloned());
    let same_kind = kind(one).is_none() || kind(other).is_none() || kind(one) == kind(other);
    value(one).is_some() && value(one) == value(other) && same_kind
}

/// What a filter of equalities asks for.
fn made_of(filter: &Filter) -> Option<Object> {
    let wanted = filter.wanted();
    let fields = wanted.iter().map(|(attribute, value)| (attribute.name.clone(), (*value).clone()));
    (!wanted.is_empty()).then(|| fields.collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scim::schema::ENTERPRISE;

    fn patch(before: &Value, operations: &Value) -> Result<Value, Error> {
        let body =
            json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations });
        let patch = Patch::parse(body.to_string().as_bytes())?;
        patch.apply(Resource::User, before.as_object().unwrap()).map(Value::Object)
    }

    #[test]
    fn changes_of_the_rfc_and_of_azure_are_made() {
        let ada =
            json!({ "userName": "ada", "emails": [{ "type": "work", "value": "a@b", "primary": true }] });
        for (operation, expected) in [
            (
                json!({ "op": "Add", "value": { "title": "Dr", "name": { "familyName": "B" } } }),
                json!({ "userName": "ada", "title": "Dr", "name": { "familyName": "B" }, "emails": ada["emails"] }),
            ),
            (
                json!({ "op": "replace", "value": { "name.givenName": "A", format!("{ENTERPRISE}:department"): "D" } }),
                json!({ "userName": "ada", "name": { "givenName": "A" }, "emails": ada["emails"], ENTERPRISE: { "department": "D" } }),
            ),
            (
                json!({ "op": "add", "path": "emails", "value": [{ "type": "home", "value": "c@d", "primary": true }] }),
                json!({ "userName": "ada", "emails": [
                    { "type": "work", "value": "a@b", "primary": false }, { "type": "home", "value": "c@d", "primary": true }] }),
            ),
            (
                json!({ "op": "Replace", "path": "emails[type eq \"work\"].value", "value": "x@y" }),
                json!({ "userName": "ada", "emails": [{ "type": "work", "value": "x@y", "primary": true }] }),
            ),
            (
                json!({ "op": "Add", "path": "phoneNumbers[type eq \"mobile\"].value", "value": "1" }),
                json!({ "userName": "ada", "phoneNumbers": [{ "type": "mobile", "value": "1" }], "emails": ada["emails"] }),
            ),
            (json!({ "op": "remove", "path": "emails[type eq \"work\"]" }), json!({ "userName": "ada" })),
            (
                json!({ "op": "remove", "path": "emails", "value": [{ "value": "a@b" }] }),
                json!({ "userName": "ada" }),
            ),
            (json!({ "op": "remove", "path": "emails" }), json!({ "userName": "ada" })),
        ] {
            let changed = patch(&ada, &json!([operation])).unwrap();
            assert_eq!(changed, expected, "{operation}");
        }
    }

    #[test]
    fn what_cannot_be_done_is_refused_with_its_word() {
        let ada = json!({ "userName": "ada" });
        for (kind, operation) in [
            ("noTarget", json!({ "op": "remove" })),
            ("noTarget", json!({ "op": "replace", "path": "emails[type eq \"work\"]", "value": {} })),
            ("invalidPath", json!({ "op": "add", "path": "shoeSize", "value": 1 })),
            ("invalidPath", json!({ "op": "add", "path": "emails[type eq \"work\"", "value": 1 })),
            ("invalidPath", json!({ "op": "add", "path": "title[value eq \"a\"]", "value": 1 })),
            ("mutability", json!({ "op": "replace", "path": "id", "value": "x" })),
            ("mutability", json!({ "op": "add", "path": "groups", "value": [] })),
            ("invalidValue", json!({ "op": "remove", "path": "userName" })),
            ("invalidValue", json!({ "op": "add", "value": 1 })),
            ("invalidSyntax", json!({ "op": "move", "path": "title" })),
        ] {
            assert_eq!(patch(&ada, &json!([operation])).unwrap_err().kind, Some(kind), "{operation}");
        }
    }

    proptest! {
        #[test]
        fn whatever_path_is_sent_is_taken_or_refused(op in "add|replace|remove", path in ".{0,40}", value in ".{0,8}") {
            let _ = patch(&json!({ "userName": "ada" }), &json!([{ "op": op, "path": path, "value": value }]));
        }

        #[test]
        fn what_was_added_is_there_and_removing_it_takes_it_away(value in "[a-z]{1,8}") {
            let before = json!({ "userName": "ada" });
            let added = patch(&before, &json!([{ "op": "add", "path": "title", "value": value }])).unwrap();
            prop_assert_eq!(&added["title"], &value);
            prop_assert_eq!(patch(&added, &json!([{ "op": "remove", "path": "title" }])).unwrap(), before);
        }
    }
}
