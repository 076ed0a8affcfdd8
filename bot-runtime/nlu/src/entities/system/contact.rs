//! E-mail addresses, links and phone numbers.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::super::{Context, Span};
use crate::corpus::SystemType;

// A pattern that does not compile finds nothing; the tests of this page would all fail.
static EMAIL: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"[\w.%+'-]+@(?:[\w-]+\.)+\p{L}{2,24}").ok());

static URL: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r#"(?i)(?:https?://|www\.)[^\s<>"“”]+"#,
        r"|(?:[\w-]+\.)+(?:com|org|net|io|de|fr|es|eu|uk|us|co|ai|app|dev|info|shop|example|test)",
        r#"(?:/[^\s<>"“”]*|\b)"#
    ))
    .ok()
});

static PHONE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?:\+|00)?\(?\d[\d\s()./\u{a0}-]{4,24}\d").ok());

/// Words that say that a phone number follows.
const HINTS: [&str; 16] = [
    "phone",
    "call",
    "tel",
    "telephone",
    "mobile",
    "cell",
    "whatsapp",
    "telefon",
    "handy",
    "rufnummer",
    "telefono",
    "móvil",
    "movil",
    "teléfono",
    "téléphone",
    "portable",
];

pub(super) fn find(context: &Context<'_>, wanted: &[SystemType]) -> Vec<(SystemType, Span)> {
    let text = context.text;
    let mut found: Vec<(SystemType, Span)> = Vec::new();
    let mut add = |kind: SystemType, start: usize, end: usize, value: String| {
        let free = found.iter().all(|(_, span)| end <= span.start || span.end <= start);
        if free {
            found.push((kind, Span { start, end, value: Value::from(value) }));
        }
    };
    // All three are looked for even where one is wanted: the digits of a link are no phone number.
    for hit in EMAIL.iter().flat_map(|email| email.find_iter(text)) {
        let trimmed = hit.as_str().trim_start_matches(['.', '\'', '-']);
        add(SystemType::Email, hit.end() - trimmed.len(), hit.end(), trimmed.to_lowercase());
    }
    for hit in URL.iter().flat_map(|url| url.find_iter(text)) {
        let trimmed = trim_link(hit.as_str());
        let end = hit.start() + trimmed.len();
        let whole = text[..hit.start()]
            .chars()
            .next_back()
            .is_none_or(|l| !l.is_alphanumeric() && l != '@' && l != '.');
        if whole && trimmed.contains('.') {
            let lower = trimmed.to_lowercase();
            let has_scheme = lower.starts_with("http://") || lower.starts_with("https://");
            let value = if has_scheme { trimmed.to_owned() } else { format!("https://{trimmed}") };
            add(SystemType::Url, hit.start(), end, value);
        }
    }
    for hit in PHONE.iter().flat_map(|phone| phone.find_iter(text)) {
        let written = hit.as_str();
        if let Some(number) = phone(written, &text[..hit.start()], &text[hit.end()..]) {
            add(SystemType::Phone, hit.start(), hit.end(), number);
        }
    }
    // What is not wanted stays here too, so that nobody reads a number out of a link.
    found.retain(|(kind, _)| wanted.contains(kind) || matches!(kind, SystemType::Email | SystemType::Url));
    found
}

/// A link without the punctuation of the sentence around it.
fn trim_link(link: &str) -> &str {
    let mut link = link;
    loop {
        let cut = link.trim_end_matches(['.', ',', ';', ':', '!', '?', '\'', '"', '»', '*']);
        let unmatched = cut.ends_with(')') && cut.matches(')').count() > cut.matches('(').count();
        let cut = if unmatched { &cut[..cut.len() - 1] } else { cut };
        if cut.len() == link.len() {
            return link;
        }
        link = cut;
    }
}

/// The digits of a phone number, with `+` if it is international; none if it is rather something else.
fn phone(written: &str, before: &str, after: &str) -> Option<String> {
    let digits: String = written.chars().filter(char::is_ascii_digit).collect();
    if !(7..=15).contains(&digits.len()) {
        return None;
    }
    let touching = before.ends_with(|l: char| l.is_alphanumeric() || "$€£¥#-./,".contains(l));
    if touching || after.starts_with(|l: char| l.is_alphanumeric() || "€$£%".contains(l)) {
        return None;
    }
    let plus = written.starts_with('+');
    if plus || (written.starts_with("00") && digits.len() >= 10) {
        return Some(format!("+{}", if plus { digits.as_str() } else { &digits[2..] }));
    }
    if looks_like_a_date(written) {
        return None;
    }
    let groups = written.split(|l: char| !l.is_ascii_digit()).filter(|group| !group.is_empty()).count();
    let lower = before.to_lowercase();
    let last_words =
        lower.split(|l: char| !l.is_alphanumeric()).filter(|word| !word.is_empty()).rev().take(4);
    let announced = last_words.into_iter().any(|word| HINTS.contains(&word));
    let national = digits.starts_with('0') && digits.len() >= 9;
    let grouped = groups >= 3 && digits.len() >= 9 && !written.contains('/');
    (announced || national || grouped || written.starts_with('(')).then_some(digits)
}

fn looks_like_a_date(written: &str) -> bool {
    let parts: Vec<&str> = written.split(['-', '.', '/']).collect();
    let figures =
        parts.iter().all(|part| matches!(part.len(), 1 | 2 | 4) && part.bytes().all(|b| b.is_ascii_digit()));
    parts.len() == 3 && figures && parts.iter().filter(|part| part.len() == 4).count() == 1
}
