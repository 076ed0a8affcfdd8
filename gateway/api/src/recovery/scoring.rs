//! How healthy a customer is, from five factors of 0 to 100 each.

use serde_json::{Map, Value, json};

/// What is known of a customer's factors.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Factors {
    /// How much they do with the product.
    pub engagement: Option<f64>,
    /// Whether they pay, and how.
    pub financial: Option<f64>,
    /// What they say of it.
    pub satisfaction: Option<f64>,
    /// How long they have been there.
    pub tenure: Option<f64>,
    /// How lately they did something.
    pub activity: Option<f64>,
}

impl Factors {
    /// Each with its name and how much it counts, of 100.
    fn weighed(self) -> [(&'static str, Option<f64>, f64); 5] {
        let Self { engagement, financial, satisfaction, tenure, activity } = self;
        [
            ("engagement", engagement, 25.0),
            ("financial", financial, 25.0),
            ("satisfaction", satisfaction, 20.0),
            ("tenure", tenure, 15.0),
            ("activity", activity, 15.0),
        ]
    }

    /// Those that are known, by name, as they are kept.
    pub fn known(self) -> Map<String, Value> {
        let known = self.weighed().into_iter();
        known.filter_map(|(name, value, _)| Some((name.to_owned(), json!(value?)))).collect()
    }

    /// Those that are known, by name, each with what it counts of the whole, in percent: so that a score can be explained.
    pub fn explained(self) -> Map<String, Value> {
        let whole: f64 =
            self.weighed().iter().filter(|(_, value, _)| value.is_some()).map(|(.., weight)| weight).sum();
        let known = self.weighed().into_iter().filter_map(|(name, value, weight)| {
            Some((name.to_owned(), json!({ "score": value?, "weight": weight / whole * 100.0 })))
        });
        known.collect()
    }

    /// Factors out of documents, the first that knows one first. A factor is a number of 0 to 100, or an object with one
    /// as its `score`.
    pub fn of(documents: &[&Value]) -> Self {
        let number = |name: &str| {
            documents.iter().find_map(|document| {
                let told = document.get(name)?;
                let told = told.as_f64().or_else(|| told.get("score").and_then(Value::as_f64))?;
                (0.0..=100.0).contains(&told).then_some(told)
            })
        };
        Self {
            engagement: number("engagement"),
            financial: number("financial"),
            satisfaction: number("satisfaction"),
            tenure: number("tenure"),
            activity: number("activity"),
        }
    }

    /// The score, and how sure it is: the others count for those that are missing. None without any factor.
    pub fn score(self) -> Option<(u8, f64)> {
        let (mut sum, mut weights) = (0.0, 0.0);
        for (_, value, weight) in self.weighed() {
            if let Some(value) = value {
                sum += value * weight;
                weights += weight;
            }
        }
        (weights > 0.0).then(|| (whole(sum / weights), weights / 100.0))
    }
}

/// The nearest whole number from 0 to 100.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 100")]
fn whole(score: f64) -> u8 {
    score.clamp(0.0, 100.0).round() as u8
}

/// The grade of a score.
pub(super) const fn grade(score: u8) -> &'static str {
    match score {
        80.. => "A",
        60..80 => "B",
        40..60 => "C",
        20..40 => "D",
        0..20 => "F",
    }
}

/// How likely it is, in a word, that a customer of this score leaves.
pub(super) const fn risk(score: u8) -> &'static str {
    match score {
        80.. => "very_low",
        60..80 => "low",
        40..60 => "medium",
        20..40 => "high",
        0..20 => "critical",
    }
}

/// The same as a probability, where nothing else is known.
pub(super) fn churn_probability(score: u8) -> f64 {
    let likely = 1.0 / (1.0 + ((f64::from(score) - 45.0) / 12.0).exp());
    likely.clamp(0.01, 0.99)
}

/// What makes leaving likelier than the score alone says, in the words of `risk_factors`, with how much it adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// A payment failed.
    PaymentFailed,
    /// They asked to end it.
    Cancellation,
    /// They said it was bad.
    NegativeFeedback,
    /// Nothing was heard of them for thirty days.
    Silence,
}

impl Sign {
    /// Every sign.
    pub const ALL: [Self; 4] =
        [Self::PaymentFailed, Self::Cancellation, Self::NegativeFeedback, Self::Silence];

    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PaymentFailed => "payment_failed",
            Self::Cancellation => "subscription_canceled",
            Self::NegativeFeedback => "negative_feedback",
            Self::Silence => "silent_30_days",
        }
    }

    /// How much likelier it makes leaving.
    pub const fn weight(self) -> f64 {
        match self {
            Self::PaymentFailed => 0.15,
            Self::Cancellation => 0.30,
            Self::NegativeFeedback | Self::Silence => 0.10,
        }
    }
}

