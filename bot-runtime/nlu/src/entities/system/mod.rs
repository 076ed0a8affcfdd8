//! The built-in kinds of value, for English, German, Spanish and French; other languages get what does not
//! depend on words.
//!
//! A text is cut into tokens once. At each token every wanted reader says how far it gets; the longest reading
//! wins, and spans begin and end where words do. Where a reading could mean two things the value says so
//! (`also`) instead of guessing.

mod contact;
mod date;
mod duration;
mod location;
mod money;
mod number;
mod time;
mod tokens;
mod vocabulary;

use chrono::NaiveDateTime;
use serde_json::Value;

use super::{Context, Span};
use crate::corpus::SystemType;
use crate::text::is_whole;
use tokens::{Token, tokens};
use vocabulary::{Vocabulary, vocabulary};

/// What readers look at.
struct Reader<'a> {
    tokens: &'a [Token<'a>],
    words: &'static Vocabulary,
    now: NaiveDateTime,
}

/// A value and the token after its last.
type Reading = Option<(usize, Value)>;

/// Which reading wins among those of one length: the first.
const ORDER: [SystemType; 6] = [
    SystemType::Currency,
    SystemType::Date,
    SystemType::Time,
    SystemType::Duration,
    SystemType::Number,
    SystemType::Location,
];

/// The values of the wanted kinds. Only wanted kinds compete: without dates, `3 May` has a number.
pub(crate) fn find(context: &Context<'_>, wanted: &[SystemType]) -> Vec<(SystemType, Span)> {
    if wanted.is_empty() {
        return Vec::new();
    }
    // Addresses and phone numbers are full of digits that mean nothing alone, so they are found first.
    let mut found = contact::find(context, wanted);
    let all = tokens(context.text);
    let reader = Reader { tokens: &all, words: vocabulary(context.language), now: context.now };
    let mut places = location::find(context.text, wanted);
    let mut at = 0;
    while at < all.len() {
        let start = all[at].start;
        if let Some((_, span)) = found.iter().find(|(_, span)| span.start <= start && start < span.end) {
            let end = span.end;
            at += all[at..].iter().take_while(|token| token.start < end).count().max(1);
            continue;
        }
        let readings = ORDER.iter().filter(|kind| wanted.contains(kind)).filter_map(|kind| {
            let (next, value) = reader.read(*kind, at)?;
            let end = all.get(next.checked_sub(1)?)?.end;
            is_whole(context.text, start, end).then_some((*kind, next, Span { start, end, value }))
        });
        // max_by_key keeps the last of equals, so they come in reverse.
        let readings: Vec<_> = readings.collect();
        let Some((kind, next, span)) = readings.into_iter().rev().max_by_key(|(_, next, _)| *next) else {
            at += 1;
            continue;
        };
        at = next.max(at + 1);
        found.push((kind, span));
    }
    places.retain(|(_, place)| {
        found.iter().all(|(_, span)| place.end <= span.start || span.end <= place.start)
    });
    found.append(&mut places);
    found.sort_by_key(|(_, span)| span.start);
    found
}

impl Reader<'_> {
    fn read(&self, kind: SystemType, at: usize) -> Reading {
        match kind {
            SystemType::Currency => self.money(at),
            SystemType::Date => self.date(at),
            SystemType::Time => self.time(at),
            SystemType::Duration => self.duration(at),
            SystemType::Number => self.plain_number(at),
            SystemType::Location | SystemType::Email | SystemType::Phone | SystemType::Url => None,
        }
    }

    /// The folded word at a token, empty if there is none.
    fn word(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| token.folded.as_str())
    }

    /// The token after one of these words, or after nothing.
    fn skip(&self, at: usize, words: &[&str]) -> usize {
        if words.contains(&self.word(at)) { at + 1 } else { at }
    }

    /// Whether two tokens touch.
    fn touches(&self, at: usize) -> bool {
        at > 0 && self.tokens.get(at).is_some_and(|token| token.start == self.tokens[at - 1].end)
    }
}

/// A number of small size from a table of words.
fn lookup<T: Copy>(table: &[(&str, T)], word: &str) -> Option<T> {
    table.iter().find(|(known, _)| *known == word).map(|(_, value)| *value)
}

#[cfg(test)]
mod cases;
