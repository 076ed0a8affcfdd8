//! From the logits of several heads to one list of probabilities.

use serde::{Deserialize, Serialize};

use crate::heads::{log_softmax, softmax};

/// Which heads took part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Tier {
    /// Words and letters alone.
    Lexical,
    /// With the vectors of the fast model.
    Fast,
    /// With the vectors of the full model.
    Full,
}

/// How the heads of a tier are put together, and how sure the sum may be.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Blend {
    /// Weight of the lexical head's logarithms.
    pub lexical: f32,
    /// Weight of the vector head's logarithms.
    pub vector: f32,
    /// What the sum is divided by.
    pub temperature: f32,
}

impl Blend {
    pub(crate) const LEXICAL: Self = Self { lexical: 1.0, vector: 0.0, temperature: 1.0 };
    pub(crate) const FAST: Self = Self { lexical: 0.6, vector: 0.6, temperature: 1.0 };
    pub(crate) const FULL: Self = Self { lexical: 0.5, vector: 1.0, temperature: 1.0 };
    /// What cross-validation chooses the lexical weight of the full tier from.
    pub(crate) const CHOICES: [f32; 5] = [0.5, 0.25, 1.0, 0.0, 2.0];

    /// The weighted sum of logarithms of probabilities, before the temperature.
    pub(crate) fn sum(&self, lexical: &[f32], vector: Option<&[f32]>) -> Vec<f32> {
        let mut sum: Vec<f32> = lexical.iter().map(|value| value * self.lexical).collect();
        if let Some(vector) = vector {
            for (sum, value) in sum.iter_mut().zip(vector) {
                *sum += self.vector * value;
            }
        }
        sum
    }

    /// Sums to probabilities.
    pub(crate) fn probabilities(&self, mut sum: Vec<f32>) -> Vec<f32> {
        for value in &mut sum {
            *value /= self.temperature;
        }
        softmax(&mut sum);
        sum
    }
}

/// Logarithms of the probabilities each head gives.
#[derive(Debug, Clone, Default)]
pub(crate) struct Opinions {
    pub lexical: Vec<f32>,
    pub fast: Option<Vec<f32>>,
    pub full: Option<Vec<f32>>,
}

impl Opinions {
    pub(crate) fn of(&self, tier: Tier) -> Option<&[f32]> {
        match tier {
            Tier::Lexical => None,
            Tier::Fast => self.fast.as_deref(),
            Tier::Full => self.full.as_deref(),
        }
    }
}

/// Logits to logarithms of probabilities.
pub(crate) fn opinion(mut logits: Vec<f32>) -> Vec<f32> {
    log_softmax(&mut logits);
    logits
}

/// The classes by falling probability.
pub(crate) fn ranking(probabilities: &[f32]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..probabilities.len()).collect();
    order.sort_by(|a, b| probabilities[*b].total_cmp(&probabilities[*a]).then(a.cmp(b)));
    order
}
