//! Multinomial logistic regression with an L2 penalty: one line of weights a feature, one bias a class.

use super::lbfgs::{Stop, minimise};
use super::matrix::Matrix;

/// How a head is trained.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fit {
    /// Weight of the data against the penalty, as scikit-learn's `C`: `C Σ loss + ½ |w|²`.
    pub c: f32,
    /// When to stop.
    pub stop: Stop,
    /// Threads at most.
    pub threads: usize,
}

/// What training found: weights, `features * classes` of them, then biases.
#[derive(Debug, Clone)]
pub(crate) struct Weights {
    /// One line of `classes` values a feature.
    pub lines: Vec<f32>,
    /// One value a class.
    pub biases: Vec<f32>,
}

impl Fit {
    /// Trains on examples and their classes.
    pub(crate) fn train(&self, examples: &Matrix, labels: &[u32], classes: usize) -> Weights {
        let features = examples.features();
        let mut parameters = vec![0.0_f32; (features + 1) * classes];
        let mut residuals = vec![0.0_f32; examples.examples() * classes];
        minimise(&mut parameters, self.stop, |parameters, gradient| {
            let (weights, biases) = parameters.split_at(features * classes);
            let loss = self.residuals(examples, labels, weights, biases, &mut residuals);
            self.gradient(examples, &residuals, classes, weights, gradient);
            let penalty: f64 =
                weights.chunks(1024).map(|w| f64::from(w.iter().map(|w| w * w).sum::<f32>())).sum();
            loss + 0.5 * penalty / f64::from(self.c)
        });
        let biases = parameters.split_off(features * classes);
        Weights { lines: parameters, biases }
    }

    /// Writes probability minus truth for every example and returns the sum of the losses.
    fn residuals(&self, x: &Matrix, labels: &[u32], weights: &[f32], biases: &[f32], out: &mut [f32]) -> f64 {
        let classes = biases.len();
        let share = x.examples().div_ceil(self.threads.max(1)).max(1);
        let parts = out.chunks_mut(share * classes).zip(labels.chunks(share)).enumerate();
        let work = parts.map(|(number, (out, labels))| {
            move || {
                let mut loss = 0.0_f64;
                let lines = out.chunks_exact_mut(classes).zip(labels).enumerate();
                for (offset, (line, label)) in lines {
                    line.copy_from_slice(biases);
                    x.multiply_row(number * share + offset, weights, line);
                    softmax(line);
                    let truth = &mut line[*label as usize];
                    loss -= f64::from(truth.max(1e-30).ln());
                    *truth -= 1.0;
                }
                loss
            }
        });
        in_parallel(work.collect()).into_iter().sum()
    }

    fn gradient(&self, x: &Matrix, residuals: &[f32], classes: usize, weights: &[f32], gradient: &mut [f32]) {
        let (lines, biases) = gradient.split_at_mut(weights.len());
        biases.fill(0.0);
        for residual in residuals.chunks_exact(classes) {
            for (sum, value) in biases.iter_mut().zip(residual) {
                *sum += value;
            }
        }
        let decay = 1.0 / self.c;
        let share = x.features().div_ceil(self.threads.max(1)).max(1);
        let parts = lines.chunks_mut(share * classes).zip(weights.chunks(share * classes)).enumerate();
        let work = parts.map(|(number, (lines, weights))| {
            move || {
                for (to, weight) in lines.iter_mut().zip(weights) {
                    *to = decay * weight;
                }
                x.multiply_columns(number * share, residuals, classes, lines);
            }
        });
        in_parallel(work.collect());
    }
}

/// Runs the pieces, the first of them here. With one piece no thread is started.
fn in_parallel<T: Send, F: FnOnce() -> T + Send>(mut work: Vec<F>) -> Vec<T> {
    if work.len() < 2 {
        return work.into_iter().map(|piece| piece()).collect();
    }
    let first = work.remove(0);
    std::thread::scope(|scope| {
        let others: Vec<_> = work.into_iter().map(|piece| scope.spawn(piece)).collect();
        let mut results = vec![first()];
        for other in others {
            match other.join() {
                Ok(result) => results.push(result),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        results
    })
}

/// Logits to probabilities, in place.
pub(crate) fn softmax(logits: &mut [f32]) {
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for logit in logits.iter_mut() {
        *logit = (*logit - highest).exp();
        sum += *logit;
    }
    for logit in logits.iter_mut() {
        *logit /= sum;
    }
}

/// Logits to logarithms of probabilities, in place.
pub(crate) fn log_softmax(logits: &mut [f32]) {
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = logits.iter().map(|logit| (logit - highest).exp()).sum();
    let shift = highest + sum.ln();
    for logit in logits.iter_mut() {
        *logit -= shift;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit(threads: usize) -> Fit {
        Fit { c: 30.0, stop: Stop { iterations: 100, tolerance: 1e-7 }, threads }
    }

    #[test]
    fn separates_what_can_be_separated_and_does_not_depend_on_threads() {
        let rows: Vec<Vec<(u32, f32)>> = (0..60).map(|i| vec![(i % 3, 1.0), (3 + i % 7, 0.5)]).collect();
        let labels: Vec<u32> = (0..60).map(|i| i % 3).collect();
        let matrix = Matrix::sparse(&rows, 10);
        let one = fit(1).train(&matrix, &labels, 3);
        let two = fit(2).train(&matrix, &labels, 3);
        for (example, label) in labels.iter().enumerate() {
            let mut p = one.biases.clone();
            matrix.multiply_row(example, &one.lines, &mut p);
            softmax(&mut p);
            assert!(p[*label as usize] > 0.95, "{p:?}");
        }
        let apart = one.lines.iter().zip(&two.lines).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(apart < 1e-3, "{apart}");
    }
}
