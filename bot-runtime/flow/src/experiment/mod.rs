//! Experiments: who is shown which variant, and what came of it.
//!
//! The variant of a subject is a function of the experiment's salt and the subject: the first eight bytes of SHA-256 of
//! `salt:subject`, modulo 10 000, laid over the weights. A second hash says whether the subject takes part at all.

pub mod statistics;

use std::collections::BTreeMap;

use botbuilder_domain::{Content, VersionId};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use statistics::{chi_square, normal_quantile, normal_two_sided, student_two_sided};

/// Into how many parts subjects are laid.
pub(crate) const BUCKETS: u64 = 10_000;
/// Below this the groups are not as large as they should be, and nothing can be decided.
const MISMATCH: f64 = 0.001;
/// How likely an effect that is there should be found.
const POWER: f64 = 0.8;

/// The part of a subject, below 10 000.
pub(crate) fn bucket(salt: &str, subject: &str) -> u64 {
    let digest = Sha256::digest(format!("{salt}:{subject}").as_bytes());
    let first = digest.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    first % BUCKETS
}

/// Who is shown a variant, and counts once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// The contact, in all its conversations.
    #[default]
    Contact,
    /// Each conversation by itself.
    Conversation,
}

/// An experiment that is running.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Experiment {
    /// Who its subjects are.
    #[serde(default, skip_serializing_if = "is_default")]
    pub unit: Unit,
    /// Spreads subjects over the variants.
    pub salt: String,
    /// How many of 10 000 subjects take part.
    pub traffic_bp: u32,
    /// The variants.
    pub variants: Vec<Variant>,
    /// What counts as success: the name of an event, or `node:` and the id of a node.
    pub goal: String,
    /// Goals that are counted beside it, written alike.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secondary: Vec<String>,
    /// The message that its variants stand in for, by its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The flow that its variants stand in for, by its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flow: Option<String>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// What a subject may be shown.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Variant {
    /// Its name for programs.
    pub key: String,
    /// Of 10 000 subjects so many.
    pub weight_bp: u32,
    /// Whether the others are compared with it.
    #[serde(default)]
    pub is_control: bool,
    /// What it changes, as it is stored.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub config: serde_json::Value,
    /// What is said instead of the message that the experiment is about; that message itself where this is empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Content>,
    /// The version that runs instead of the flow that the experiment is about; that flow itself where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<VersionId>,
}

impl Experiment {
    /// The variant of a subject; none where it does not take part.
    pub fn variant(&self, subject: &str) -> Option<&Variant> {
        if bucket(&format!("{}:traffic", self.salt), subject) >= u64::from(self.traffic_bp) {
            return None;
        }
        let bucket = bucket(&self.salt, subject);
        let mut below = 0;
        self.variants.iter().find(|variant| {
            below += u64::from(variant.weight_bp);
            bucket < below
        })
    }

    /// Everything that counts as success, the goal first.
    pub fn goals(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.goal.as_str()).chain(self.secondary.iter().map(String::as_str))
    }

    /// The variant that the others are compared with.
    pub fn control(&self) -> Option<&str> {
        self.variants.iter().find(|variant| variant.is_control).map(|variant| variant.key.as_str())
    }
}

/// What is counted of a variant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Counts {
    /// Subjects that were shown it.
    pub exposed: u64,
    /// Those of them that reached the goal afterwards.
    pub converted: u64,
    /// Measured values: how many, their sum, the sum of their squares.
    pub n: u64,
    /// Their sum.
    pub sum: f64,
    /// The sum of their squares.
    pub sum_sq: f64,
}

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// How many reach the goal.
    Proportion,
    /// The mean of what is measured.
    Mean,
}

/// How an experiment is judged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rules {
    /// What is compared.
    pub goal: Goal,
    /// How sure a decision has to be, as 0.95.
    pub confidence: f64,
    /// Subjects of each variant before anything is decided.
    pub min_per_variant: u64,
    /// Hours before anything is decided.
    pub min_hours: f64,
}

/// What came of an experiment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Results {
    /// The variants, in their order.
    pub variants: Vec<Outcome>,
    /// How likely groups of these sizes are, if subjects were spread as they should be.
    pub sample_ratio_p: Option<f64>,
    /// Whether the sizes are so unlikely that nothing can be decided.
    pub sample_ratio_mismatch: bool,
    /// Whether there are too few subjects, or too few hours, to decide.
    pub is_preliminary: bool,
    /// The variant that is better than the control, if one is and it can be decided.
    pub winner: Option<String>,
}

