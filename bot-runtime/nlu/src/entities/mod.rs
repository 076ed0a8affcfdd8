//! Entities: the values in a text, with where they stand.
//!
//! ```text
//! Extractor::new(&corpus.entities) -> Extractor        compiled once, when the bot is loaded
//! extractor.extract(&Context { text, language, now }) -> Vec<Found>
//! ```
//!
//! Spans are bytes of the text as written. No two found values overlap: the longer one wins, then the earlier
//! definition. All reading is linear in the length of the text.

mod list;
mod pattern;
pub mod system;

use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::corpus::{Entity, EntityKind, SystemType};
use crate::text::Language;
use list::List;
use pattern::Pattern;

/// Bytes of a text that are looked at.
const LONGEST: usize = 4_000;
/// Values returned at most.
const MOST: usize = 100;

/// A value found in a text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// The entity's name.
    pub entity: String,
    /// First byte.
    pub start: usize,
    /// Byte after the last.
    pub end: usize,
    /// The words.
    pub text: String,
    /// What they stand for; its shape depends on the kind (`docs/nlu.md`).
    pub value: Value,
    /// Whether it must be hidden in logs.
    pub sensitive: bool,
}

/// What reading depends on besides the definitions.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// What the person wrote.
    pub text: &'a str,
    /// In which language.
    pub language: &'a Language,
    /// The person's wall clock: *tomorrow* is the day after it.
    pub now: NaiveDateTime,
}

/// Why a definition cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntityError {
    /// A pattern the engine does not read, or that would be too big.
    #[error("the pattern of entity {entity} cannot be used: {reason}")]
    Pattern {
        /// The entity.
        entity: String,
        /// What is wrong.
        reason: String,
    },
    /// A list that is too long.
    #[error("entity {entity} has {found} values and synonyms, more than {}", list::MOST_NAMES)]
    TooManyValues {
        /// The entity.
        entity: String,
        /// How many there are.
        found: usize,
    },
}

/// The entities of a bot, ready to read texts.
#[derive(Debug, Default)]
pub struct Extractor {
    entities: Vec<Ready>,
}

#[derive(Debug)]
struct Ready {
    name: String,
    sensitive: bool,
    reader: Reader,
}

#[derive(Debug)]
enum Reader {
    List(List),
    Pattern(Pattern),
    System(SystemType),
}

/// A span and its value, before it has a name.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Span {
    pub start: usize,
    pub end: usize,
    pub value: Value,
}

impl Extractor {
    /// Compiles definitions. Free text is not found here: it comes from a tagger or answers a question.
    pub fn new(entities: &[Entity]) -> Result<Self, EntityError> {
        let mut ready = Vec::with_capacity(entities.len());
        for entity in entities {
            let reader = match &entity.kind {
                EntityKind::List { values, fuzzy } => Reader::List(List::new(&entity.name, values, *fuzzy)?),
                EntityKind::Pattern { pattern } => Reader::Pattern(Pattern::new(&entity.name, pattern)?),
                EntityKind::System { system } => Reader::System(*system),
                EntityKind::FreeText => continue,
            };
            ready.push(Ready { name: entity.name.clone(), sensitive: entity.sensitive, reader });
        }
        Ok(Self { entities: ready })
    }

    /// The values in a text, in order.
    pub fn extract(&self, context: &Context<'_>) -> Vec<Found> {
        let text = cut(context.text);
        let wanted: Vec<SystemType> = self
            .entities
            .iter()
            .filter_map(|entity| if let Reader::System(system) = entity.reader { Some(system) } else { None })
            .collect();
        let system = system::find(&Context { text, ..*context }, &wanted);
        let mut found: Vec<(usize, Span)> = Vec::new();
        for (number, entity) in self.entities.iter().enumerate() {
            let spans = match &entity.reader {
                Reader::List(list) => list.find(text),
                Reader::Pattern(pattern) => pattern.find(text),
                Reader::System(wanted) => {
                    system.iter().filter(|(kind, _)| kind == wanted).map(|(_, span)| span.clone()).collect()
                }
            };
            found.extend(spans.into_iter().map(|span| (number, span)));
        }
        found.sort_by_key(|(number, span)| (std::cmp::Reverse(span.end - span.start), *number, span.start));
        let mut kept: Vec<(usize, Span)> = Vec::new();
        for (number, span) in found {
            let free = kept.iter().all(|(_, other)| span.end <= other.start || other.end <= span.start);
            if free && kept.len() < MOST {
                kept.push((number, span));
            }
        }
        kept.sort_by_key(|(_, span)| span.start);
        let named = kept.into_iter().map(|(number, span)| Found {
            entity: self.entities[number].name.clone(),
            start: span.start,
            end: span.end,
            text: text[span.start..span.end].to_owned(),
            value: span.value,
            sensitive: self.entities[number].sensitive,
        });
        named.collect()
    }
}

