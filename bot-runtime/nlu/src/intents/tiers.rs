//! From the logits of several heads to one list of probabilities.

use serde::{Deserialize, Serialize};

use super::neighbours::Nearness;
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
    /// Weight of the cosine with the nearest example of each intent.
    pub near: f32,
    /// What the sum is divided by.
    pub temperature: f32,
}

impl Blend {
    pub(crate) const LEXICAL: Self = Self { lexical: 1.0, vector: 0.0, near: 0.0, temperature: 1.0 };
    pub(crate) const FAST: Self = Self { lexical: 0.6, vector: 0.6, near: 0.0, temperature: 1.0 };
    pub(crate) const FULL: Self = Self { lexical: 0.25, vector: 1.0, near: 5.0, temperature: 1.0 };
    /// What cross-validation chooses the lexical weight of the full tier from.
    pub(crate) const CHOICES: [f32; 5] = [0.25, 0.5, 1.0, 0.0, 2.0];
    /// What it chooses the weight of nearness from.
    pub(crate) const NEAR: [f32; 4] = [5.0, 2.5, 10.0, 0.0];

    /// The weighted sum of logarithms of probabilities, before the temperature.
    pub(crate) fn sum(&self, lexical: &Opinion, vector: Option<&Opinion>) -> Vec<f32> {
        let mut sum: Vec<f32> = lexical.logs.iter().map(|value| value * self.lexical).collect();
        if let Some(vector) = vector {
            for (sum, value) in sum.iter_mut().zip(&vector.logs) {
                *sum += self.vector * value;
            }
        }
        sum
    }

    /// Adds how near the nearest examples of the most probable intents are. The others count as the least near of these.
    pub(crate) fn add_near(&self, sum: &mut [f32], near: &Nearness) {
        let least = near.intents.iter().map(|(_, cosine)| *cosine).fold(f32::INFINITY, f32::min);
        for (intent, cosine) in &near.intents {
            sum[*intent] += self.near * (cosine - least);
        }
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

/// How much the fast model's vector counts beside the full model's.
const BESIDE: f32 = 0.5;

/// What the full head looks at: the full model's vector, and behind it the fast model's where there is one.
pub(crate) fn joined(full: &[f32], fast: Option<&[f32]>) -> Vec<f32> {
    full.iter().copied().chain(fast.into_iter().flatten().map(|value| BESIDE * value)).collect()
}

/// What a head says of a text.
#[derive(Debug, Clone, Default)]
pub(crate) struct Opinion {
    /// Logarithms of probabilities.
    pub logs: Vec<f32>,
    /// What was taken from its logits to get there: the more of what it knows is in the text, the more.
    level: f32,
}

impl Opinion {
    pub(crate) fn new(mut logits: Vec<f32>) -> Self {
        let before = logits.first().copied().unwrap_or(0.0);
        log_softmax(&mut logits);
        let level = before - logits.first().copied().unwrap_or(0.0);
        Self { logs: logits, level }
    }

    /// What it gave to an intent, before the intents were weighed against each other.
    fn logit(&self, intent: usize) -> f32 {
        self.logs.get(intent).map_or(0.0, |log| log + self.level)
    }
}

/// How much speaks for an intent, whatever speaks for others: little, where nothing like the text was taught.
pub(crate) fn strength(intent: usize, lexical: &Opinion, vector: Option<&Opinion>) -> f32 {
    lexical.logit(intent) + vector.map_or(0.0, |vector| vector.logit(intent))
}

/// What each head says.
#[derive(Debug, Clone, Default)]
pub(crate) struct Opinions {
    pub lexical: Opinion,
    pub fast: Option<Opinion>,
    pub full: Option<Opinion>,
}

impl Opinions {
    pub(crate) fn of(&self, tier: Tier) -> Option<&Opinion> {
        match tier {
            Tier::Lexical => None,
            Tier::Fast => self.fast.as_ref(),
            Tier::Full => self.full.as_ref(),
        }
    }
}

/// The classes by falling probability.
pub(crate) fn ranking(probabilities: &[f32]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..probabilities.len()).collect();
    order.sort_by(|a, b| probabilities[*b].total_cmp(&probabilities[*a]).then(a.cmp(b)));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_near_decides_where_it_is_close() {
        let blend = Blend { near: 5.0, ..Blend::FULL };
        let near = Nearness { intents: vec![(0, 0.5), (1, 0.8)], ..Nearness::default() };
        let mut sum = vec![-0.6, -0.9, -4.0];
        blend.add_near(&mut sum, &near);
        assert_eq!(ranking(&sum), [1, 0, 2]);
        assert!((sum[0] + 0.6).abs() < 1e-6 && (sum[2] + 4.0).abs() < 1e-6, "{sum:?}");
        let mut alone = vec![-0.6, -0.9];
        blend.add_near(&mut alone, &Nearness::default());
        assert_eq!(ranking(&alone), [0, 1]);
    }

    #[test]
    fn strength_is_what_was_given_before_intents_were_compared() {
        let (strong, weak) = (Opinion::new(vec![9.0, 4.0]), Opinion::new(vec![5.0, 0.0]));
        assert!((strong.logs[0] - weak.logs[0]).abs() < 1e-5);
        assert!((strength(0, &strong, Some(&weak)) - 14.0).abs() < 1e-4);
        assert!((strength(1, &weak, None)).abs() < 1e-4);
    }
}
