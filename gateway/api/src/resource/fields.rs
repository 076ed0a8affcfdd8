//! Checks the fields of a body against the description of a table: all faults at once, each by the name of its field.

use botbuilder_store::table::{Column, Form, Kind, Table, Write};
use chrono::{DateTime, NaiveDate, NaiveTime};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    error::{ApiError, FieldError},
    input::unknown,
};

/// Whether a new row is made or one is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A new row.
    Create,
    /// A change.
    Update,
}

impl Mode {
    /// Whether a column is taken.
    pub(super) fn takes(self, column: &Column) -> bool {
        match column.write {
            Write::Never => false,
            Write::Once => self == Self::Create,
            Write::Always => true,
        }
    }
}

/// Checks the fields of a new row or a change. `given` are columns that come from elsewhere, and so are not asked for.
pub fn check(table: &Table, object: &Map<String, Value>, mode: Mode, given: &[&str]) -> Result<(), ApiError> {
    let mut errors = Vec::new();
    let mut fault = |field: &str, detail: String| {
        errors.push(FieldError { field: field.to_owned().into(), detail: detail.into() });
    };
    for (name, value) in object {
        match table.column(name) {
            Some(column) if mode.takes(column) => {
                if let Some(detail) = complaint(column, value, mode) {
                    fault(name, detail);
                }
            }
            Some(column) if column.write == Write::Once => {
                fault(name, "is given when it is made, and does not change".to_owned());
            }
            Some(_) => fault(name, "is set by the platform and cannot be given".to_owned()),
            None => {
                let known = table.columns.iter().filter(|column| mode.takes(column));
                fault(name, unknown(name, known.map(|column| column.name)));
            }
        }
    }
    if mode == Mode::Create {
        for column in table.columns.iter().filter(|column| column.is_required) {
            if !object.contains_key(column.name) && !given.contains(&column.name) {
                fault(column.name, "must be there".to_owned());
            }
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(ApiError::Invalid(errors)) }
}

/// The largest number in a document, either way. The database writes numbers out in all their digits; one that is close to
/// the largest there is cannot be read back from them.
const HUGE: f64 = 1e300;

/// Whether the numbers of a document come back from the database.
fn can_be_read_back(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.as_f64().is_some_and(|number| number.abs() <= HUGE),
        Value::Array(items) => items.iter().all(can_be_read_back),
        Value::Object(fields) => fields.values().all(can_be_read_back),
        Value::Null | Value::Bool(_) | Value::String(_) => true,
    }
}

/// What is wrong with a value, if anything.
fn complaint(column: &Column, value: &Value, mode: Mode) -> Option<String> {
    if value.is_null() {
        // A new row may say that a field is empty; so may a change, which clears it.
        return (!column.is_nullable && (mode == Mode::Update || column.kind != Kind::Json))
            .then(|| "must not be null".to_owned());
    }
    match column.kind {
        Kind::Uuid => (!is(value, is_uuid)).then(|| "must be a UUID".to_owned()),
        Kind::Text(most, form) => complaint_of_text(value, most, form),
        Kind::Choice(words) => (!is(value, |text| words.contains(&text)))
            .then(|| format!("must be one of: {}", words.join(", "))),
        Kind::Integer(least, most) => {
            (!value.as_i64().is_some_and(|number| (least..=most).contains(&number)))
                .then(|| format!("must be a whole number from {least} to {most}"))
        }
        Kind::Number(least, most) => (!value.as_f64().is_some_and(|number| (least..=most).contains(&number)))
            .then(|| format!("must be a number from {least} to {most}")),
        Kind::Boolean => (!value.is_boolean()).then(|| "must be true or false".to_owned()),
        Kind::Instant => (!is(value, is_instant))
            .then(|| "must be an instant like 2026-11-22T09:30:00Z, in the years 1970 to 9999".to_owned()),
        Kind::Date => (!is(value, is_date)).then(|| "must be a day like 2026-11-22".to_owned()),
        Kind::Time => (!is(value, is_time)).then(|| "must be a time of day like 09:30".to_owned()),
        Kind::Object if !value.is_object() => Some("must be an object".to_owned()),
        Kind::Array if !value.is_array() => Some("must be an array".to_owned()),
        Kind::Object | Kind::Array | Kind::Json => {
            (!can_be_read_back(value)).then(|| format!("must not hold a number beyond {HUGE:e}"))
        }
        Kind::Texts => {
            let fits = |item: &Value| item.as_str().is_some_and(|text| text.chars().count() <= 2_000);
            let fine = value.as_array().is_some_and(|items| items.len() <= 1_000 && items.iter().all(fits));
            (!fine).then(|| "must be a list of at most 1000 texts".to_owned())
        }
        Kind::Uuids => {
            let fine = value
                .as_array()
                .is_some_and(|items| items.len() <= 1_000 && items.iter().all(|item| is(item, is_uuid)));
            (!fine).then(|| "must be a list of UUIDs".to_owned())
        }
        Kind::Shown => Some("cannot be given".to_owned()),
    }
}

