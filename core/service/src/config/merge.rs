//! Laying sources over each other, and naming keys that nobody knows.

use serde::{
    Deserialize,
    de::{self, Visitor, value::Error as Rejected},
    forward_to_deserialize_any,
};
use toml::{Table, Value};

use super::{
    App, Apps, Database, Dispatcher, Email, Error, Limits, Listen, Log, Models, Outbound, Redis, Runtime,
    Secrets, Stream, Telemetry,
};
use super::{limits, media, stream};

/// Begins the name of every environment variable that is a setting.
const ENVIRONMENT_PREFIX: &str = "BOTBUILDER__";

/// Lays `over` over `under`: tables are merged, anything else is replaced.
pub(super) fn lay_over(under: &mut Table, over: Table) {
    for (key, value) in over {
        match (under.get_mut(&key), value) {
            (Some(Value::Table(under)), Value::Table(over)) => lay_over(under, over),
            (_, value) => {
                under.insert(key, value);
            }
        }
    }
}

/// Turns `BOTBUILDER__SECTION__KEY=value` pairs into a table. A value is read as what the default of that key is:
/// text that looks like a number stays text where text is wanted.
pub(super) fn environment(
    defaults: &Table,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<Table, Error> {
    let mut table = Table::new();
    for (name, text) in variables {
        let Some(path) = name.strip_prefix(ENVIRONMENT_PREFIX) else { continue };
        let path = path.to_lowercase();
        let keys: Vec<&str> = path.split("__").collect();
        let value = typed(find(defaults, &keys), text)
            .map_err(|message| Error::Environment { name: name.clone(), message })?;
        insert(&mut table, &keys, value);
    }
    Ok(table)
}

fn find<'t>(table: &'t Table, keys: &[&str]) -> Option<&'t Value> {
    let (first, rest) = keys.split_first()?;
    let value = table.get(*first)?;
    if rest.is_empty() { Some(value) } else { find(value.as_table()?, rest) }
}

fn insert(table: &mut Table, keys: &[&str], value: Value) {
    let Some((first, rest)) = keys.split_first() else { return };
    if rest.is_empty() {
        table.insert((*first).to_owned(), value);
        return;
    }
    let entry = table.entry((*first).to_owned()).or_insert_with(|| Value::Table(Table::new()));
    if let Value::Table(inner) = entry {
        insert(inner, rest, value);
    }
}

fn typed(like: Option<&Value>, text: String) -> Result<Value, String> {
    match like {
        Some(Value::Integer(_)) => {
            text.trim().parse().map(Value::Integer).map_err(|_| "expected a whole number".to_owned())
        }
        Some(Value::Float(_)) => {
            text.trim().parse().map(Value::Float).map_err(|_| "expected a number".to_owned())
        }
        Some(Value::Boolean(_)) => {
            text.trim().parse().map(Value::Boolean).map_err(|_| "expected true or false".to_owned())
        }
        Some(Value::Array(_)) => Ok(Value::Array(list(&text))),
        Some(Value::Table(_)) => Err("is a section: name a key of it".to_owned()),
        Some(Value::String(_) | Value::Datetime(_)) | None => Ok(Value::String(text)),
    }
}

/// A list in the environment: items separated by commas. Items that are numbers become numbers; no list of texts
/// in the configuration holds bare numbers.
fn list(text: &str) -> Vec<Value> {
    let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    items.map(|item| item.parse().map_or_else(|_| Value::String(item.to_owned()), Value::Integer)).collect()
}

