//! Limited-memory BFGS: the minimum of a smooth convex function of many numbers.
//!
//! Nocedal and Wright, Numerical Optimization, 2nd edition, algorithms 7.4 and 7.5, with a backtracking line
//! search. Numbers are stored in single precision and summed in double.

use std::collections::VecDeque;

/// When to stop.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stop {
    /// Steps at most.
    pub iterations: usize,
    /// Ends when a step improves the value by less than this share of it.
    pub tolerance: f64,
}

/// Steps whose changes are remembered; a dozen more would take fewer steps and far more memory.
const MEMORY: usize = 6;

struct Change {
    position: Vec<f32>,
    gradient: Vec<f32>,
    curvature: f64,
}

/// Moves `position` to where `function` is smallest. The function writes the gradient and returns the value.
pub(crate) fn minimise(
    position: &mut [f32],
    stop: Stop,
    mut function: impl FnMut(&[f32], &mut [f32]) -> f64,
) {
    let mut gradient = vec![0.0_f32; position.len()];
    let mut value = function(position, &mut gradient);
    let mut history: VecDeque<Change> = VecDeque::with_capacity(MEMORY);
    let mut trial = vec![0.0_f32; position.len()];
    let mut trial_gradient = vec![0.0_f32; position.len()];

    for _ in 0..stop.iterations {
        let mut direction = descent(&gradient, &history);
        let mut slope = dot(&direction, &gradient);
        if slope >= 0.0 {
            // Rounding spoiled the memory: start again from the steepest descent.
            history.clear();
            direction = gradient.iter().map(|g| -g).collect();
            slope = dot(&direction, &gradient);
        }
        if slope == 0.0 {
            return;
        }
        let mut step = if history.is_empty() { 1.0 / dot(&gradient, &gradient).sqrt().max(1.0) } else { 1.0 };
        let mut reached = None;
        for _ in 0..20 {
            for ((to, from), along) in trial.iter_mut().zip(position.iter()).zip(&direction) {
                *to = from + single(step) * along;
            }
            let found = function(&trial, &mut trial_gradient);
            if found.is_finite() && found <= value + 1e-4 * step * slope {
                reached = Some(found);
                break;
            }
            step *= 0.4;
        }
        let Some(found) = reached else { return };

        let mut change =
            if history.len() == MEMORY { history.pop_front() } else { None }.unwrap_or_else(|| Change {
                position: vec![0.0; position.len()],
                gradient: vec![0.0; position.len()],
                curvature: 0.0,
            });
        for (index, (now, before)) in trial.iter().zip(position.iter()).enumerate() {
            change.position[index] = now - before;
            change.gradient[index] = trial_gradient[index] - gradient[index];
        }
        change.curvature = dot(&change.position, &change.gradient);
        if change.curvature > 1e-12 {
            history.push_back(change);
        }
        position.copy_from_slice(&trial);
        std::mem::swap(&mut gradient, &mut trial_gradient);
        let gained = value - found;
        value = found;
        if gained <= stop.tolerance * value.abs().max(1e-9) {
            return;
        }
    }
}

/// The two-loop recursion: minus the gradient, times an estimate of the inverse Hessian.
fn descent(gradient: &[f32], history: &VecDeque<Change>) -> Vec<f32> {
    let mut direction: Vec<f32> = gradient.iter().map(|g| -g).collect();
    let mut shares = Vec::with_capacity(history.len());
    for change in history.iter().rev() {
        let share = dot(&change.position, &direction) / change.curvature;
        add(&mut direction, -share, &change.gradient);
        shares.push(share);
    }
    if let Some(last) = history.back() {
        let scale = single(last.curvature / dot(&last.gradient, &last.gradient).max(1e-30));
        for d in &mut direction {
            *d *= scale;
        }
    }
    for (change, share) in history.iter().zip(shares.into_iter().rev()) {
        let correction = dot(&change.gradient, &direction) / change.curvature;
        add(&mut direction, share - correction, &change.position);
    }
    direction
}

fn add(to: &mut [f32], factor: f64, line: &[f32]) {
    let factor = single(factor);
    for (sum, value) in to.iter_mut().zip(line) {
        *sum += factor * value;
    }
}

/// Sums of a thousand in single precision, these in double: as good as all in double, and as fast as neither.
fn dot(left: &[f32], right: &[f32]) -> f64 {
    let blocks = left.chunks(1024).zip(right.chunks(1024));
    blocks.map(|(left, right)| f64::from(dot_block(left, right))).sum()
}

fn dot_block(left: &[f32], right: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 8];
    let (lefts, rights) = (left.chunks_exact(8), right.chunks_exact(8));
    let rest: f32 = lefts.remainder().iter().zip(rights.remainder()).map(|(l, r)| l * r).sum();
    for (left, right) in lefts.zip(rights) {
        for ((sum, left), right) in sums.iter_mut().zip(left).zip(right) {
            *sum += left * right;
        }
    }
    sums.iter().sum::<f32>() + rest
}

/// The inner product of two vectors of one length.
pub(crate) fn inner(left: &[f32], right: &[f32]) -> f32 {
    dot_block(left, right)
}

#[expect(clippy::cast_possible_truncation, reason = "precision is what is given up here, on purpose")]
pub(crate) fn single(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_bottom_of_an_uneven_bowl() {
        let target = [3.0_f32, -2.0, 0.5];
        let steepness = [1.0_f32, 10.0, 100.0];
        let mut position = vec![0.0_f32; 3];
        minimise(&mut position, Stop { iterations: 100, tolerance: 1e-12 }, |at, gradient| {
            let mut value = 0.0;
            for i in 0..3 {
                let away = at[i] - target[i];
                gradient[i] = 2.0 * steepness[i] * away;
                value += f64::from(steepness[i] * away * away);
            }
            value
        });
        for (found, wanted) in position.iter().zip(target) {
            assert!((found - wanted).abs() < 1e-3, "{position:?}");
        }
    }
}
