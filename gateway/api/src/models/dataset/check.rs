//! Whether the rows of a data set can be trained with: their form, the order of those who speak, lengths, rows that stand
//! there twice, and secrets that nobody meant to teach.

use std::{collections::BTreeMap, sync::LazyLock};

use regex::RegexSet;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::{Purpose, Read};

/// Most faults that are told.
const TOLD: usize = 100;
/// The longest text, in characters.
const TEXT: usize = 32_000;
/// The longest label, in characters.
const LABEL: usize = 200;
/// Most turns of a conversation.
const TURNS: usize = 200;
/// Most labels that are counted.
const LABELS: usize = 500;
/// Characters of a token, as a rule of thumb for what a model counts by.
const TOKEN: u64 = 4;

/// What secrets look like. Each pattern begins with what its maker puts there, so that ordinary text is not taken for one.
static SECRETS: LazyLock<Option<RegexSet>> = LazyLock::new(|| {
    RegexSet::new([
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
        r"\b(AKIA|ASIA)[0-9A-Z]{16}\b",
        r"\bgh[pousr]_[0-9A-Za-z]{36,}",
        r"\bxox[abprs]-[0-9A-Za-z-]{10,}",
        r"\bsk-[0-9A-Za-z_-]{20,}",
        r"\b[sr]k_live_[0-9A-Za-z]{20,}",
        r"\bbbs?_[0-9a-f]{12,}",
        r"\bAIza[0-9A-Za-z_-]{35}",
        r"\beyJ[0-9A-Za-z_-]{10,}\.eyJ[0-9A-Za-z_-]{10,}\.[0-9A-Za-z_-]{10,}",
    ])
    .ok()
});

/// What was found.
#[derive(Debug, Default)]
pub(in crate::models) struct Report {
    /// Rows there are, those at fault included.
    pub rows: u64,
    /// Tokens of the rows, estimated.
    pub tokens: u64,
    /// Faults that keep the set from being used.
    errors: u64,
    warnings: u64,
    told: Vec<Value>,
    labels: BTreeMap<String, u64>,
}

impl Report {
    /// Whether the set can be trained with.
    pub const fn is_ready(&self) -> bool {
        self.rows > 0 && self.errors == 0
    }

    /// As the column keeps it.
    pub fn json(&self) -> Map<String, Value> {
        let report = json!({
            "rows": self.rows,
            "errors": self.errors,
            "warnings": self.warnings,
            "problems": self.told,
            "labels": self.labels,
            "tokens_estimated": self.tokens,
        });
        match report {
            Value::Object(report) => report,
            _ => Map::new(),
        }
    }

    /// A report on a file that has no rows.
    pub fn unreadable(why: &super::Unreadable) -> Self {
        let mut report = Self::default();
        report.error(0, "unreadable", &why.to_string());
        report
    }

    fn error(&mut self, line: u64, code: &str, detail: &str) {
        self.errors += 1;
        self.tell(line, code, detail);
    }

    fn warn(&mut self, line: u64, code: &str, detail: &str) {
        self.warnings += 1;
        self.tell(line, code, detail);
    }

    fn tell(&mut self, line: u64, code: &str, detail: &str) {
        if self.told.len() < TOLD {
            self.told.push(json!({ "line": line, "code": code, "detail": detail }));
        }
    }
}

/// Looks at every row.
pub(in crate::models) fn check(rows: &[Read], purpose: Purpose) -> Report {
    let mut report = Report::default();
    let mut seen: BTreeMap<[u8; 32], u64> = BTreeMap::new();
    for (line, row) in rows {
        report.rows += 1;
        let row = match row {
            Ok(row) => row,
            Err(why) => {
                report.error(*line, "unreadable", why);
                continue;
            }
        };
        if let Err((code, detail)) = form(row, purpose) {
            report.error(*line, code, &detail);
            continue;
        }
        let text = row.to_string();
        report.tokens += (text.chars().count() as u64).div_ceil(TOKEN);
        if SECRETS.as_ref().is_some_and(|secrets| secrets.is_match(&text)) {
            report.error(*line, "secret", "holds what looks like a key or token; take it out");
        }
        if let Some(label) = row.get("label").and_then(Value::as_str)
            && (report.labels.contains_key(label) || report.labels.len() < LABELS)
        {
            *report.labels.entry(label.to_owned()).or_default() += 1;
        }
        match seen.entry(Sha256::digest(&text).into()) {
            std::collections::btree_map::Entry::Occupied(first) => {
                let detail = format!("is the same as line {}", first.get());
                report.warn(*line, "duplicate", &detail);
            }
            std::collections::btree_map::Entry::Vacant(place) => {
                place.insert(*line);
            }
        }
    }
    if purpose == Purpose::Classification && report.errors == 0 && report.labels.len() == 1 {
        report.error(0, "one_label", "all rows have the same label: there is nothing to tell apart");
    }
    if report.rows == 0 {
        report.error(0, "empty", "has no rows");
    }
    report
}

/// Why a row is none of this purpose: a word and a sentence.
type Fault = (&'static str, String);

fn form(row: &Value, purpose: Purpose) -> Result<(), Fault> {
    let row = row.as_object().ok_or(("shape", "must be an object".to_owned()))?;
    let known: &[&str] = match purpose {
        Purpose::Chat => &["messages"],
        Purpose::Classification => &["text", "label"],
        Purpose::Style => &["text"],
    };
    if let Some(name) = row.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(("shape", format!("`{name}` is not known; a row has: {}", known.join(", "))));
    }
    match purpose {
        Purpose::Chat => conversation(row),
        Purpose::Classification => {
            filled(row, "text", TEXT)?;
            filled(row, "label", LABEL)
        }
        Purpose::Style => filled(row, "text", TEXT),
    }
}

