//! Typing mistakes: an unknown word becomes the most frequent known word one or two mistakes away.
//!
//! A mistake is a letter too many, too few, another one, or two neighbours swapped. Candidates are found by
//! symmetric deletes: two words that are close have a common form with a letter less each, so it is enough to
//! look up the forms of the word that was typed.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::normalise::normalise;
use super::words::words;

/// Words shorter than this are left alone: too many are one mistake away from each other.
const SHORTEST: usize = 3;
/// From this length two mistakes are mended.
const LONG: usize = 8;
/// Words longer than this are codes, not words.
const LONGEST: usize = 32;

/// The words a bot knows, and how to find the nearest.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(from = "Vec<(String, u32)>", into = "Vec<(String, u32)>")]
pub struct Spelling {
    /// Sorted by word.
    known: Vec<(String, u32)>,
    /// Digest of a form with letters left out, and the word it comes from; sorted.
    forms: Vec<(u64, u32)>,
}

impl Spelling {
    /// Learns the words of texts; `common` words are known too, and the rarest of all.
    pub fn new<'a, 'b>(texts: impl Iterator<Item = &'a str>, common: impl Iterator<Item = &'b str>) -> Self {
        let mut counts: HashMap<String, u32> = HashMap::new();
        for text in texts {
            for word in words(&normalise(text)) {
                *counts.entry(word.text.to_owned()).or_default() += 1;
            }
        }
        for word in common {
            counts.entry(normalise(word)).or_insert(0);
        }
        let mut known: Vec<_> = counts.into_iter().collect();
        known.sort_unstable();
        Self::from(known)
    }

    /// How many words are known.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether no word is known.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// The text in normalised form with its mistakes mended, or nothing if there was nothing to mend.
    ///
    /// Left alone are known words, words with digits, names (a capital inside a sentence), addresses.
    pub fn correct(&self, text: &str) -> Option<String> {
        let shouting = !text.chars().any(char::is_lowercase);
        let mut mended = String::new();
        let mut kept = 0;
        for (number, word) in words(text).enumerate() {
            let is_name = number > 0 && !shouting && word.text.starts_with(char::is_uppercase);
            if is_name || in_address(text, word.start) {
                continue;
            }
            let plain = normalise(word.text);
            if let Some(better) = self.nearest(&plain) {
                mended.push_str(&text[kept..word.start]);
                mended.push_str(better);
                kept = word.end();
            }
        }
        if kept == 0 {
            return None;
        }
        mended.push_str(&text[kept..]);
        Some(normalise(&mended))
    }

    /// The known word a word was probably meant to be; nothing if it is known, or too far from all.
    pub fn nearest(&self, word: &str) -> Option<&str> {
        let letters: Vec<char> = word.chars().collect();
        let length = letters.len();
        let mendable =
            (SHORTEST..=LONGEST).contains(&length) && letters.iter().all(|l| l.is_alphabetic() || *l == '\'');
        if !mendable || self.known.binary_search_by(|(known, _)| known.as_str().cmp(word)).is_ok() {
            return None;
        }
        let reach = if length >= LONG { 2 } else { 1 };
        let mut best: Option<(usize, u32, &str)> = None;
        let mut forms = Vec::new();
        left_out(&letters, reach, &mut forms);
        for form in forms {
            let first = self.forms.partition_point(|(digest, _)| *digest < form);
            for (digest, number) in &self.forms[first..] {
                if *digest != form {
                    break;
                }
                let (candidate, count) = &self.known[*number as usize];
                let other: Vec<char> = candidate.chars().collect();
                let Some(mistakes) = distance(&letters, &other, reach) else { continue };
                let better = best.is_none_or(|(least, most, word)| {
                    (mistakes, std::cmp::Reverse(*count), candidate.as_str())
                        < (least, std::cmp::Reverse(most), word)
                });
                if better {
                    best = Some((mistakes, *count, candidate));
                }
            }
        }
        best.map(|(_, _, word)| word)
    }
}

impl From<Vec<(String, u32)>> for Spelling {
    fn from(known: Vec<(String, u32)>) -> Self {
        let mut forms = Vec::new();
        let mut own = Vec::new();
        for (number, (word, _)) in (0_u32..).zip(&known) {
            let letters: Vec<char> = word.chars().collect();
            let mendable = letters.iter().all(|l| l.is_alphabetic() || *l == '\'');
            if !mendable || !(SHORTEST - 1..=LONGEST).contains(&letters.len()) {
                continue;
            }
            own.clear();
            // A word one letter shorter than LONG can be what a long one was meant to be.
            left_out(&letters, if letters.len() + 2 >= LONG { 2 } else { 1 }, &mut own);
            forms.extend(own.iter().map(|digest| (*digest, number)));
        }
        forms.sort_unstable();
        forms.dedup();
        forms.shrink_to_fit();
        Self { known, forms }
    }
}