/// How likely a customer of this score leaves who gave these signs.
pub(super) fn churn_after(score: u8, signs: &[Sign]) -> f64 {
    signs.iter().fold(churn_probability(score), |likely, sign| likely + sign.weight()).clamp(0.01, 0.99)
}

/// Where scores go, the latest first: the mean of the last two against that of the three before. Fewer than three scores
/// go nowhere.
pub(super) fn trend(scores: &[u8]) -> &'static str {
    let mean = |scores: &[u8]| {
        let (sum, many) =
            scores.iter().fold((0.0, 0.0), |(sum, many), score| (sum + f64::from(*score), many + 1.0));
        sum / many
    };
    let (Some(last), Some(before)) = (scores.get(..2), scores.get(2..scores.len().min(5))) else {
        return "stable";
    };
    if before.is_empty() {
        return "stable";
    }
    match mean(last) - mean(before) {
        change if change >= 5.0 => "improving",
        change if change <= -20.0 => "critical_decline",
        change if change <= -5.0 => "declining",
        _ => "stable",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOTHING: Factors =
        Factors { engagement: None, financial: None, satisfaction: None, tenure: None, activity: None };

    #[test]
    fn factors_count_by_their_weights_and_missing_ones_lower_the_confidence() {
        let all = Factors {
            engagement: Some(100.0),
            financial: Some(0.0),
            satisfaction: Some(50.0),
            tenure: Some(100.0),
            activity: Some(0.0),
        };
        assert_eq!(all.score(), Some((50, 1.0)));
        let some = Factors { engagement: Some(80.0), tenure: Some(40.0), ..NOTHING };
        assert_eq!(some.score(), Some((65, 0.4)));
        assert_eq!(Value::Object(some.known()), json!({ "engagement": 80.0, "tenure": 40.0 }));
        assert_eq!(NOTHING.score(), None);
    }

    #[test]
    fn factors_come_from_what_was_told_last_and_say_what_they_count() {
        let inputs = json!({ "engagement": 90, "tenure": 900, "note": "met them" });
        let before = json!({ "engagement": { "score": 10.0, "weight": 50.0 }, "tenure": 40.0 });
        let factors = Factors::of(&[&inputs, &before]);
        assert_eq!((factors.engagement, factors.tenure, factors.financial), (Some(90.0), Some(40.0), None));
        let explained = Value::Object(factors.explained());
        assert_eq!(explained["engagement"], json!({ "score": 90.0, "weight": 62.5 }));
        assert_eq!(explained["tenure"], json!({ "score": 40.0, "weight": 37.5 }));
    }

    #[test]
    fn grades_and_risks_change_at_the_same_scores() {
        for (score, expected) in [
            (100, ("A", "very_low")),
            (80, ("A", "very_low")),
            (79, ("B", "low")),
            (60, ("B", "low")),
            (59, ("C", "medium")),
            (39, ("D", "high")),
            (19, ("F", "critical")),
            (0, ("F", "critical")),
        ] {
            assert_eq!((grade(score), risk(score)), expected, "{score}");
        }
        assert!((churn_probability(45) - 0.5).abs() < 1e-9);
    }

    #[test]
    fn a_trend_needs_a_past_and_a_change_of_five() {
        for (scores, expected) in [
            (&[][..], "stable"),
            (&[90, 10], "stable"),
            (&[70, 70, 70], "stable"),
            (&[75, 75, 70, 70, 70], "improving"),
            (&[74, 75, 70, 70, 70], "stable"),
            (&[65, 65, 70, 70, 70], "declining"),
            (&[50, 50, 70, 70, 70], "critical_decline"),
            // What was before the last five does not count.
            (&[50, 50, 50, 50, 50, 100, 100], "stable"),
        ] {
            assert_eq!(trend(scores), expected, "{scores:?}");
        }
    }

    #[test]
    fn signs_make_leaving_likelier_and_never_certain() {
        let calm = churn_after(80, &[]);
        assert!((calm - churn_probability(80)).abs() < 1e-9);
        assert!((churn_after(80, &[Sign::PaymentFailed, Sign::Silence]) - calm - 0.25).abs() < 1e-9);
        assert!((churn_after(0, &Sign::ALL) - 0.99).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn a_better_score_is_never_likelier_to_leave(one in 0_u8..=100, other in 0_u8..=100) {
            let (low, high) = (one.min(other), one.max(other));
            prop_assert!(churn_probability(low) >= churn_probability(high));
            prop_assert!((0.01..=0.99).contains(&churn_probability(low)));
        }

        #[test]
        fn a_score_lies_between_its_factors(one in 0.0..=100.0_f64, other in 0.0..=100.0_f64) {
            let factors = Factors { financial: Some(one), activity: Some(other), ..NOTHING };
            let (score, _) = factors.score().expect("a score");
            prop_assert!(f64::from(score) >= one.min(other).floor() && f64::from(score) <= one.max(other).ceil());
        }
    }
}
