//! Pairs of texts that mean nearly the same, or without vectors have nearly the same words.

use crate::embedder::{EmbedError, Embedders, embed_all};
use crate::features::Lexicon;
use crate::heads::inner;

/// Cosines from which two texts count as alike.
#[derive(Debug, Clone, Copy)]
pub(super) struct Least {
    /// Of their vectors.
    pub vectors: f32,
    /// Of their words and letters, where there are no vectors.
    pub words: f32,
}

/// A pair: its cosine, and the places of both texts, the earlier first.
pub(super) type Pair = (f32, usize, usize);

/// The pairs that are alike, among those that are asked for.
pub(super) fn alike(
    texts: &[&str],
    embedders: Embedders<'_>,
    least: Least,
    wanted: impl Fn(usize, usize) -> bool,
) -> Result<Vec<Pair>, EmbedError> {
    let vectors = embedders.full.map(|full| embed_all(full, texts)).transpose()?;
    Ok(vectors.map_or_else(
        || by_words(texts, least.words, &wanted),
        |vectors| by_vectors(&vectors, least.vectors, &wanted),
    ))
}

fn by_vectors(vectors: &[Vec<f32>], least: f32, wanted: impl Fn(usize, usize) -> bool) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for (left, vector) in vectors.iter().enumerate() {
        for (right, other) in vectors.iter().enumerate().skip(left + 1) {
            if wanted(left, right) {
                let cosine = inner(vector, other);
                if cosine > least {
                    pairs.push((cosine, left, right));
                }
            }
        }
    }
    pairs
}

/// By an inverted index over the features.
fn by_words(texts: &[&str], least: f32, wanted: impl Fn(usize, usize) -> bool) -> Vec<Pair> {
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
            if cosine > least && wanted(left, right) {
                pairs.push((cosine, left, right));
            }
        }
        for (feature, value) in row {
            postings[*feature as usize].push((right, *value));
        }
    }
    pairs
}