impl From<Spelling> for Vec<(String, u32)> {
    fn from(spelling: Spelling) -> Self {
        spelling.known
    }
}

/// Digests of the word and its forms with up to `reach` letters left out.
fn left_out(letters: &[char], reach: usize, out: &mut Vec<u64>) {
    out.push(digest(letters, usize::MAX, usize::MAX));
    for first in 0..letters.len() {
        out.push(digest(letters, first, usize::MAX));
        if reach > 1 {
            out.extend((first + 1..letters.len()).map(|second| digest(letters, first, second)));
        }
    }
    out.sort_unstable();
    out.dedup();
}

/// FNV-1a of the letters without two of them.
fn digest(letters: &[char], first: usize, second: usize) -> u64 {
    let kept = letters.iter().enumerate().filter(|(at, _)| *at != first && *at != second);
    kept.fold(0xcbf2_9ce4_8422_2325, |sum, (_, letter)| {
        (sum ^ u64::from(u32::from(*letter))).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Mistakes between two words (optimal string alignment), if they are at most `reach`.
pub(crate) fn distance(left: &[char], right: &[char], reach: usize) -> Option<usize> {
    if left.len().abs_diff(right.len()) > reach {
        return None;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=right.len()).collect();
    for (row, letter) in left.iter().enumerate() {
        let mut line = Vec::with_capacity(right.len() + 1);
        line.push(row + 1);
        for (column, other) in right.iter().enumerate() {
            let replaced = above[column] + usize::from(letter != other);
            let mut least = replaced.min(above[column + 1] + 1).min(line[column] + 1);
            let swapped = row > 0 && column > 0 && *letter == right[column - 1] && left[row - 1] == *other;
            if swapped {
                least = least.min(before[column - 1] + 1);
            }
            line.push(least);
        }
        if line.iter().min().is_some_and(|least| *least > reach) {
            return None;
        }
        before = std::mem::replace(&mut above, line);
    }
    above.last().copied().filter(|mistakes| *mistakes <= reach)
}

/// Whether a word is part of something like `shop@example.com`, `example.com/a` or `ab-12`.
fn in_address(text: &str, start: usize) -> bool {
    let before = text[..start].rsplit(char::is_whitespace).next().unwrap_or_default();
    let part = text[start - before.len()..].split(char::is_whitespace).next().unwrap_or_default();
    part.contains(['@', '/', '\\', '_']) || part.chars().any(|letter| letter.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spelling() -> Spelling {
        Spelling::new(
            ["where is my card", "my card", "exchange rate", "top up"].into_iter(),
            ["care", "chat"].into_iter(),
        )
    }

    #[test]
    fn mistakes_are_mended() {
        let spelling = spelling();
        for (typed, meant) in [
            ("where is my crad", "where is my card"),
            ("wher is my card", "where is my card"),
            ("exchnage ratte", "exchange rate"),
            ("xechnage", "exchange"),
            ("MY CARDD", "my card"),
        ] {
            assert_eq!(spelling.correct(typed).as_deref(), Some(meant), "{typed}");
        }
    }

    #[test]
    fn what_may_be_right_is_left_alone() {
        let spelling = spelling();
        for text in
            ["care", "my Carl", "ab", "card1", "mail me at crad@shop.test", "xyzzy", "", "see shop.test/crad"]
        {
            assert_eq!(spelling.correct(text), None, "{text}");
        }
    }

    #[test]
    fn distances() {
        let between = |left: &str, right: &str| {
            distance(&left.chars().collect::<Vec<_>>(), &right.chars().collect::<Vec<_>>(), 2)
        };
        assert_eq!(between("card", "crad"), Some(1));
        assert_eq!(between("card", "cards"), Some(1));
        assert_eq!(between("card", "card"), Some(0));
        assert_eq!(between("card", "money"), None);
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "\\PC{0,80}") {
            let _ = spelling().correct(&text);
        }

        #[test]
        fn one_letter_less_is_found(at in 0_usize..8) {
            let typed: String = "exchange".chars().enumerate().filter(|(i, _)| *i != at).map(|(_, l)| l).collect();
            let spelling = spelling();
            prop_assert_eq!(spelling.nearest(&typed), Some("exchange"));
        }
    }
}
