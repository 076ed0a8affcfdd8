//! Finding attributes in an object whatever their case, and paths to them.

use serde_json::{Map, Value};

use super::error::Error;

/// An object of JSON.
pub type Object = Map<String, Value>;

/// The name under which an object has an attribute.
pub fn key<'o>(object: &'o Object, name: &str) -> Option<&'o str> {
    object.keys().find(|key| key.eq_ignore_ascii_case(name)).map(String::as_str)
}

/// The value of an attribute.
pub fn get<'o>(object: &'o Object, name: &str) -> Option<&'o Value> {
    object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// The value of an attribute that is a text.
pub fn text<'o>(object: &'o Object, name: &str) -> Option<&'o str> {
    get(object, name).and_then(Value::as_str)
}

/// Puts a value in the place of another, under the name that is there, else under this one.
pub fn set(object: &mut Object, name: &str, value: Value) {
    let name = key(object, name).unwrap_or(name).to_owned();
    object.insert(name, value);
}

/// Takes an attribute out.
pub fn take(object: &mut Object, name: &str) -> Option<Value> {
    let name = key(object, name)?.to_owned();
    object.remove(&name)
}

/// An attribute: of the core schema or of an extension, and one below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// The schema, where the path names one.
    pub schema: Option<String>,
    /// Its name; empty where the path is a schema alone.
    pub name: String,
    /// The one below it.
    pub sub: Option<String>,
}

/// What an extension begins with; the core schemas stand in the object itself.
const EXTENSION: &str = "urn:ietf:params:scim:schemas:extension:";

fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    let first = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'$');
    first && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

impl Attribute {
    /// Reads `name`, `name.sub` or `urn:…:name.sub`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let wrong = || Error::path(format!("{text:?} is no attribute"));
        if !text.to_ascii_lowercase().starts_with("urn:") {
            return Self::plain(None, text).ok_or_else(wrong);
        }
        // A schema's own version has a dot in it, so the last colon parts it from the name, unless nothing follows.
        let (schema, rest) = text.rsplit_once(':').ok_or_else(wrong)?;
        let is_alone = rest.eq_ignore_ascii_case("User") || rest.eq_ignore_ascii_case("Group");
        if is_alone && !schema.to_ascii_lowercase().ends_with(":user") {
            return Ok(Self { schema: Some(text.to_owned()), name: String::new(), sub: None });
        }
        Self::plain(Some(schema.to_owned()), rest).ok_or_else(wrong)
    }

    fn plain(schema: Option<String>, text: &str) -> Option<Self> {
        let (name, sub) = match text.split_once('.') {
            Some((name, sub)) => (name, Some(sub)),
            None => (text, None),
        };
        let is_good = is_name(name) && sub.is_none_or(is_name);
        is_good.then(|| Self { schema, name: name.to_owned(), sub: sub.map(str::to_owned) })
    }

    /// The schema, if it is an extension: its attributes stand below its name.
    pub fn extension(&self) -> Option<&str> {
        let schema = self.schema.as_deref()?;
        let start = schema.get(..EXTENSION.len())?;
        start.eq_ignore_ascii_case(EXTENSION).then_some(schema)
    }

    /// The object that has the attribute.
    pub fn home<'o>(&self, object: &'o Object) -> Option<&'o Object> {
        match self.extension() {
            Some(schema) => get(object, schema)?.as_object(),
            None => Some(object),
        }
    }

    /// Every value there is: several of a list, and of a list of objects those below each.
    pub fn values<'o>(&self, object: &'o Object) -> Vec<&'o Value> {
        let Some(home) = self.home(object) else { return Vec::new() };
        if self.name.is_empty() {
            return self.extension().and_then(|schema| get(object, schema)).into_iter().collect();
        }
        let found = flat(get(home, &self.name));
        match &self.sub {
            None => found,
            Some(sub) => found
                .into_iter()
                .filter_map(Value::as_object)
                .flat_map(|inner| flat(get(inner, sub)))
                .collect(),
        }
    }
}

fn flat(value: Option<&Value>) -> Vec<&Value> {
    match value {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(all)) => all.iter().collect(),
        Some(one) => vec![one],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> (Option<String>, String, Option<String>) {
        let Attribute { schema, name, sub } = Attribute::parse(text).unwrap();
        (schema, name, sub)
    }

    #[test]
    fn a_path_may_name_its_schema() {
        assert_eq!(parts("name.familyName"), (None, "name".to_owned(), Some("familyName".to_owned())));
        let core = "urn:ietf:params:scim:schemas:core:2.0:User";
        let whole = parts(&format!("{core}:name.familyName"));
        assert_eq!(whole, (Some(core.to_owned()), "name".to_owned(), Some("familyName".to_owned())));
        let extension = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
        assert_eq!(parts(extension), (Some(extension.to_owned()), String::new(), None));
        let inner = parts(&format!("{extension}:department"));
        assert_eq!(inner, (Some(extension.to_owned()), "department".to_owned(), None));
        for wrong in ["", "1a", "a b", "a.b.c", "a.", "emails[type eq 1]", "urn:"] {
            assert!(Attribute::parse(wrong).is_err(), "{wrong}");
        }
    }
}