/// What came of a variant.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    /// The variant.
    pub key: String,
    /// Whether it is the control.
    pub is_control: bool,
    /// What was counted.
    #[serde(flatten)]
    pub counts: Counts,
    /// The share that reached the goal, or the mean.
    pub rate: Option<f64>,
    /// Wilson's interval of the share.
    pub interval: Option<(f64, f64)>,
    /// How much better than the control, as a part of it.
    pub lift: Option<f64>,
    /// How likely a difference like this is by chance, corrected for the number of variants (Holm).
    pub p: Option<f64>,
    /// Subjects of each variant that it takes to find a difference like this in four of five experiments.
    pub required_per_variant: Option<u64>,
}

#[expect(clippy::cast_precision_loss, reason = "counts of people are far below 2^52")]
fn real(count: u64) -> f64 {
    count as f64
}

/// Wilson's interval of a share.
pub fn wilson(successes: u64, of: u64, confidence: f64) -> Option<(f64, f64)> {
    if of == 0 {
        return None;
    }
    let (n, z) = (real(of), normal_quantile(confidence));
    let p = real(successes) / n;
    let middle = (p + z * z / (2.0 * n)) / (1.0 + z * z / n);
    let half = z / (1.0 + z * z / n) * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    Some(((middle - half).max(0.0), (middle + half).min(1.0)))
}

/// The z-test of two shares, with a common variance. None where nothing can differ.
pub fn two_proportions(one: (u64, u64), other: (u64, u64)) -> Option<f64> {
    let (n1, n2) = (real(one.1), real(other.1));
    let common = (real(one.0) + real(other.0)) / (n1 + n2);
    let error = (common * (1.0 - common) * (1.0 / n1 + 1.0 / n2)).sqrt();
    let z = (real(one.0) / n1 - real(other.0) / n2) / error;
    z.is_finite().then(|| normal_two_sided(z))
}

/// The mean and the variance of a sample.
fn moments(counts: &Counts) -> Option<(f64, f64)> {
    let n = real(counts.n);
    let mean = counts.sum / n;
    let variance = ((counts.sum_sq - counts.sum * mean) / (n - 1.0)).max(0.0);
    (counts.n >= 2).then_some((mean, variance))
}

/// Welch's t-test of two means.
pub fn welch(one: &Counts, other: &Counts) -> Option<f64> {
    let ((mean1, var1), (mean2, var2)) = (moments(one)?, moments(other)?);
    let (e1, e2) = (var1 / real(one.n), var2 / real(other.n));
    let t = (mean1 - mean2) / (e1 + e2).sqrt();
    let degrees = (e1 + e2).powi(2) / (e1.powi(2) / (real(one.n) - 1.0) + e2.powi(2) / (real(other.n) - 1.0));
    (t.is_finite() && degrees.is_finite()).then(|| student_two_sided(t, degrees))
}

/// Holm's correction of several probabilities.
pub fn holm(probabilities: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..probabilities.len()).collect();
    order.sort_by(|a, b| probabilities[*a].total_cmp(&probabilities[*b]));
    let mut corrected = vec![0.0; probabilities.len()];
    let mut largest: f64 = 0.0;
    for (rank, index) in order.into_iter().enumerate() {
        let left = real(u64::try_from(probabilities.len() - rank).unwrap_or(u64::MAX));
        largest = largest.max((probabilities[index] * left).min(1.0));
        corrected[index] = largest;
    }
    corrected
}

/// Subjects of each variant that it takes to tell two shares apart.
pub fn required(one: f64, other: f64, confidence: f64) -> Option<u64> {
    let z_alpha = normal_quantile(confidence);
    // One-sided: twice the share beyond it lies outside on both sides.
    let z_beta = normal_quantile(2.0 * POWER - 1.0);
    let mean = f64::midpoint(one, other);
    let spread = z_alpha * (2.0 * mean * (1.0 - mean)).sqrt()
        + z_beta * (one * (1.0 - one) + other * (1.0 - other)).sqrt();
    let needed = (spread / (one - other)).powi(2).ceil();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be in its range")]
    (needed.is_finite() && (0.0..1e15).contains(&needed)).then_some(needed as u64)
}

