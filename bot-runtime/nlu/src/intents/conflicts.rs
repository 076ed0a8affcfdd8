//! Examples that pull two intents in different directions.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::corpus::Corpus;
use crate::embedder::{EmbedError, Embedders, embed_all};
use crate::features::Lexicon;
use crate::heads::inner;
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

/// Cosine of vectors from which two examples are in each other's way.
const NEAR: f32 = 0.92;
/// The same without vectors.
const NEAR_WORDS: f32 = 0.75;
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
    let vectors = embedders.full.map(|full| embed_all(full, &borrowed)).transpose()?;
    let pairs =
        vectors.map_or_else(|| near_words(&borrowed, &intents), |vectors| near_vectors(&vectors, &intents));

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

fn near_vectors(vectors: &[Vec<f32>], intents: &[usize]) -> Vec<(f32, usize, usize)> {
    let mut pairs = Vec::new();
    for (left, vector) in vectors.iter().enumerate() {
        for right in left + 1..vectors.len() {
            if intents[left] != intents[right] {
                let cosine = inner(vector, &vectors[right]);
                if cosine > NEAR {
                    pairs.push((cosine, left, right));
                }
            }
        }
    }
    pairs
}

/// By words and letters: an inverted index over the features.
fn near_words(texts: &[&str], intents: &[usize]) -> Vec<(f32, usize, usize)> {
    let lexicon = Lexicon::learn(texts.iter().copied(), 1);
    let rows: Vec<_> = texts.iter().map(|text| lexicon.row(text)).collect();
    let mut postings: Vec<Vec<(usize, f32)>> = vec![Vec::new(); lexicon.len()];
    let mut pairs = Vec::new();
    let mut sums = vec![0.0_f32; texts.len()];
    for (right, row) in rows.iter().enumerate() {
        let mut touched = Vec::new();
        for (feature, value) in row {
            for (left, other) in &postings[*feature as usize] {
                if sums[*left] == 0.0 {
                    touched.push(*left);
                }
                sums[*left] += value * other;
            }
        }
        for left in touched {
            let cosine = std::mem::take(&mut sums[left]);
            if cosine > NEAR_WORDS && intents[left] != intents[right] {
                pairs.push((cosine, left, right));
            }
        }
        for (feature, value) in row {
            postings[*feature as usize].push((right, *value));
        }
    }
    pairs
}
