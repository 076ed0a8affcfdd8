//! Words that mean something alike, in groups: what tells a name that was never seen from another kind of name.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::embedder::{EmbedError, Embedder, embed_all};
use crate::heads::stored::rounded;
use crate::random::Random;

/// How many groups: few that are broad, many that are narrow.
const GROUPS: [usize; 2] = [64, 256];
/// Rounds of the grouping; more change hardly a word.
const ROUNDS: usize = 8;
/// Words from which there are groups: one must be shared to tell anything.
const ENOUGH: usize = 1_024;

/// The numbers of a word's groups, one of each size.
pub(crate) type Groups = [u32; GROUPS.len()];

/// Groups of words by their vectors.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Clusters {
    /// The model the vectors are of.
    model: String,
    dimensions: u32,
    /// Middles of all groups, one grouping behind the other, in 127ths.
    middles: Vec<i8>,
}

impl Clusters {
    /// Groups words, which come in order and once each. None where there are too few.
    pub(crate) fn learn(words: &[&str], embedder: &dyn Embedder) -> Result<Option<Self>, EmbedError> {
        if words.len() < ENOUGH {
            return Ok(None);
        }
        let vectors = embed_all(embedder, words)?;
        let dimensions = embedder.dimensions();
        let mut middles = Vec::new();
        for groups in GROUPS {
            let found = grouped(&vectors, groups, dimensions);
            middles.extend(found.iter().flatten().map(|value| rounded(value * 127.0)));
        }
        let dimensions = u32::try_from(dimensions).unwrap_or(u32::MAX);
        Ok(Some(Self { model: embedder.name().to_owned(), dimensions, middles }))
    }

    /// The groups of words, broad and narrow. None of vectors of another model.
    pub(crate) fn of<'a>(
        &self,
        words: &[&'a str],
        embedder: &dyn Embedder,
    ) -> Result<HashMap<&'a str, Groups>, EmbedError> {
        if embedder.name() != self.model || embedder.dimensions() != self.dimensions as usize {
            return Ok(HashMap::new());
        }
        let vectors = embed_all(embedder, words)?;
        Ok(words.iter().copied().zip(vectors.iter().map(|vector| self.groups(vector))).collect())
    }

    fn groups(&self, vector: &[f32]) -> Groups {
        let mut middles = self.middles.chunks_exact(self.dimensions as usize);
        GROUPS.map(|count| {
            let mut best = (f32::NEG_INFINITY, 0);
            for (number, middle) in (0_u32..).zip(middles.by_ref().take(count)) {
                let cosine = dot(middle, vector);
                if cosine > best.0 {
                    best = (cosine, number);
                }
            }
            best.1
        })
    }

    /// Whether its parts fit each other; false for a damaged file.
    pub(crate) fn is_sound(&self) -> bool {
        self.middles.len() == GROUPS.iter().sum::<usize>() * self.dimensions as usize && self.dimensions > 0
    }
}

/// k-means by cosine.
fn grouped(vectors: &[Vec<f32>], groups: usize, dimensions: usize) -> Vec<Vec<f32>> {
    let mut order: Vec<usize> = (0..vectors.len()).collect();
    Random::new(1).shuffle(&mut order);
    let mut middles: Vec<Vec<f32>> = order.iter().take(groups).map(|word| vectors[*word].clone()).collect();
    for _ in 0..ROUNDS {
        let mut sums = vec![vec![0.0_f32; dimensions]; groups];
        for vector in vectors {
            let cosine = |middle: &Vec<f32>| -> f32 { dot(middle, vector) };
            let scores = middles.iter().map(cosine);
            let best = scores.enumerate().fold((0, f32::NEG_INFINITY), |best, (number, score)| {
                if score > best.1 { (number, score) } else { best }
            });
            for (sum, value) in sums[best.0].iter_mut().zip(vector) {
                *sum += value;
            }
        }
        for (middle, sum) in middles.iter_mut().zip(sums) {
            let length = dot(&sum, &sum).sqrt();
            // A group that lost all its words stays where it is.
            if length > 0.0 {
                *middle = sum.iter().map(|value| value / length).collect();
            }
        }
    }
    middles
}

/// A product in eight sums, so that the processor makes eight steps at once.
fn dot<T: Copy>(left: &[T], right: &[f32]) -> f32
where
    f32: From<T>,
{
    let mut sums = [0.0_f32; 8];
    for (left, right) in left.chunks_exact(8).zip(right.chunks_exact(8)) {
        for ((sum, x), y) in sums.iter_mut().zip(left).zip(right) {
            *sum += f32::from(*x) * y;
        }
    }
    let tail = left.len() - left.len() % 8;
    let rest = left[tail..].iter().zip(&right[tail.min(right.len())..]);
    sums.iter().sum::<f32>() + rest.map(|(x, y)| f32::from(*x) * y).sum::<f32>()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words of one first letter point in one direction, nearly.
    struct Letters;

    impl Embedder for Letters {
        fn name(&self) -> &'static str {
            "letters"
        }

        fn dimensions(&self) -> usize {
            26
        }

        fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError> {
            let vector = |text: &&str| {
                let letters: Vec<usize> =
                    text.bytes().map(|letter| usize::from(letter.wrapping_sub(b'a')) % 26).collect();
                let mut vector = vec![0.0_f32; 26];
                vector[letters[0]] = 1.0;
                vector[letters[1]] += 0.1;
                let length = dot(&vector, &vector).sqrt();
                vector.iter().map(|value| value / length).collect()
            };
            Ok(texts.iter().map(vector).collect())
        }
    }

    #[test]
    fn words_with_like_vectors_share_a_group() -> Result<(), EmbedError> {
        let letters = || (b'a'..=b'z').map(char::from);
        let words: Vec<String> = letters()
            .flat_map(|first| {
                letters().flat_map(move |second| ["x", "y"].map(|end| format!("{first}{second}{end}")))
            })
            .collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let Some(clusters) = Clusters::learn(&words, &Letters)? else { panic!("there are enough words") };
        assert!(clusters.is_sound());
        let groups = clusters.of(&["bbx", "bby", "qbx"], &Letters)?;
        assert_eq!(groups["bbx"], groups["bby"]);
        assert_ne!(groups["bbx"][0], groups["qbx"][0]);
        assert!(Clusters::learn(&words[..100], &Letters)?.is_none(), "too few words");
        Ok(())
    }
}
