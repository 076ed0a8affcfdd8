//! Is the text about anything the bot is for? A score, from a formula or, with enough labelled messages of
//! other matters, from a small trained head.

use serde::{Deserialize, Serialize};

use super::neighbours::Nearness;
use crate::heads::{Fit, Matrix, Stop};

/// Labelled messages out of scope from which a gate is trained.
pub(crate) const ENOUGH: usize = 30;

const SIGNS: usize = 7;

/// How strong texts in scope usually are (see [`strength`](super::tiers::strength)).
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Usual {
    mean: f32,
    deviation: f32,
}

impl Usual {
    /// Of the strengths of examples that heads have not seen. None of too few.
    pub(crate) fn of(strengths: &[f32]) -> Option<Self> {
        if strengths.len() < 20 {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "a number of examples")]
        let total = strengths.len() as f32;
        let mean = strengths.iter().sum::<f32>() / total;
        let variance = strengths.iter().map(|one| (one - mean).powi(2)).sum::<f32>() / total;
        Some(Self { mean, deviation: variance.sqrt().max(1e-3) })
    }

    /// By how many deviations a text is weaker than usual, as a number below 0; 0 for one that is not.
    fn weakness(self, strength: f32) -> f32 {
        ((strength - self.mean) / self.deviation).clamp(-5.0, 0.0)
    }
}

/// What a deviation of weakness takes from the score.
const WEAK: f32 = 0.1;

/// What the gate looks at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Signs {
    values: [f32; SIGNS],
    simple: f32,
}

impl Signs {
    /// From the sums of logarithms (before the temperature), the probabilities, the neighbours, and how strong the first
    /// of the ranking is.
    pub(crate) fn new(
        sum: &[f32],
        probabilities: &[f32],
        ranking: &[usize],
        near: &Nearness,
        (strength, usual): (f32, Option<Usual>),
    ) -> Self {
        let first = ranking.first().copied().unwrap_or(0);
        let p = probabilities.get(first).copied().unwrap_or(0.0);
        let second = ranking.get(1).and_then(|class| probabilities.get(*class)).copied().unwrap_or(0.0);
        let at = |rank: usize| ranking.get(rank).and_then(|class| sum.get(*class)).copied().unwrap_or(0.0);
        let highest = at(0).max(-20.0);
        let margin = (highest - at(1)).min(20.0);
        let values = [margin, p - second, p.max(1e-6).ln(), near.nearest, near.five, highest, strength];
        let weakness = usual.map_or(0.0, |usual| usual.weakness(strength));
        Self { values, simple: near.nearest + 0.5 * p + WEAK * weakness }
    }

    /// The score that needs no labelled messages: `cos(nearest) + 0.5 · p`, less where the text is weaker than usual.
    pub(crate) fn simple(&self) -> f32 {
        self.simple
    }
}

/// Logistic regression over the signs.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Gate {
    means: [f32; SIGNS],
    deviations: [f32; SIGNS],
    weights: [f32; SIGNS],
    bias: f32,
}

impl Gate {
    /// Learns from the signs of messages in scope and out of it.
    pub(crate) fn train(inside: &[Signs], outside: &[Signs]) -> Self {
        let all: Vec<&Signs> = inside.iter().chain(outside).collect();
        let mut gate =
            Self { means: [0.0; SIGNS], deviations: [1.0; SIGNS], weights: [0.0; SIGNS], bias: 0.0 };
        #[expect(clippy::cast_precision_loss, reason = "a number of messages")]
        let total = all.len().max(1) as f32;
        for sign in 0..SIGNS {
            let mean = all.iter().map(|s| s.values[sign]).sum::<f32>() / total;
            let variance = all.iter().map(|s| (s.values[sign] - mean).powi(2)).sum::<f32>() / total;
            gate.means[sign] = mean;
            gate.deviations[sign] = variance.sqrt().max(1e-6);
        }
        // Both sides weigh the same: the smaller one is repeated.
        let repeats = (inside.len() / outside.len().max(1)).clamp(1, 50);
        let mut rows: Vec<[f32; SIGNS]> = inside.iter().map(|signs| gate.standard(signs)).collect();
        let mut labels = vec![1_u32; inside.len()];
        for signs in outside {
            for _ in 0..repeats {
                rows.push(gate.standard(signs));
                labels.push(0);
            }
        }
        let matrix = Matrix::dense(rows.iter().map(<[f32; SIGNS]>::as_slice), SIGNS);
        let fit = Fit { c: 0.03, stop: Stop { iterations: 200, tolerance: 1e-7 }, threads: 1 };
        let found = fit.train(&matrix, &labels, 2);
        for (weight, line) in gate.weights.iter_mut().zip(found.lines.chunks_exact(2)) {
            *weight = line[1] - line[0];
        }
        gate.bias = found.biases[1] - found.biases[0];
        gate
    }

    fn standard(&self, signs: &Signs) -> [f32; SIGNS] {
        let mut out = [0.0; SIGNS];
        for (sign, value) in out.iter_mut().enumerate() {
            *value = (signs.values[sign] - self.means[sign]) / self.deviations[sign];
        }
        out
    }

    /// How probable it is that the message is in scope, 0 to 1.
    pub(crate) fn score(&self, signs: &Signs) -> f32 {
        let terms = self.standard(signs);
        let sum: f32 = terms.iter().zip(&self.weights).map(|(value, weight)| value * weight).sum();
        1.0 / (1.0 + (-(sum + self.bias)).exp())
    }
}
