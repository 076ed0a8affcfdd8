//! The lexical features of a text: words, pairs of words, and pieces of two to five letters inside words.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::heads::SparseRow;
use crate::text::{normalise, words};

/// Words of a text that are looked at; the rest of a longer one is ignored.
const WORDS: usize = 256;

/// The features seen in training, each with its weight (inverse document frequency).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Lexicon {
    /// Digests of features, sorted: the position is the feature's number.
    digests: Vec<u64>,
    idf: Vec<f32>,
}

impl Lexicon {
    /// Learns from texts every feature that occurs in at least `least` of them.
    pub(crate) fn learn<'a>(texts: impl Iterator<Item = &'a str>, least: u32) -> Self {
        let mut frequency: HashMap<u64, u32> = HashMap::new();
        let mut total = 0.0_f32;
        for text in texts {
            total += 1.0;
            for (digest, _) in count(text) {
                *frequency.entry(digest).or_default() += 1;
            }
        }
        let mut kept: Vec<(u64, u32)> = frequency.into_iter().filter(|(_, times)| *times >= least).collect();
        kept.sort_unstable();
        let idf = kept.iter().map(|(_, times)| ((1.0 + total) / (1.0 + small(*times))).ln() + 1.0).collect();
        Self { digests: kept.into_iter().map(|(digest, _)| digest).collect(), idf }
    }

    /// How many features are known.
    pub(crate) fn len(&self) -> usize {
        self.digests.len()
    }

    /// Whether its parts fit each other; false for a damaged file.
    pub(crate) fn is_sound(&self) -> bool {
        self.digests.len() == self.idf.len() && self.digests.is_sorted()
    }

    /// The known features of a text: `(1 + ln count) · idf`, of length 1 together.
    pub(crate) fn row(&self, text: &str) -> SparseRow {
        let mut row: SparseRow = Vec::new();
        for (digest, times) in count(text) {
            let Ok(at) = self.digests.binary_search(&digest) else { continue };
            let Ok(number) = u32::try_from(at) else { continue };
            row.push((number, (1.0 + small(times).ln()) * self.idf[at]));
        }
        let length = row.iter().map(|(_, value)| value * value).sum::<f32>().sqrt();
        if length > 0.0 {
            for (_, value) in &mut row {
                *value /= length;
            }
        }
        row
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are small")]
fn small(count: u32) -> f32 {
    count as f32
}

/// Digests of the features of a text, sorted, with how often each occurs.
fn count(text: &str) -> Vec<(u64, u32)> {
    let text = normalise(text);
    let mut found: Vec<u64> = Vec::with_capacity(128);
    let mut previous: Option<&str> = None;
    let mut padded: Vec<char> = Vec::new();
    for word in words(&text).take(WORDS) {
        found.push(digest(1, word.text.bytes()));
        if let Some(previous) = previous {
            found.push(digest(2, previous.bytes().chain([b' ']).chain(word.text.bytes())));
        }
        previous = Some(word.text);

        padded.clear();
        padded.push(' ');
        padded.extend(word.text.chars());
        padded.push(' ');
        for length in 2..=5 {
            if padded.len() < length {
                break;
            }
            found.extend(
                padded
                    .windows(length)
                    .map(|piece| digest(3, piece.iter().flat_map(|letter| u32::from(*letter).to_le_bytes()))),
            );
        }
    }
    found.sort_unstable();
    let mut counted: Vec<(u64, u32)> = Vec::with_capacity(found.len());
    for digest in found {
        match counted.last_mut() {
            Some((last, times)) if *last == digest => *times += 1,
            _ => counted.push((digest, 1)),
        }
    }
    counted
}

/// FNV-1a, its kinds kept apart by the first byte.
fn digest(kind: u8, bytes: impl Iterator<Item = u8>) -> u64 {
    std::iter::once(kind)
        .chain(bytes)
        .fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_have_length_one_and_know_only_what_was_learned() {
        let lexicon = Lexicon::learn(["my card", "my money"].into_iter(), 1);
        let row = lexicon.row("MY card");
        let length: f32 = row.iter().map(|(_, value)| value * value).sum();
        assert!((length - 1.0).abs() < 1e-5);
        assert!(row.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert!(lexicon.row("zzz").is_empty());
        assert!(lexicon.is_sound());
        assert!(Lexicon::learn(["my card", "my money"].into_iter(), 2).len() < lexicon.len());
    }
}
