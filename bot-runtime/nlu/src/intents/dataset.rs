//! The examples of a corpus in the shape training wants, and the heads trained on some of them.

use super::tiers::joined;
use crate::corpus::Corpus;
use crate::embedder::{EmbedError, Embedders, embed_all};
use crate::features::Lexicon;
use crate::heads::{Fit, Matrix, Stop, Weights};
use crate::random::Random;
use crate::text::normalise;

/// Examples, their intents and their vectors.
pub(crate) struct Dataset {
    pub texts: Vec<String>,
    pub labels: Vec<u32>,
    /// Where the example stands in the corpus: intent, example. None for the words of an intent's name, which
    /// are trained on but never tested.
    pub origins: Vec<Option<(usize, usize)>>,
    pub classes: usize,
    pub fast: Option<Vectors>,
    pub full: Option<Vectors>,
}

/// Vectors of one model.
pub(crate) struct Vectors {
    pub model: String,
    pub dimensions: usize,
    pub values: Vec<Vec<f32>>,
}

impl Vectors {
    fn of(embedder: Option<&dyn crate::Embedder>, texts: &[&str]) -> Result<Option<Self>, EmbedError> {
        let Some(embedder) = embedder else { return Ok(None) };
        let values = embed_all(embedder, texts)?;
        Ok(Some(Self { model: embedder.name().to_owned(), dimensions: embedder.dimensions(), values }))
    }
}

/// Trained heads over one choice of examples.
pub(crate) struct Heads {
    pub lexicon: Lexicon,
    pub lexical: Weights,
    pub fast: Option<Weights>,
    pub full: Option<Weights>,
}

impl Dataset {
    pub(crate) fn new(corpus: &Corpus, embedders: Embedders<'_>) -> Result<Self, EmbedError> {
        let mut texts = Vec::new();
        let mut labels = Vec::new();
        let mut origins = Vec::new();
        for (number, (label, intent)) in (0_u32..).zip(&corpus.intents).enumerate() {
            for (position, example) in intent.examples.iter().enumerate() {
                texts.push(normalise(&example.text));
                labels.push(label);
                origins.push(Some((number, position)));
            }
            texts.push(normalise(&words_of_name(&intent.name)));
            labels.push(label);
            origins.push(None);
        }
        let borrowed: Vec<&str> = texts.iter().map(String::as_str).collect();
        let fast = Vectors::of(embedders.fast, &borrowed)?;
        let full = Vectors::of(embedders.full, &borrowed)?;
        let classes = corpus.intents.len();
        Ok(Self { texts, labels, origins, classes, fast, full })
    }

    /// Examples in `folds` groups, each with its share of every intent.
    pub(crate) fn folds(&self, folds: usize, seed: u64) -> Vec<Vec<usize>> {
        let mut by_intent = vec![Vec::new(); self.classes];
        for (example, label) in self.labels.iter().enumerate() {
            if self.origins[example].is_some() {
                by_intent[*label as usize].push(example);
            }
        }
        let mut random = Random::new(seed);
        let mut groups = vec![Vec::new(); folds];
        let mut next = 0;
        for examples in &mut by_intent {
            random.shuffle(examples);
            for example in examples.iter() {
                groups[next % folds].push(*example);
                next += 1;
            }
        }
        groups
    }

    /// Trains every head on the chosen examples.
    pub(crate) fn fit(&self, chosen: &[usize], threads: usize) -> Heads {
        let labels: Vec<u32> = chosen.iter().map(|example| self.labels[*example]).collect();
        let least = if chosen.len() >= MANY { 2 } else { 1 };
        let lexicon = Lexicon::learn(chosen.iter().map(|example| self.texts[*example].as_str()), least);
        let rows: Vec<_> = chosen.iter().map(|example| lexicon.row(&self.texts[*example])).collect();
        let matrix = Matrix::sparse(&rows, lexicon.len());
        drop(rows);
        let lexical = LEXICAL.with_threads(threads).train(&matrix, &labels, self.classes);
        drop(matrix);
        let dense = |rows: Vec<Vec<f32>>| {
            let matrix = Matrix::dense(rows.iter().map(Vec::as_slice), rows.first().map_or(0, Vec::len));
            DENSE.with_threads(threads).train(&matrix, &labels, self.classes)
        };
        let of_fast = |example: usize| self.fast.as_ref().map(|vectors| vectors.values[example].as_slice());
        let rows_of_fast =
            |vectors: &Vectors| chosen.iter().map(|one| vectors.values[*one].clone()).collect();
        let rows_of_full = |vectors: &Vectors| {
            chosen.iter().map(|one| joined(&vectors.values[*one], of_fast(*one))).collect()
        };
        let fast = self.fast.as_ref().map(|vectors| dense(rows_of_fast(vectors)));
        let full = self.full.as_ref().map(|vectors| dense(rows_of_full(vectors)));
        Heads { lexicon, lexical, fast, full }
    }
}

/// Examples from which a feature must occur in two of them: it halves the model and costs nothing that
/// cross-validation shows.
const MANY: usize = 2_000;

const LEXICAL: Fit = Fit { c: 30.0, stop: Stop { iterations: 60, tolerance: 3e-4 }, threads: 1 };
const DENSE: Fit = Fit { c: 30.0, stop: Stop { iterations: 120, tolerance: 1e-4 }, threads: 1 };

impl Fit {
    fn with_threads(self, threads: usize) -> Self {
        Self { threads, ..self }
    }
}

/// `order_status`, `orderStatus` and `order-status` as words.
pub(crate) fn words_of_name(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    let mut was_small = false;
    for letter in name.chars() {
        if letter.is_uppercase() && was_small {
            out.push(' ');
        }
        was_small = letter.is_lowercase();
        out.push(if letter.is_alphanumeric() { letter } else { ' ' });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_words() {
        assert_eq!(words_of_name("order_status"), "order status");
        assert_eq!(words_of_name("orderStatus2"), "order Status2");
        assert_eq!(words_of_name("FAQ.refund"), "FAQ refund");
    }
}
