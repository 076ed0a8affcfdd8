//! Examples that pull two intents in different directions.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::alike::{Least, alike};
use crate::corpus::Corpus;
use crate::embedder::{EmbedError, Embedders};
use crate::matching::digest_of_words;
use crate::text::normalise;

/// Two examples of different intents that are the same, or nearly.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Conflict {
    /// What they have in common.
    pub kind: ConflictKind,
    /// Cosine of the two, 1 for equal texts.
    pub similarity: f32,
    /// Intent and text.
    pub left: (String, String),
    /// Intent and text.
    pub right: (String, String),
}

/// How alike two examples are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConflictKind {
    /// The same words.
    Equal,
    /// Nearly the same meaning, or without vectors nearly the same words.
    Near,
}

/// From where on two examples are in each other's way.
const NEAR: Least = Least { vectors: 0.92, words: 0.75 };
/// Conflicts listed at most.
const MOST: usize = 500;

/// The conflicts of a corpus, the worst first, at most 500.
pub fn conflicts(corpus: &Corpus, embedders: Embedders<'_>) -> Result<Vec<Conflict>, EmbedError> {
    let mut texts = Vec::new();
    let mut intents = Vec::new();
    for (intent, of) in corpus.intents.iter().enumerate() {
        for example in &of.examples {
            texts.push(normalise(&example.text));
            intents.push(intent);
        }
    }
    let borrowed: Vec<&str> = texts.iter().map(String::as_str).collect();
    let pairs = alike(&borrowed, embedders, NEAR, |left, right| intents[left] != intents[right])?;

    let mut found = Vec::new();
    let mut by_words: HashMap<u64, Vec<usize>> = HashMap::new();
    for (example, text) in texts.iter().enumerate() {
        by_words.entry(digest_of_words(text)).or_default().push(example);
    }
    for same in by_words.values() {
        for (at, left) in same.iter().enumerate() {
            let others = same[at + 1..].iter().filter(|right| intents[*left] != intents[**right]);
            found.extend(others.map(|right| (ConflictKind::Equal, 1.0, *left, *right)));
        }
    }
    let near =
        pairs.into_iter().filter(|(_, l, r)| digest_of_words(&texts[*l]) != digest_of_words(&texts[*r]));
    found.extend(near.map(|(cosine, left, right)| (ConflictKind::Near, cosine, left, right)));
    found.sort_by(|a, b| b.1.total_cmp(&a.1).then((a.2, a.3).cmp(&(b.2, b.3))));
    let named = |example: usize| (corpus.intents[intents[example]].name.clone(), texts[example].clone());
    let conflicts = found.into_iter().take(MOST).map(|(kind, similarity, left, right)| Conflict {
        kind,
        similarity,
        left: named(left),
        right: named(right),
    });
    Ok(conflicts.collect())
}
