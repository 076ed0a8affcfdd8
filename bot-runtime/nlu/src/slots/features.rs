//! What the tagger sees of each word.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::clusters::Groups;
use crate::heads::single_hash;
use crate::text::{common, fold};

/// Words of a sentence that are tagged; a longer one is cut.
pub(crate) const WORDS: usize = 200;

/// Names of features, kept apart by their first number.
#[derive(Clone, Copy)]
enum Kind {
    Word = 1,
    Pair,
    Prefix,
    Suffix,
    Shape,
    Near,
    Known,
    Place,
    Intent,
    Triple,
    Rare,
    Common,
    Group,
}

/// What is known of a word beside the word.
pub(crate) struct Known {
    /// The lists it occurs in.
    pub lists: Vec<u32>,
    /// Whether it was hardly ever seen: a name, more often than not.
    pub is_rare: bool,
    /// Whether people use it whatever they talk about.
    pub is_common: bool,
    /// The groups it belongs to, broad and narrow, if that is known.
    pub groups: Option<Groups>,
}

/// Digests of the features of every word. `known` is asked about each word, folded; `intent` is what the sentence was
/// recognised as, if anything.
pub(crate) fn features(words: &[&str], known: impl Fn(&str) -> Known, intent: Option<&str>) -> Vec<Vec<u64>> {
    let folded: Vec<String> = words.iter().take(WORDS).map(|word| fold(word)).collect();
    let shapes: Vec<String> = words.iter().take(WORDS).map(|word| shape(word)).collect();
    let known: Vec<Known> = folded.iter().map(|word| known(word)).collect();
    let count = folded.len();
    let word = |at: usize, offset: isize| -> &str {
        match at.checked_add_signed(offset) {
            Some(place) if place < count => &folded[place],
            Some(_) => "</s>",
            None => "<s>",
        }
    };
    (0..count)
        .map(|at| {
            let mut out = Vec::with_capacity(40);
            let mut add = |kind: Kind, place: isize, parts: &[&str]| out.push(digest(kind, place, parts));
            let own = folded[at].as_str();
            add(Kind::Word, 0, &[own]);
            for offset in [-3, -2, -1, 1, 2, 3] {
                add(Kind::Near, offset, &[word(at, offset)]);
            }
            add(Kind::Pair, -1, &[word(at, -1), own]);
            add(Kind::Pair, 1, &[own, word(at, 1)]);
            add(Kind::Pair, -2, &[word(at, -2), word(at, -1)]);
            add(Kind::Pair, 2, &[word(at, 1), word(at, 2)]);
            add(Kind::Triple, 0, &[word(at, -1), own, word(at, 1)]);
            add(Kind::Triple, -1, &[word(at, -2), word(at, -1), own]);
            add(Kind::Triple, 1, &[own, word(at, 1), word(at, 2)]);
            let letters: Vec<char> = own.chars().collect();
            for length in 1..=4 {
                if letters.len() > length {
                    let prefix: String = letters[..length].iter().collect();
                    let suffix: String = letters[letters.len() - length..].iter().collect();
                    if length > 1 {
                        add(Kind::Prefix, 0, &[&prefix]);
                    }
                    add(Kind::Suffix, 0, &[&suffix]);
                }
            }
            for offset in -1..=1 {
                if let Some(shape) = at.checked_add_signed(offset).and_then(|place| shapes.get(place)) {
                    add(Kind::Shape, offset, &[shape]);
                }
            }
            for offset in -2..=2 {
                let near = at.checked_add_signed(offset).and_then(|place| known.get(place));
                for list in near.into_iter().flat_map(|near| &near.lists) {
                    add(Kind::Known, offset, &[&list.to_string()]);
                }
            }
            for offset in -1..=1 {
                let Some(near) = at.checked_add_signed(offset).and_then(|place| known.get(place)) else {
                    continue;
                };
                if near.is_rare {
                    add(Kind::Rare, offset, &[]);
                }
            }
            if known[at].is_rare {
                add(Kind::Rare, 5, &[intent.unwrap_or_default()]);
                add(Kind::Rare, 6, &[word(at, -1)]);
                add(Kind::Rare, 7, &[word(at, 1)]);
            }
            for offset in -2..=2 {
                let near = at.checked_add_signed(offset).and_then(|place| known.get(place));
                if near.is_some_and(|near| near.is_common) {
                    add(Kind::Common, offset, &[]);
                }
            }
            for offset in -2..=2 {
                let near = at.checked_add_signed(offset).and_then(|place| known.get(place));
                let Some(groups) = near.and_then(|near| near.groups) else { continue };
                for (size, group) in groups.into_iter().enumerate() {
                    let (size, group) = (size.to_string(), group.to_string());
                    add(Kind::Group, offset, &[&size, &group]);
                    if offset == 0 {
                        add(Kind::Group, 5, &[&size, &group, intent.unwrap_or_default()]);
                    }
                }
            }
            add(
                Kind::Place,
                0,
                &[if at == 0 {
                    "first"
                } else if at + 1 == count {
                    "last"
                } else {
                    "inside"
                }],
            );
            if let Some(intent) = intent {
                add(Kind::Intent, 0, &[intent]);
                add(Kind::Intent, 1, &[intent, own]);
                add(Kind::Intent, 2, &[intent, word(at, -1)]);
            }
            out.sort_unstable();
            out.dedup();
            out
        })
        .collect()
}

/// Whether people use the word whatever they talk about, in any language there is a list of.
pub(crate) fn is_common(word: &str) -> bool {
    static WORDS: LazyLock<HashSet<String>> = LazyLock::new(|| common::all().map(fold).collect());
    WORDS.contains(word)
}

/// The digest of the word itself.
pub(crate) fn of_word(word: &str) -> u64 {
    digest(Kind::Word, 0, &[word])
}

fn digest(kind: Kind, place: isize, parts: &[&str]) -> u64 {
    let place = u8::try_from(place + 100).unwrap_or(0);
    single_hash([kind as u8, place].into_iter().chain(parts.iter().flat_map(|part| part.bytes().chain([0]))))
}

/// `iPhone12` is `aAa0`.
fn shape(word: &str) -> String {
    let mut out = String::new();
    for letter in word.chars() {
        let class = match letter {
            letter if letter.is_uppercase() => 'A',
            letter if letter.is_alphabetic() => 'a',
            letter if letter.is_numeric() => '0',
            other => other,
        };
        if !out.ends_with(class) {
            out.push(class);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes() {
        assert_eq!(shape("iPhone12"), "aAa0");
        assert_eq!(shape("7:30pm"), "0:0a");
    }

    #[test]
    fn every_word_has_features_of_its_own() {
        let found = features(
            &["play", "jazz"],
            |_| Known { lists: vec![3], is_rare: false, is_common: false, groups: None },
            Some("music"),
        );
        assert_eq!(found.len(), 2);
        assert_ne!(found[0], found[1]);
        assert!(
            features(
                &[],
                |_| Known { lists: Vec::new(), is_rare: true, is_common: false, groups: None },
                None
            )
            .is_empty()
        );
    }
}