/// The text with sensitive values replaced by the names of their entities, for logs.
pub fn mask(text: &str, found: &[Found]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut kept = 0;
    for value in found.iter().filter(|value| value.sensitive) {
        let Some(before) = text.get(kept..value.start) else { continue };
        out.push_str(before);
        out.push('[');
        out.push_str(&value.entity);
        out.push(']');
        kept = value.end;
    }
    out.push_str(text.get(kept..).unwrap_or_default());
    out
}

fn cut(text: &str) -> &str {
    let end = (0..=LONGEST.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    &text[..end]
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;
    use proptest::prelude::*;

    use super::*;
    use crate::corpus::ListValue;

    fn extractor() -> Result<Extractor, EntityError> {
        let drinks = [("coffee", "espresso"), ("iced tea", "cold tea"), ("tea", "chai")];
        let values =
            drinks.map(|(value, synonym)| ListValue { value: value.into(), synonyms: vec![synonym.into()] });
        let system = |name: &str, system| Entity {
            name: name.into(),
            kind: EntityKind::System { system },
            sensitive: system == SystemType::Email,
        };
        Extractor::new(&[
            Entity {
                name: "drink".into(),
                kind: EntityKind::List { values: values.to_vec(), fuzzy: true },
                sensitive: false,
            },
            Entity {
                name: "order".into(),
                kind: EntityKind::Pattern { pattern: r"[A-Z]{2}-(\d{4})".into() },
                sensitive: false,
            },
            system("amount", SystemType::Currency),
            system("count", SystemType::Number),
            system("mail", SystemType::Email),
        ])
    }

    fn at(text: &str) -> Result<Vec<Found>, EntityError> {
        let now =
            NaiveDate::from_ymd_opt(2026, 5, 6).unwrap_or_default().and_hms_opt(10, 0, 0).unwrap_or_default();
        Ok(extractor()?.extract(&Context { text, language: &Language::default(), now }))
    }

    #[test]
    fn kinds_share_a_text_without_overlap() -> Result<(), EntityError> {
        let text = "2 cold teas and a cofee for $25.50, order AB-1234, mail me@shop.test";
        let found: Vec<(String, String, String)> =
            at(text)?.into_iter().map(|f| (f.entity, f.text, f.value.to_string())).collect();
        let wanted = [
            ("count", "2", "2"),
            ("drink", "cold teas", "\"iced tea\""),
            ("drink", "cofee", "\"coffee\""),
            ("amount", "$25.50", "{\"amount\":\"25.50\",\"currency\":\"USD\"}"),
            ("order", "AB-1234", "\"1234\""),
            ("mail", "me@shop.test", "\"me@shop.test\""),
        ];
        let wanted: Vec<_> = wanted.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned())).to_vec();
        assert_eq!(found, wanted);
        Ok(())
    }

    #[test]
    fn sensitive_values_are_masked() -> Result<(), EntityError> {
        let text = "write to me@shop.test now";
        assert_eq!(mask(text, &at(text)?), "write to [mail] now");
        Ok(())
    }

    proptest! {
        #[test]
        fn spans_lie_in_the_text_and_apart(text in "[\\PC0-9$€.:/@ -]{0,80}") {
            let found = at(&text).unwrap_or_default();
            let mut end = 0;
            for value in found {
                prop_assert!(value.start >= end && value.end > value.start);
                prop_assert_eq!(text.get(value.start..value.end), Some(value.text.as_str()));
                end = value.end;
            }
        }
    }
}