fn is(value: &Value, test: impl FnOnce(&str) -> bool) -> bool {
    value.as_str().is_some_and(test)
}

fn complaint_of_text(value: &Value, most: usize, form: Form) -> Option<String> {
    let Some(text) = value.as_str() else { return Some("must be a text".to_owned()) };
    if text.contains('\0') {
        return Some("must not hold the character U+0000".to_owned());
    }
    if text.chars().count() > most {
        return Some(format!("must have at most {most} characters"));
    }
    let (fine, hint) = form_of(text, form);
    (!fine).then(|| format!("must be {hint}"))
}

/// Whether a text has the form, and the form in words.
fn form_of(text: &str, form: Form) -> (bool, &'static str) {
    let bytes = text.as_bytes();
    match form {
        Form::Free | Form::Checked => (true, "a text"),
        Form::Slug => (is_slug(bytes), "lower-case letters, digits and hyphens, at most 63"),
        Form::Ident => {
            (is_ident(bytes), "a lower-case letter, then letters, digits and underscores, at most 64")
        }
        Form::Dotted => {
            let words = text.split('.');
            (
                text.contains('.') && words.into_iter().all(|word| is_ident(word.as_bytes())),
                "words joined by dots",
            )
        }
        Form::Host => {
            let labels = text.to_ascii_lowercase();
            (
                labels.contains('.') && labels.split('.').all(|label| is_slug(label.as_bytes())),
                "a domain name",
            )
        }
        Form::Url => {
            let lower = text.to_ascii_lowercase();
            let rest = lower.strip_prefix("https://").or_else(|| lower.strip_prefix("http://"));
            let fine = rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(char::is_whitespace));
            (fine, "an address that begins with https://")
        }
        Form::Color => {
            let digits = text.strip_prefix('#').unwrap_or_default();
            (
                digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
                "a colour like #1a2b3c",
            )
        }
        Form::Phone => {
            let digits = text.strip_prefix('+').unwrap_or_default().as_bytes();
            let fine = (2..=15).contains(&digits.len())
                && digits.iter().all(u8::is_ascii_digit)
                && digits.first() != Some(&b'0');
            (fine, "a number like +4915112345678")
        }
        Form::Email => {
            let fine = text.split_once('@').is_some_and(|(name, host)| {
                !name.is_empty()
                    && !host.is_empty()
                    && !host.contains('@')
                    && !text.contains(char::is_whitespace)
            });
            (fine, "an e-mail address")
        }
        Form::Currency => {
            (bytes.len() == 3 && bytes.iter().all(u8::is_ascii_uppercase), "three capital letters like EUR")
        }
        Form::Semver => {
            let core = text.split(['-', '+']).next().unwrap_or_default();
            let numbers: Vec<&str> = core.split('.').collect();
            let number = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            (numbers.len() == 3 && numbers.iter().all(number), "a version like 1.4.0")
        }
    }
}