/// Whether the groups are as large as their weights say: the probability of their sizes by chance.
pub fn sample_ratio(variants: &[Variant], counts: &BTreeMap<String, Counts>) -> Option<f64> {
    let exposed = |variant: &Variant| counts.get(&variant.key).map_or(0, |counts| counts.exposed);
    let shown: Vec<(f64, f64)> = variants
        .iter()
        .filter(|variant| variant.weight_bp > 0)
        .map(|variant| (real(exposed(variant)), f64::from(variant.weight_bp)))
        .collect();
    let total: f64 = shown.iter().map(|(seen, _)| seen).sum();
    let weights: f64 = shown.iter().map(|(_, weight)| weight).sum();
    if shown.len() < 2 || total <= 0.0 {
        return None;
    }
    let x: f64 = shown
        .iter()
        .map(|(seen, weight)| {
            let expected = total * weight / weights;
            (seen - expected).powi(2) / expected
        })
        .sum();
    let degrees = u32::try_from(shown.len() - 1).ok()?;
    Some(chi_square(x, f64::from(degrees)))
}

/// Judges an experiment that has run for so many hours.
pub fn judge(variants: &[Variant], counts: &BTreeMap<String, Counts>, rules: Rules, hours: f64) -> Results {
    let of = |variant: &Variant| counts.get(&variant.key).copied().unwrap_or_default();
    let control = variants.iter().find(|variant| variant.is_control).map(of);
    let rate = |counts: &Counts| match rules.goal {
        Goal::Proportion => (counts.exposed > 0).then(|| real(counts.converted) / real(counts.exposed)),
        Goal::Mean => (counts.n > 0).then(|| counts.sum / real(counts.n)),
    };
    let test = |own: &Counts, control: &Counts| match rules.goal {
        Goal::Proportion => {
            two_proportions((own.converted, own.exposed), (control.converted, control.exposed))
        }
        Goal::Mean => welch(own, control),
    };
    let mut outcomes: Vec<Outcome> = variants
        .iter()
        .map(|variant| {
            let own = of(variant);
            let control = control.as_ref().filter(|_| !variant.is_control);
            let base = control.and_then(rate);
            let share = rate(&own);
            let required_per_variant = match (rules.goal, share, base) {
                (Goal::Proportion, Some(share), Some(base)) => required(share, base, rules.confidence),
                _ => None,
            };
            Outcome {
                key: variant.key.clone(),
                is_control: variant.is_control,
                counts: own,
                rate: share,
                interval: match rules.goal {
                    Goal::Proportion => wilson(own.converted, own.exposed, rules.confidence),
                    Goal::Mean => None,
                },
                lift: share
                    .zip(base)
                    .map(|(share, base)| (share - base) / base)
                    .filter(|lift| lift.is_finite()),
                p: control.and_then(|control| test(&own, control)),
                required_per_variant,
            }
        })
        .collect();
    let tested: Vec<usize> = (0..outcomes.len()).filter(|index| outcomes[*index].p.is_some()).collect();
    let probabilities: Vec<f64> = tested.iter().filter_map(|index| outcomes[*index].p).collect();
    for (index, p) in tested.into_iter().zip(holm(&probabilities)) {
        outcomes[index].p = Some(p);
    }
    let sample_ratio_p = sample_ratio(variants, counts);
    let sample_ratio_mismatch = sample_ratio_p.is_some_and(|p| p < MISMATCH);
    let few = |outcome: &Outcome| outcome.counts.exposed < rules.min_per_variant;
    let is_preliminary = hours < rules.min_hours || outcomes.iter().any(few);
    let better = outcomes.iter().filter(|outcome| {
        outcome.p.is_some_and(|p| p < 1.0 - rules.confidence) && outcome.lift.is_some_and(|lift| lift > 0.0)
    });
    let best = better.max_by(|one, other| one.rate.unwrap_or(0.0).total_cmp(&other.rate.unwrap_or(0.0)));
    let winner = best.filter(|_| !is_preliminary && !sample_ratio_mismatch).map(|best| best.key.clone());
    Results { winner, variants: outcomes, sample_ratio_p, sample_ratio_mismatch, is_preliminary }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(value: Option<f64>, expected: f64) {
        let value = value.unwrap_or(f64::NAN);
        assert!((value - expected).abs() < 1e-6, "{value} is not {expected}");
    }

    fn variants() -> Vec<Variant> {
        let variant = |key: &str, weight_bp, is_control| Variant {
            key: key.to_owned(),
            weight_bp,
            is_control,
            ..Variant::default()
        };
        vec![variant("a", 5_000, true), variant("b", 5_000, false)]
    }

    fn shares(a: (u64, u64), b: (u64, u64)) -> BTreeMap<String, Counts> {
        let counts = |(converted, exposed)| Counts { exposed, converted, ..Counts::default() };
        BTreeMap::from([("a".to_owned(), counts(a)), ("b".to_owned(), counts(b))])
    }

    const RULES: Rules =
        Rules { goal: Goal::Proportion, confidence: 0.95, min_per_variant: 1_000, min_hours: 24.0 };

    #[test]
    fn intervals_and_tests_have_their_known_values() {
        // Newcombe 1998, table I: 81 of 263, and 15 of 148.
        let (low, high) = wilson(81, 263, 0.95).unwrap();
        near(Some(low), 0.255_288_5);
        near(Some(high), 0.366_209_6);
        let (low, high) = wilson(15, 148, 0.95).unwrap();
        assert!((low - 0.0624).abs() < 5e-5 && (high - 0.1605).abs() < 5e-5, "{low} {high}");
        // By hand: z = 0.03 / sqrt(0.115 * 0.885 * 2 / 1000) = 2.10274.
        assert!((two_proportions((130, 1_000), (100, 1_000)).unwrap() - 0.03549).abs() < 1e-4);
        assert_eq!(two_proportions((0, 10), (0, 10)), None);
        // Two samples of known moments: 1..5 and 2, 4, .. 10. t = -1.8974, 5.8824 degrees of freedom.
        let sample = |values: &[f64]| Counts {
            n: values.len() as u64,
            sum: values.iter().sum(),
            sum_sq: values.iter().map(|value| value * value).sum(),
            ..Counts::default()
        };
        let p = welch(&sample(&[1.0, 2.0, 3.0, 4.0, 5.0]), &sample(&[2.0, 4.0, 6.0, 8.0, 10.0]));
        assert!((p.unwrap() - 0.107_531).abs() < 1e-4, "{p:?}");
        assert_eq!(holm(&[0.01, 0.04, 0.03]), [0.03, 0.06, 0.06]);
        // Fleiss: 10 % against 12 %, 5 % on both sides, 80 % power.
        let needed = required(0.10, 0.12, 0.95).unwrap();
        assert!((3_830..=3_850).contains(&needed), "{needed}");
    }

    #[test]
    fn a_winner_needs_enough_people_enough_time_and_even_groups() {
        let judged = |counts: &BTreeMap<_, _>, hours| judge(&variants(), counts, RULES, hours);
        let clear = shares((200, 2_000), (300, 2_000));
        let results = judged(&clear, 48.0);
        assert_eq!(results.winner.as_deref(), Some("b"));
        near(results.variants[1].lift, 0.5);
        assert!(judged(&clear, 1.0).is_preliminary && judged(&clear, 1.0).winner.is_none());
        assert!(judged(&shares((20, 200), (60, 200)), 48.0).winner.is_none());
        let uneven = judged(&shares((200, 2_000), (350, 2_400)), 48.0);
        assert!(uneven.sample_ratio_mismatch && uneven.winner.is_none(), "{uneven:?}");
        let alike = judged(&shares((200, 2_000), (205, 2_010)), 48.0);
        assert!(!alike.sample_ratio_mismatch && alike.winner.is_none());
        assert_eq!(judged(&BTreeMap::new(), 48.0).variants[1].p, None);
    }

    #[test]
    fn the_bucket_is_the_documented_one() {
        // sha256("salt:subject") begins with these bytes.
        let digest = Sha256::digest(b"salt:subject");
        let bytes: [u8; 8] = digest[..8].try_into().unwrap();
        assert_eq!(bucket("salt", "subject"), u64::from_be_bytes(bytes) % BUCKETS);
    }

    #[test]
    fn subjects_are_spread_by_weight_and_always_alike() {
        let experiment = Experiment {
            salt: "salt".to_owned(),
            traffic_bp: 5_000,
            variants: variants(),
            goal: "order.paid".to_owned(),
            ..Experiment::default()
        };
        let shown = |key: &str| {
            let is_shown = |subject: &i32| {
                experiment.variant(&subject.to_string()).is_some_and(|variant| variant.key == key)
            };
            (0..4_000).filter(is_shown).count()
        };
        let (a, b) = (shown("a"), shown("b"));
        assert!((900..1_100).contains(&a) && (900..1_100).contains(&b), "{a} {b}");
        assert_eq!(experiment.control(), Some("a"));
    }
}
