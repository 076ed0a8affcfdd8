//! Known values and what else they are called: word for word, then with a typing mistake forgiven.

use std::collections::HashMap;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, AhoCorasickKind, MatchKind};
use serde_json::Value;

use super::{EntityError, Span};
use crate::corpus::ListValue;
use crate::text::spelling::distance;
use crate::text::{fold, is_whole, words};

/// Values and synonyms of one entity at most.
pub(crate) const MOST_NAMES: usize = 20_000;
/// Letters from which one mistake is forgiven.
const ONE: usize = 5;
/// Letters from which two are.
const TWO: usize = 8;

#[derive(Debug)]
pub(crate) struct List {
    values: Vec<String>,
    exact: AhoCorasick,
    /// Which value each pattern of `exact` means.
    meanings: Vec<usize>,
    /// Names that forgive mistakes, by their number of words.
    fuzzy: HashMap<usize, Vec<Forgiving>>,
}

/// A name that forgives mistakes.
#[derive(Debug)]
struct Forgiving {
    letters: Vec<char>,
    mask: u64,
    value: usize,
}

impl List {
    pub(crate) fn new(entity: &str, values: &[ListValue], fuzzy: bool) -> Result<Self, EntityError> {
        let mut names: Vec<(String, usize)> = Vec::new();
        for (number, value) in values.iter().enumerate() {
            let called = std::iter::once(&value.value).chain(&value.synonyms);
            names.extend(called.map(|name| (fold(name), number)).filter(|(name, _)| !name.is_empty()));
        }
        if names.len() > MOST_NAMES {
            return Err(EntityError::TooManyValues { entity: entity.to_owned(), found: names.len() });
        }
        let exact = AhoCorasickBuilder::new()
            .match_kind(MatchKind::LeftmostLongest)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(names.iter().map(|(name, _)| name))
            .map_err(|error| EntityError::Pattern { entity: entity.to_owned(), reason: error.to_string() })?;
        let meanings = names.iter().map(|(_, value)| *value).collect();
        let mut forgiving: HashMap<usize, Vec<Forgiving>> = HashMap::new();
        for (name, value) in names.iter().filter(|_| fuzzy) {
            let letters: Vec<char> = name.chars().collect();
            if letters.len() >= ONE {
                let one = Forgiving { mask: mask(&letters), letters, value: *value };
                forgiving.entry(words(name).count()).or_default().push(one);
            }
        }
        let values = values.iter().map(|value| value.value.clone()).collect();
        Ok(Self { values, exact, meanings, fuzzy: forgiving })
    }

    /// The values in a text; where several begin at one word, the longest.
    pub(crate) fn find(&self, text: &str) -> Vec<Span> {
        let folded = Folded::new(text);
        let mut spans = Vec::new();
        let mut from = 0;
        // A match that is only part of a word must not hide one that begins inside it.
        while let Some(hit) =
            self.exact.find(aho_corasick::Input::new(&folded.text).span(from..folded.text.len()))
        {
            let span = folded.origin(hit.start(), hit.end());
            if let Some((start, end)) = span.filter(|(start, end)| is_whole(text, *start, *end)) {
                let value = Value::from(self.values[self.meanings[hit.pattern().as_usize()]].as_str());
                spans.push(Span { start, end, value });
                from = hit.end();
            } else {
                let step = folded.text[hit.start()..].chars().next().map_or(1, char::len_utf8);
                from = hit.start() + step;
            }
        }
        self.find_mistyped(text, &mut spans);
        spans
    }

    fn find_mistyped(&self, text: &str, spans: &mut Vec<Span>) {
        if self.fuzzy.is_empty() {
            return;
        }
        let all: Vec<_> = words(text).collect();
        let taken =
            |start: usize, end: usize, spans: &[Span]| spans.iter().any(|s| start < s.end && s.start < end);
        let mut lengths: Vec<usize> = self.fuzzy.keys().copied().collect();
        lengths.sort_unstable_by(|a, b| b.cmp(a));
        for length in lengths.into_iter().filter(|length| *length > 0) {
            for group in all.windows(length) {
                let (start, end) = (group[0].start, group[length - 1].end());
                if taken(start, end, spans) {
                    continue;
                }
                let typed: Vec<char> = fold(&text[start..end]).chars().collect();
                if let Some(value) = self.nearest(&typed, length) {
                    spans.push(Span { start, end, value: Value::from(self.values[value].as_str()) });
                }
            }
        }
    }

