//! Countries and big cities, by the names they have in the languages offered. The value has the ISO 3166 code
//! of the country and, for a city, its English name.

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::super::Span;
use super::super::list::List;
use crate::corpus::{ListValue, SystemType};

/// One place a line: country code, English name, other names; `!` before a name that is also a common word,
/// which counts only with a capital, and never at the start of a text.
const PLACES: &str = include_str!("places.txt");

struct Places {
    list: List,
    cautious: Vec<&'static str>,
}

static LIST: LazyLock<Option<Places>> = LazyLock::new(|| {
    let mut values = Vec::new();
    let mut cautious = Vec::new();
    for line in PLACES.lines() {
        let mut parts = line.split('|').map(str::trim);
        let (Some(kind), Some(country), Some(name)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        let bare = name.trim_start_matches('!');
        let mut synonyms = Vec::new();
        for name in parts.chain([name]) {
            if let Some(common) = name.strip_prefix('!') {
                cautious.push(common);
            }
            synonyms.push(name.trim_start_matches('!').to_owned());
        }
        values.push(ListValue { value: format!("{kind}|{country}|{bare}"), synonyms });
    }
    let list = List::new("location", &values, false).ok()?;
    Some(Places { list, cautious })
});

pub(super) fn find(text: &str, wanted: &[SystemType]) -> Vec<(SystemType, Span)> {
    let Some(places) = LIST.as_ref().filter(|_| wanted.contains(&SystemType::Location)) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for span in places.list.find(text) {
        let written = &text[span.start..span.end];
        let common = places.cautious.iter().any(|name| name.eq_ignore_ascii_case(written));
        let named = written.starts_with(char::is_uppercase) && span.start > 0;
        if common && !named {
            continue;
        }
        let mut parts = span.value.as_str().unwrap_or_default().split('|');
        let (kind, country, name) = (parts.next(), parts.next(), parts.next());
        let value: Value = if kind == Some("city") {
            json!({ "city": name, "country": country })
        } else {
            json!({ "country": country, "name": name })
        };
        found.push((SystemType::Location, Span { value, ..span }));
    }
    found
}
