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
