//! Making probabilities mean what they say, and measuring whether they do.

use super::{lbfgs::single, log_softmax};

/// The number to divide logits by so that the likelihood of the truth is highest: one-dimensional, convex in
/// its inverse, found by golden section between 0.2 and 5.
pub(crate) fn temperature(answers: &[(Vec<f32>, usize)]) -> f32 {
    let loss = |log_t: f64| -> f64 {
        let inverse = single((-log_t).exp());
        let mut sum = 0.0;
        for (logits, truth) in answers {
            let mut scaled: Vec<f32> = logits.iter().map(|logit| logit * inverse).collect();
            log_softmax(&mut scaled);
            sum -= f64::from(scaled[*truth]);
        }
        sum
    };
    let (mut low, mut high) = (0.2_f64.ln(), 5.0_f64.ln());
    let golden = 0.618_033_988_75;
    for _ in 0..24 {
        let left = high - golden * (high - low);
        let right = low + golden * (high - low);
        if loss(left) < loss(right) { high = right } else { low = left }
    }
    single(f64::midpoint(low, high).exp())
}

/// Expected calibration error over ten bins of confidence: how far confidence and hit rate are apart.
pub fn calibration_error(answers: &[(f32, bool)]) -> f32 {
    let mut bins = [(0.0_f32, 0.0_f32, 0.0_f32); 10];
    for (confidence, right) in answers {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=9")]
        let bin = &mut bins[(confidence * 10.0).clamp(0.0, 9.0) as usize];
        bin.0 += 1.0;
        bin.1 += confidence;
        bin.2 += f32::from(u8::from(*right));
    }
    let total: f32 = bins.iter().map(|bin| bin.0).sum();
    bins.iter().map(|(_, confidence, right)| (confidence - right).abs()).sum::<f32>() / total.max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overconfidence_is_cooled() {
        // says 95 %, is right in three of four
        let answers: Vec<_> = (0..100).map(|i| (vec![3.0_f32, 0.0], usize::from(i % 4 == 0))).collect();
        let t = temperature(&answers);
        let p = 1.0 / (1.0 + (-3.0 / t).exp());
        assert!((p - 0.75).abs() < 0.01, "{p}");
    }

    #[test]
    fn error_of_the_honest_is_nothing() {
        let honest: Vec<_> = (0..100).map(|i| (0.75, i % 4 != 0)).collect();
        assert!(calibration_error(&honest) < 1e-5);
        let boaster: Vec<_> = (0..100).map(|i| (0.99, i % 2 == 0)).collect();
        assert!((calibration_error(&boaster) - 0.49).abs() < 1e-4);
    }
}