fn is_slug(bytes: &[u8]) -> bool {
    let legal = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (1..=63).contains(&bytes.len())
        && bytes.iter().all(|byte| legal(byte) || *byte == b'-')
        && bytes.first().is_some_and(legal)
        && bytes.last().is_some_and(legal)
}

fn is_ident(bytes: &[u8]) -> bool {
    (1..=64).contains(&bytes.len())
        && bytes.first().is_some_and(u8::is_ascii_lowercase)
        && bytes.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'_')
}

/// Only the usual form: the others that the library reads, the database does not.
pub(super) fn is_uuid(text: &str) -> bool {
    text.len() == 36 && Uuid::try_parse(text).is_ok()
}

pub(super) fn is_instant(text: &str) -> bool {
    DateTime::parse_from_rfc3339(text).is_ok_and(|instant| {
        use chrono::Datelike as _;
        (1970..=9999).contains(&instant.to_utc().year())
    })
}

pub(super) fn is_date(text: &str) -> bool {
    text.len() == 10 && text.parse::<NaiveDate>().is_ok()
}

fn is_time(text: &str) -> bool {
    NaiveTime::parse_from_str(text, "%H:%M").is_ok() || NaiveTime::parse_from_str(text, "%H:%M:%S").is_ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    static SAMPLE: Table = Table {
        name: "sample",
        columns: &[
            Column::uuid("id"),
            Column::form("slug", 63, Form::Slug).once().required(),
            Column::integer("seats", 1, 9).taken(),
            Column::text("note", 5).nullable().taken(),
            Column::choice("status", &["open", "closed"]),
            Column::object("settings").taken(),
        ],
        ..Table::PLAIN
    };

    fn faults(mode: Mode, body: Value) -> Vec<String> {
        let Value::Object(body) = body else { panic!("an object") };
        match check(&SAMPLE, &body, mode, &[]) {
            Ok(()) => Vec::new(),
            Err(ApiError::Invalid(errors)) => errors.iter().map(|error| error.field.to_string()).collect(),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let body = json!({ "seats": 10, "note": "too long", "status": "open", "colour": 1 });
        assert_eq!(faults(Mode::Create, body), ["colour", "note", "seats", "status", "slug"]);
    }

    #[test]
    fn a_change_needs_nothing_and_takes_no_field_that_is_given_once() {
        assert!(faults(Mode::Update, json!({})).is_empty());
        assert!(faults(Mode::Update, json!({ "note": null })).is_empty());
        assert_eq!(faults(Mode::Update, json!({ "slug": "a" })), ["slug"]);
        assert_eq!(faults(Mode::Update, json!({ "seats": null })), ["seats"]);
    }

    #[test]
    fn documents_hold_no_number_that_cannot_be_read_back() {
        let holding = |number: f64| json!({ "settings": { "a": [{ "b": number }] } });
        assert!(faults(Mode::Update, holding(-1e300)).is_empty());
        assert_eq!(faults(Mode::Update, holding(-1.797_693_134_862_315_5e308)), ["settings"]);
        assert_eq!(faults(Mode::Update, json!({ "settings": [] })), ["settings"]);
    }

    #[test]
    fn forms_are_those_of_the_database() {
        for (form, good, bad) in [
            (Form::Slug, "a-1", "-a"),
            (Form::Ident, "order_no", "1a"),
            (Form::Dotted, "a.b", "a"),
            (Form::Host, "shop.example", "shop"),
            (Form::Url, "https://a.example/b", "ftp://a"),
            (Form::Color, "#1a2B3c", "#12345"),
            (Form::Phone, "+4915112345678", "0151"),
            (Form::Email, "a@b", "a@@b"),
            (Form::Currency, "EUR", "euro"),
            (Form::Semver, "1.2.3-rc.1", "1.2"),
        ] {
            assert!(form_of(good, form).0, "{good}");
            assert!(!form_of(bad, form).0, "{bad}");
        }
    }
}
