//! What is shown of a resource: `attributes` and `excludedAttributes` (RFC 7644, 3.9), and the order of lists.

use serde_json::{Map, Value};

use super::{
    attributes::{Attribute, Object, get, set, take},
    error::Error,
};

/// Shown whatever is asked for.
const ALWAYS: [&str; 2] = ["id", "schemas"];

/// Which attributes are shown.
#[derive(Debug, Clone, Default)]
pub struct Projection {
    only: Option<Vec<Attribute>>,
    without: Vec<Attribute>,
}

fn names(text: &str) -> Result<Vec<Attribute>, Error> {
    let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
    names.map(|name| Attribute::parse(name).map_err(|error| Error::value(error.detail))).collect()
}

impl Projection {
    /// Reads the two parameters. Naming both is refused.
    pub fn parse(only: Option<&str>, without: Option<&str>) -> Result<Self, Error> {
        if only.is_some() && without.is_some() {
            return Err(Error::value("send either attributes or excludedAttributes"));
        }
        let only = only.map(names).transpose()?.filter(|only| !only.is_empty());
        Ok(Self { only, without: without.map(names).transpose()?.unwrap_or_default() })
    }

    /// What is shown of this one.
    pub fn of(&self, mut object: Object) -> Object {
        if let Some(only) = &self.only {
            let mut shown = Map::new();
            for name in ALWAYS {
                shown.extend(take(&mut object, name).map(|value| (name.to_owned(), value)));
            }
            for attribute in only {
                show(attribute, &object, &mut shown);
            }
            return shown;
        }
        for attribute in &self.without {
            if !ALWAYS.iter().any(|name| name.eq_ignore_ascii_case(&attribute.name)) {
                hide(attribute, &mut object);
            }
        }
        object
    }
}

fn show(attribute: &Attribute, object: &Object, shown: &mut Object) {
    if let Some(schema) = attribute.extension() {
        let Some(Value::Object(inner)) = get(object, schema) else { return };
        if attribute.name.is_empty() {
            set(shown, schema, Value::Object(inner.clone()));
            return;
        }
        let mut below = match take(shown, schema) {
            Some(Value::Object(below)) => below,
            _ => Map::new(),
        };
        show(&Attribute { schema: None, ..attribute.clone() }, inner, &mut below);
        shown.insert(schema.to_owned(), Value::Object(below));
        return;
    }
    let Some((name, value)) = object.iter().find(|(name, _)| name.eq_ignore_ascii_case(&attribute.name))
    else {
        return;
    };
    let Some(sub) = &attribute.sub else {
        shown.insert(name.clone(), value.clone());
        return;
    };
    let cut = |inner: &Object| -> Object {
        inner
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case(sub))
            .map(|(n, v)| (n.clone(), v.clone()))
            .collect()
    };
    match (value, shown.get_mut(name)) {
        (Value::Object(inner), Some(Value::Object(already))) => already.extend(cut(inner)),
        (Value::Object(inner), _) => {
            shown.insert(name.clone(), Value::Object(cut(inner)));
        }
        (Value::Array(all), Some(Value::Array(already))) => {
            for (one, already) in all.iter().zip(already) {
                if let (Value::Object(inner), Value::Object(already)) = (one, already) {
                    already.extend(cut(inner));
                }
            }
        }
        (Value::Array(all), _) => {
            let cut = all.iter().filter_map(Value::as_object).map(|inner| Value::Object(cut(inner)));
            shown.insert(name.clone(), cut.collect());
        }
        _ => {}
    }
}

fn hide(attribute: &Attribute, object: &mut Object) {
    if let Some(schema) = attribute.extension() {
        if attribute.name.is_empty() {
            take(object, schema);
        } else if let Some(Value::Object(mut inner)) = take(object, schema) {
            hide(&Attribute { schema: None, ..attribute.clone() }, &mut inner);
            object.insert(schema.to_owned(), Value::Object(inner));
        }
        return;
    }
    let Some(sub) = &attribute.sub else {
        take(object, &attribute.name);
        return;
    };
    let Some(mut value) = take(object, &attribute.name) else { return };
    match &mut value {
        Value::Object(inner) => {
            take(inner, sub);
        }
        Value::Array(all) => {
            for inner in all.iter_mut().filter_map(Value::as_object_mut) {
                take(inner, sub);
            }
        }
        _ => {}
    }
    object.insert(attribute.name.clone(), value);
}

/// The text by which a resource is sorted: the first value of the attribute, in small letters.
pub fn sort_key(attribute: &Attribute, object: &Object) -> Option<String> {
    let value = attribute.values(object).into_iter().next()?;
    let value = value.as_object().map_or(Some(value), |inner| inner.get("value"))?;
    Some(value.as_str().map_or_else(|| value.to_string(), str::to_lowercase))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_asked_for_is_shown_and_the_id() {
        let user = json!({ "id": "1", "schemas": ["s"], "userName": "a", "name": { "familyName": "B", "givenName": "C" },
                           "emails": [{ "value": "a@b", "type": "work" }] });
        let shown = |only, without| {
            let projection = Projection::parse(only, without).unwrap();
            Value::Object(projection.of(user.as_object().unwrap().clone()))
        };
        assert_eq!(shown(Some("USERNAME"), None), json!({ "id": "1", "schemas": ["s"], "userName": "a" }));
        assert_eq!(
            shown(Some("name.givenName,emails.value"), None),
            json!({ "id": "1", "schemas": ["s"], "name": { "givenName": "C" }, "emails": [{ "value": "a@b" }] })
        );
        assert_eq!(
            shown(None, Some("id,name.givenName,emails")),
            json!({ "id": "1", "schemas": ["s"], "userName": "a", "name": { "familyName": "B" } })
        );
        assert!(Projection::parse(Some("a"), Some("b")).is_err());
    }
}