/// The keys of a table that are known.
enum Known {
    /// A key with a value.
    Leaf,
    /// A section; `None` means that its keys are free.
    Section(Option<Vec<(&'static str, Known)>>),
}

/// Every key of the configuration. Sections are named here, their keys come from the types themselves.
fn known() -> Vec<(&'static str, Known)> {
    let mut keys = vec![("data_dir", Known::Leaf), ("roles", Known::Leaf)];
    let sections = [
        ("database", section::<Database>(Vec::new())),
        (
            "stream",
            section::<Stream>(vec![
                ("retention", section::<stream::Retention>(Vec::new())),
                ("embedded", section::<stream::Embedded>(Vec::new())),
                ("kafka", section::<stream::Kafka>(vec![("properties", Known::Section(None))])),
            ]),
        ),
        ("listen", section::<Listen>(Vec::new())),
        ("secrets", section::<Secrets>(Vec::new())),
        (
            "apps",
            section::<Apps>(vec![
                ("whatsapp", section::<App>(Vec::new())),
                ("instagram", section::<App>(Vec::new())),
                ("slack", section::<App>(Vec::new())),
            ]),
        ),
        ("log", section::<Log>(Vec::new())),
        ("telemetry", section::<Telemetry>(Vec::new())),
        ("limits", section::<Limits>(vec![("websocket", section::<limits::WebSocket>(Vec::new()))])),
        ("dispatcher", section::<Dispatcher>(Vec::new())),
        ("runtime", section::<Runtime>(Vec::new())),
        ("outbound", section::<Outbound>(Vec::new())),
        ("email", section::<Email>(Vec::new())),
        ("media", section::<media::Media>(vec![("s3", section::<media::S3>(Vec::new()))])),
        ("models", section::<Models>(Vec::new())),
        ("redis", section::<Redis>(Vec::new())),
    ];
    keys.extend(sections);
    keys
}

/// The fields of `T`, of which `inner` are sections themselves.
fn section<T: for<'de> Deserialize<'de>>(mut inner: Vec<(&'static str, Known)>) -> Known {
    for field in fields_of::<T>() {
        if !inner.iter().any(|(name, _)| name == field) {
            inner.push((field, Known::Leaf));
        }
    }
    Known::Section(Some(inner))
}

/// Refuses the first key that is not known, and says what may have been meant.
pub(super) fn refuse_unknown_keys(table: &Table, origin: &str) -> Result<(), Error> {
    check(table, &known(), "", origin)
}

fn check(table: &Table, known: &[(&'static str, Known)], prefix: &str, origin: &str) -> Result<(), Error> {
    for (key, value) in table {
        let full = format!("{prefix}{key}");
        match (known.iter().find(|(name, _)| name == key), value) {
            (None, _) => {
                let nearest = known
                    .iter()
                    .map(|(name, _)| (strsim::damerau_levenshtein(name, key), *name))
                    .min()
                    // Further away than that it is another word, not a slip.
                    .filter(|(distance, name)| *distance <= name.len().max(key.len()) / 2)
                    .map(|(_, name)| format!("{prefix}{name}"));
                return Err(Error::UnknownKey { key: full, origin: origin.to_owned(), nearest });
            }
            (Some((_, Known::Section(Some(inner)))), Value::Table(table)) => {
                check(table, inner, &format!("{full}."), origin)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// The names of the fields of a struct, asked of its own `Deserialize`.
fn fields_of<T: for<'de> Deserialize<'de>>() -> &'static [&'static str] {
    struct Ask<'f>(&'f mut &'static [&'static str]);

    impl<'de> de::Deserializer<'de> for Ask<'_> {
        type Error = Rejected;

        fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Rejected> {
            Err(de::Error::custom("only structs have fields"))
        }

        fn deserialize_struct<V: Visitor<'de>>(
            self,
            _: &'static str,
            fields: &'static [&'static str],
            _: V,
        ) -> Result<V::Value, Rejected> {
            *self.0 = fields;
            Err(de::Error::custom("the fields are all that was asked for"))
        }

        forward_to_deserialize_any! {
            bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
            unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
        }
    }

    let mut fields: &'static [&'static str] = &[];
    // The answer is in `fields`; the result is always the refusal above.
    let _ = T::deserialize(Ask(&mut fields));
    fields
}

/// Known keys that `table` does not hold.
#[cfg(test)]
pub(super) fn missing_keys(table: &Table) -> Vec<String> {
    fn collect(table: &Table, known: &[(&'static str, Known)], prefix: &str, missing: &mut Vec<String>) {
        for (name, kind) in known {
            let full = format!("{prefix}{name}");
            match (table.get(*name), kind) {
                (None, _) => missing.push(full),
                (Some(Value::Table(table)), Known::Section(Some(inner))) => {
                    collect(table, inner, &format!("{full}."), missing);
                }
                _ => {}
            }
        }
    }
    let mut missing = Vec::new();
    collect(table, &known(), "", &mut missing);
    missing
}