    /// The value nearest to what was typed; none if two are equally near.
    fn nearest(&self, typed: &[char], length: usize) -> Option<usize> {
        let mut best: Option<(usize, usize)> = None;
        let mut tied = false;
        let typed_mask = mask(typed);
        for Forgiving { letters: name, mask, value } in self.fuzzy.get(&length)? {
            let reach = if name.len().min(typed.len()) >= TWO { 2 } else { 1 };
            // A mistake adds a letter, takes one away, or both: most names are told apart by that alone.
            if (mask ^ typed_mask).count_ones() as usize > 2 * reach {
                continue;
            }
            // Codes differ by a digit and mean different things.
            let same_digits =
                || name.iter().filter(|l| l.is_numeric()).eq(typed.iter().filter(|l| l.is_numeric()));
            let Some(mistakes) = distance(typed, name, reach).filter(|_| same_digits()) else { continue };
            match best {
                Some((least, _)) if mistakes > least => {}
                Some((least, found)) if mistakes == least => tied |= found != *value,
                _ => {
                    best = Some((mistakes, *value));
                    tied = false;
                }
            }
        }
        best.filter(|_| !tied && typed.len() + 1 >= ONE).map(|(_, value)| value)
    }
}

/// Which letters occur, in 64 classes.
fn mask(letters: &[char]) -> u64 {
    letters.iter().fold(0, |mask, letter| mask | 1 << (u32::from(*letter) % 64))
}

/// A text without case and accents that remembers where each byte came from.
struct Folded {
    text: String,
    /// For each byte of the text, the letter it came from: first byte and byte after.
    origins: Vec<(usize, usize)>,
}

impl Folded {
    fn new(text: &str) -> Self {
        let mut out =
            Self { text: String::with_capacity(text.len()), origins: Vec::with_capacity(text.len()) };
        let mut chars = text.char_indices().peekable();
        while let Some((start, letter)) = chars.next() {
            // A letter and the accents written after it fold together.
            let mut end = start + letter.len_utf8();
            while let Some((at, mark)) =
                chars.peek().copied().filter(|(_, l)| ('\u{300}'..='\u{36f}').contains(l))
            {
                end = at + mark.len_utf8();
                chars.next();
            }
            let plain = if letter.is_whitespace() { " ".to_owned() } else { fold(&text[start..end]) };
            if plain == " " && out.text.ends_with(' ') {
                continue;
            }
            out.origins.extend(std::iter::repeat_n((start, end), plain.len()));
            out.text.push_str(&plain);
        }
        out
    }

    fn origin(&self, start: usize, end: usize) -> Option<(usize, usize)> {
        let last = self.origins.get(end.checked_sub(1)?)?;
        Some((self.origins.get(start)?.0, last.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(fuzzy: bool) -> Result<List, EntityError> {
        let value = |value: &str, synonyms: &[&str]| ListValue {
            value: value.to_owned(),
            synonyms: synonyms.iter().map(|s| (*s).to_owned()).collect(),
        };
        let all = [
            value("Zürich", &["Zurigo"]),
            value("New York", &["NYC"]),
            value("York", &[]),
            value("東京", &[]),
        ];
        List::new("city", &all, fuzzy)
    }

    fn values(text: &str, fuzzy: bool) -> Result<Vec<(String, String)>, EntityError> {
        let mut spans = list(fuzzy)?.find(text);
        spans.sort_by_key(|span| span.start);
        let named = |span: Span| {
            (text[span.start..span.end].to_owned(), span.value.as_str().unwrap_or("").to_owned())
        };
        Ok(spans.into_iter().map(named).collect())
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
    }

    #[test]
    fn case_accents_and_synonyms() -> Result<(), EntityError> {
        assert_eq!(values("from ZURICH to nyc", false)?, pairs(&[("ZURICH", "Zürich"), ("nyc", "New York")]));
        assert_eq!(values("Zu\u{308}rich", false)?, pairs(&[("Zu\u{308}rich", "Zürich")]));
        assert_eq!(values("去東京吧", false)?, pairs(&[("東京", "東京")]));
        Ok(())
    }

    #[test]
    fn the_longest_wins_and_words_are_whole() -> Result<(), EntityError> {
        assert_eq!(values("new   york", false)?, pairs(&[("new   york", "New York")]));
        assert_eq!(values("Yorkshire", false)?, []);
        Ok(())
    }

    #[test]
    fn mistakes_are_forgiven_in_long_names_only() -> Result<(), EntityError> {
        assert_eq!(values("to Zurihc", true)?, pairs(&[("Zurihc", "Zürich")]));
        assert_eq!(values("to Nwe Yorck", true)?, pairs(&[("Nwe Yorck", "New York")]));
        assert_eq!(values("the fork", true)?, []);
        assert_eq!(values("to Zurihc", false)?, []);
        Ok(())
    }
}
