//! Values that look alike: a regular expression of bounded size, read in linear time.

use regex::{Regex, RegexBuilder};
use serde_json::Value;

use super::{EntityError, Span};

/// Letters of a pattern at most.
const LONGEST: usize = 500;
/// Bytes of a compiled pattern at most.
const SIZE: usize = 1 << 20;
/// Matches in a text at most.
const MOST: usize = 50;

#[derive(Debug)]
pub(crate) struct Pattern(Regex);

impl Pattern {
    pub(crate) fn new(entity: &str, pattern: &str) -> Result<Self, EntityError> {
        let refused = |reason: String| EntityError::Pattern { entity: entity.to_owned(), reason };
        if pattern.chars().count() > LONGEST {
            return Err(refused(format!("it is longer than {LONGEST} letters")));
        }
        let compiled =
            RegexBuilder::new(pattern).size_limit(SIZE).dfa_size_limit(SIZE).nest_limit(50).build();
        let compiled = compiled.map_err(|error| refused(error.to_string()))?;
        if compiled.is_match("") {
            return Err(refused("it matches the empty text".to_owned()));
        }
        Ok(Self(compiled))
    }

    /// Matches from left to right; the value is the first group, or all of the match.
    pub(crate) fn find(&self, text: &str) -> Vec<Span> {
        let matches = self.0.captures_iter(text).take(MOST);
        let spans = matches.filter_map(|groups| {
            let all = groups.get(0).filter(|all| !all.is_empty())?;
            let value = groups.get(1).unwrap_or(all).as_str();
            Some(Span { start: all.start(), end: all.end(), value: Value::from(value) })
        });
        spans.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_bounded_is_refused() {
        for pattern in ["(", r"(?=a)b", r"(\w{500}){500}", "a*", &"x".repeat(600)] {
            assert!(Pattern::new("e", pattern).is_err(), "{pattern}");
        }
    }
}
