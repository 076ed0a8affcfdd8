//! What cross-validation found: how good the model is, where it errs, and which thresholds follow from it.

use serde::{Deserialize, Serialize};

use super::model::Thresholds;
use crate::heads::calibrate::calibration_error;

/// Every example judged by a model that was trained without it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Examples judged.
    pub examples: usize,
    /// Parts the examples were cut into; each was judged by a model trained on the others.
    pub folds: usize,
    /// Share judged right.
    pub accuracy: f32,
    /// How far confidence and accuracy are apart, over ten bins.
    pub calibration_error: f32,
    /// Each intent.
    pub intents: Vec<IntentReport>,
    /// Which intent was taken for which, the most frequent first.
    pub confusions: Vec<Confusion>,
    /// Examples judged wrong with great confidence, the surest first: probably in the wrong place.
    pub doubtful: Vec<Doubt>,
    /// The thresholds that follow.
    pub thresholds: Thresholds,
    /// Weight chosen for words and letters beside the full model's vectors; none without vectors.
    pub lexical_weight: Option<f32>,
    /// Share of the examples the fast tier would decide; none if it is off.
    pub fast_share: Option<f32>,
    /// Examples of the bot's own that would be answered as if nobody had taught them.
    pub refused: f32,
    /// Share of the labelled messages out of scope that would be recognised as such; none without any.
    pub out_of_scope_refused: Option<f32>,
}

/// One intent in a [`Report`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IntentReport {
    /// Its name.
    pub name: String,
    /// Its examples.
    pub examples: usize,
    /// Of those taken for it, the share that was.
    pub precision: f32,
    /// Of its own, the share that was found.
    pub recall: f32,
    /// Harmonic mean of both.
    pub f1: f32,
}

/// Examples of one intent taken for another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confusion {
    /// What they are.
    pub expected: String,
    /// What they were taken for.
    pub predicted: String,
    /// How many.
    pub count: usize,
}

/// An example the model would rather see elsewhere.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Doubt {
    /// Its intent.
    pub expected: String,
    /// Where the model puts it.
    pub predicted: String,
    /// How sure it is.
    pub confidence: f32,
    /// Its text.
    pub text: String,
}

/// One judged example.
pub(crate) struct Judged<'a> {
    pub truth: usize,
    pub predicted: usize,
    pub confidence: f32,
    pub text: &'a str,
}

/// Doubtful examples listed at most.
const DOUBTS: usize = 50;

/// The parts of a report that follow from the judgements alone.
pub(crate) struct Summary {
    pub accuracy: f32,
    pub calibration_error: f32,
    pub intents: Vec<IntentReport>,
    pub confusions: Vec<Confusion>,
    pub doubtful: Vec<Doubt>,
}

impl Summary {
    pub(crate) fn new(names: &[&str], judged: &[Judged<'_>]) -> Self {
        let classes = names.len();
        let mut counts = vec![0_usize; classes * classes];
        for one in judged {
            counts[one.truth * classes + one.predicted] += 1;
        }
        let right = |class: usize| counts[class * classes + class];
        let intents = names.iter().enumerate().map(|(class, name)| {
            let examples: usize = counts[class * classes..(class + 1) * classes].iter().sum();
            let taken: usize = (0..classes).map(|truth| counts[truth * classes + class]).sum();
            let precision = share(right(class), taken);
            let recall = share(right(class), examples);
            let f1 =
                if precision + recall > 0.0 { 2.0 * precision * recall / (precision + recall) } else { 0.0 };
            IntentReport { name: (*name).to_owned(), examples, precision, recall, f1 }
        });
        let intents: Vec<_> = intents.collect();
        let mut confusions = Vec::new();
        for truth in 0..classes {
            for predicted in 0..classes {
                let count = counts[truth * classes + predicted];
                if truth != predicted && count > 0 {
                    let (expected, predicted) = (names[truth].to_owned(), names[predicted].to_owned());
                    confusions.push(Confusion { expected, predicted, count });
                }
            }
        }
        confusions.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.expected.cmp(&b.expected)));
        let mut wrong: Vec<&Judged<'_>> =
            judged.iter().filter(|one| one.truth != one.predicted && one.confidence >= 0.8).collect();
        wrong.sort_by(|a, b| b.confidence.total_cmp(&a.confidence).then_with(|| a.text.cmp(b.text)));
        let doubtful = wrong.into_iter().take(DOUBTS).map(|one| Doubt {
            expected: names[one.truth].to_owned(),
            predicted: names[one.predicted].to_owned(),
            confidence: one.confidence,
            text: one.text.to_owned(),
        });
        let answers: Vec<_> = judged.iter().map(|one| (one.confidence, one.truth == one.predicted)).collect();
        Self {
            accuracy: share(answers.iter().filter(|answer| answer.1).count(), answers.len()),
            calibration_error: calibration_error(&answers),
            intents,
            confusions,
            doubtful: doubtful.collect(),
        }
    }
}

/// A part of a whole, 0 of nothing.
#[expect(clippy::cast_precision_loss, reason = "shares are for people")]
pub(crate) fn share(part: usize, whole: usize) -> f32 {
    if whole == 0 { 0.0 } else { part as f32 / whole as f32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precision_and_recall() {
        let judge = |truth, predicted| Judged { truth, predicted, confidence: 0.9, text: "t" };
        let summary = Summary::new(&["a", "b"], &[judge(0, 0), judge(0, 1), judge(1, 1), judge(1, 1)]);
        assert!((summary.accuracy - 0.75).abs() < 1e-6);
        let a = &summary.intents[0];
        assert!((a.precision - 1.0).abs() < 1e-6 && (a.recall - 0.5).abs() < 1e-6);
        assert_eq!(summary.confusions, [Confusion { expected: "a".into(), predicted: "b".into(), count: 1 }]);
        assert_eq!(summary.doubtful.len(), 1);
    }
}