fn filled(row: &Map<String, Value>, name: &str, most: usize) -> Result<(), Fault> {
    let text = row.get(name).and_then(Value::as_str);
    let text = text.ok_or_else(|| ("shape", format!("`{name}` must be a text")))?;
    if text.trim().is_empty() {
        return Err(("empty", format!("`{name}` is empty")));
    }
    if text.chars().count() > most {
        return Err(("length", format!("`{name}` has more than {most} characters")));
    }
    Ok(())
}

/// The system speaks first or not at all, and the assistant has the last word: that is what is learned.
fn conversation(row: &Map<String, Value>) -> Result<(), Fault> {
    let turns = row.get("messages").and_then(Value::as_array);
    let turns = turns.ok_or(("shape", "`messages` must be a list".to_owned()))?;
    if turns.len() > TURNS {
        return Err(("length", format!("`messages` has more than {TURNS} entries")));
    }
    let mut roles = Vec::with_capacity(turns.len());
    for (index, turn) in turns.iter().enumerate() {
        let turn =
            turn.as_object().ok_or_else(|| ("shape", format!("`messages[{index}]` must be an object")))?;
        if let Some(name) = turn.keys().find(|name| !matches!(name.as_str(), "role" | "content")) {
            return Err(("shape", format!("`messages[{index}].{name}` is not known")));
        }
        filled(turn, "content", TEXT)
            .map_err(|(code, detail)| (code, format!("`messages[{index}]`: {detail}")))?;
        let role = turn.get("role").and_then(Value::as_str).unwrap_or_default();
        if !matches!(role, "system" | "user" | "assistant") {
            return Err(("roles", format!("`messages[{index}].role` must be system, user or assistant")));
        }
        if role == "system" && index > 0 {
            return Err(("roles", "the system speaks first or not at all".to_owned()));
        }
        roles.push(role);
    }
    if !roles.contains(&"user") {
        return Err(("roles", "the user says nothing".to_owned()));
    }
    if roles.last() != Some(&"assistant") {
        return Err(("roles", "the assistant must have the last word".to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(rows: &[Value], purpose: Purpose) -> Report {
        let rows: Vec<Read> = (1..).zip(rows.iter().cloned().map(Ok)).collect();
        check(&rows, purpose)
    }

    fn codes(report: &Report) -> Vec<&str> {
        report.told.iter().filter_map(|told| told["code"].as_str()).collect()
    }

    fn said(turns: &[(&str, &str)]) -> Value {
        let turns: Vec<Value> =
            turns.iter().map(|(role, text)| json!({ "role": role, "content": text })).collect();
        json!({ "messages": turns })
    }

    #[test]
    fn a_conversation_has_its_order() {
        let fine = said(&[("system", "be kind"), ("user", "hi"), ("assistant", "hello")]);
        let ready = report(&[fine.clone(), fine], Purpose::Chat);
        assert!(ready.is_ready() && codes(&ready) == ["duplicate"], "{ready:?}");
        for wrong in [
            said(&[("user", "hi"), ("system", "be kind"), ("assistant", "hello")]),
            said(&[("user", "hi")]),
            said(&[("assistant", "hello")]),
            said(&[("robot", "hi"), ("assistant", "hello")]),
        ] {
            let report = report(&[wrong], Purpose::Chat);
            assert!(!report.is_ready() && codes(&report) == ["roles"], "{report:?}");
        }
        for (wrong, code) in [
            (json!({ "messages": "hi" }), "shape"),
            (json!({ "text": "hi" }), "shape"),
            (json!(7), "shape"),
            (said(&[("user", " "), ("assistant", "hello")]), "empty"),
            (said(&[("user", &"x".repeat(TEXT + 1)), ("assistant", "hello")]), "length"),
        ] {
            assert_eq!(codes(&report(&[wrong], Purpose::Chat)), [code]);
        }
    }

    #[test]
    fn labels_are_counted_and_one_alone_teaches_nothing() {
        let row = |text: &str, label: &str| json!({ "text": text, "label": label });
        let two = report(&[row("a", "x"), row("b", "x"), row("c", "y")], Purpose::Classification);
        assert!(two.is_ready());
        assert_eq!(two.json()["labels"], json!({ "x": 2, "y": 1 }));
        assert_eq!(codes(&report(&[row("a", "x")], Purpose::Classification)), ["one_label"]);
        assert_eq!(codes(&report(&[], Purpose::Classification)), ["empty"]);
    }

    #[test]
    fn keys_and_tokens_are_found_and_ordinary_words_are_not() {
        for secret in [
            "-----BEGIN RSA PRIVATE KEY-----".to_owned(),
            format!("AKIA{}", "A".repeat(16)),
            format!("my token is ghp_{}.", "a".repeat(36)),
            format!("sk-{}", "a1".repeat(15)),
            format!("bb_{}_x", "0a".repeat(6)),
        ] {
            let report = report(&[json!({ "text": secret })], Purpose::Style);
            assert!(!report.is_ready() && codes(&report) == ["secret"], "{secret}");
        }
        let plain = json!({ "text": "ask-me-anything about the task-force, AKIA is a word, bb_8 too" });
        assert!(report(&[plain], Purpose::Style).is_ready());
    }

    #[test]
    fn only_so_many_faults_are_told_and_all_are_counted() {
        let rows: Vec<Value> = (0..300).map(|_| json!({})).collect();
        let report = report(&rows, Purpose::Style).json();
        assert_eq!(
            (&report["errors"], report["problems"].as_array().map(Vec::len)),
            (&json!(300), Some(TOLD))
        );
    }
}
