//! A linear-chain conditional random field: training by L-BFGS, the best path by Viterbi.

use crate::heads::{Stop, minimise};

/// A sentence in numbers: for each word its features, and in training its label.
pub(crate) struct Sentence {
    pub features: Vec<Vec<u32>>,
    pub labels: Vec<u32>,
}

/// Weights: one line of labels a feature, then one line of next labels a label.
#[derive(Debug, Clone)]
pub(crate) struct Chain {
    pub states: Vec<f32>,
    pub steps: Vec<f32>,
}

/// Weight of the data against the penalty.
const C: f32 = 1.0;

/// Room for one sentence's forward and backward passes.
#[derive(Default)]
struct Room {
    scores: Vec<f32>,
    forward: Vec<f32>,
    backward: Vec<f32>,
    scales: Vec<f32>,
}

impl Chain {
    /// Trains on sentences with `features` features and `labels` labels.
    pub(crate) fn train(
        sentences: &[Sentence],
        features: usize,
        labels: usize,
        iterations: usize,
        threads: usize,
    ) -> Self {
        let states = features * labels;
        let mut parameters = vec![0.0_f32; states + labels * labels];
        let threads = threads.max(1);
        let share = sentences.len().div_ceil(threads).max(1);
        // The first thread writes into the gradient itself, each other into its own.
        let mut others =
            vec![vec![0.0_f32; parameters.len()]; sentences.chunks(share).len().saturating_sub(1)];
        minimise(&mut parameters, Stop { iterations, tolerance: 1e-5 }, |parameters, gradient| {
            gradient.fill(0.0);
            let loss = std::thread::scope(|scope| {
                let mut parts = sentences.chunks(share);
                let first = parts.next().unwrap_or_default();
                let running: Vec<_> = parts
                    .zip(&mut others)
                    .map(|(part, own)| {
                        scope.spawn(move || {
                            own.fill(0.0);
                            losses(part, parameters, states, labels, own)
                        })
                    })
                    .collect();
                let mut loss = losses(first, parameters, states, labels, gradient);
                for one in running {
                    match one.join() {
                        Ok(more) => loss += more,
                        Err(panic) => std::panic::resume_unwind(panic),
                    }
                }
                loss
            });
            for own in &others {
                for (sum, value) in gradient.iter_mut().zip(own) {
                    *sum += value;
                }
            }
            let mut penalty = 0.0_f64;
            for (gradients, weights) in gradient.chunks_mut(1024).zip(parameters.chunks(1024)) {
                let mut sum = 0.0_f32;
                for (gradient, weight) in gradients.iter_mut().zip(weights) {
                    *gradient += weight / C;
                    sum += weight * weight;
                }
                penalty += f64::from(sum);
            }
            loss + 0.5 * penalty / f64::from(C)
        });
        let steps = parameters.split_off(states);
        Self { states: parameters, steps }
    }
}

/// The sum of the losses of sentences; their gradient is added.
fn losses(
    sentences: &[Sentence],
    parameters: &[f32],
    states: usize,
    labels: usize,
    gradient: &mut [f32],
) -> f64 {
    let (weights, steps) = parameters.split_at(states);
    let (state_gradient, step_gradient) = gradient.split_at_mut(states);
    // Probabilities multiply, so the steps are needed as factors.
    let factors: Vec<f32> = steps.iter().map(|weight| weight.exp()).collect();
    let mut room = Room::default();
    let mut expected = vec![0.0_f32; labels * labels];
    let mut loss = 0.0;
    for sentence in sentences {
        loss += one(sentence, weights, steps, &factors, labels, &mut room, state_gradient, &mut expected);
    }
    for ((gradient, expected), factor) in step_gradient.iter_mut().zip(&expected).zip(&factors) {
        *gradient += expected * factor;
    }
    for sentence in sentences {
        for pair in sentence.labels.windows(2) {
            step_gradient[pair[0] as usize * labels + pair[1] as usize] -= 1.0;
        }
    }
    loss
}

/// The loss of one sentence. `expected` collects the probabilities of steps, still without their factors.
#[expect(clippy::too_many_arguments, reason = "the pieces of one computation, called from one place")]
fn one(
    sentence: &Sentence,
    weights: &[f32],
    steps: &[f32],
    factors: &[f32],
    labels: usize,
    room: &mut Room,
    gradient: &mut [f32],
    expected: &mut [f32],
) -> f64 {
    let words = sentence.features.len();
    if words == 0 {
        return 0.0;
    }
    let Room { scores, forward, backward, scales } = room;
    state_scores(&sentence.features, weights, labels, scores);
    let mut truth = 0.0_f64;
    for (at, label) in sentence.labels.iter().enumerate() {
        truth += f64::from(scores[at * labels + *label as usize]);
    }
    for pair in sentence.labels.windows(2) {
        truth += f64::from(steps[pair[0] as usize * labels + pair[1] as usize]);
    }

    // Each word's scores become factors relative to the word's highest; forward sums are scaled to 1.
    let mut partition = 0.0_f64;
    for line in scores.chunks_exact_mut(labels) {
        let highest = line.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        partition += f64::from(highest);
        for score in line {
            *score = (*score - highest).exp();
        }
    }
    forward.clear();
    forward.resize(words * labels, 0.0);
    scales.clear();
    for at in 0..words {
        let (before, here) = forward.split_at_mut(at * labels);
        let here = &mut here[..labels];
        if at == 0 {
            here.fill(1.0);
        } else {
            let before = &before[(at - 1) * labels..];
            crate::heads::matrix::add_scaled_lines(here, before, factors);
        }
        for (sum, score) in here.iter_mut().zip(&scores[at * labels..]) {
            *sum *= score;
        }
        let scale: f32 = here.iter().sum();
        partition += f64::from(scale.ln());
        scales.push(scale);
        for sum in here {
            *sum /= scale;
        }
    }
    backward.clear();
    backward.resize(labels, 1.0);
    let mut product = vec![0.0_f32; labels];
    for at in (0..words).rev() {
        // probability of each label here: forward · backward
        let line = &forward[at * labels..(at + 1) * labels];
        for (product, (forward, backward)) in product.iter_mut().zip(line.iter().zip(backward.iter())) {
            *product = forward * backward;
        }
        product[sentence.labels[at] as usize] -= 1.0;
        for feature in &sentence.features[at] {
            let first = *feature as usize * labels;
            for (sum, value) in gradient[first..first + labels].iter_mut().zip(&product) {
                *sum += value;
            }
        }
        if at == 0 {
            break;
        }
        // what follows from the previous label: Σ factor · score · backward / scale
        for (product, (score, backward)) in
            product.iter_mut().zip(scores[at * labels..].iter().zip(backward.iter()))
        {
            *product = score * backward / scales[at];
        }
        let before = &forward[(at - 1) * labels..at * labels];
        for (line, from) in expected.chunks_exact_mut(labels).zip(before) {
            for (sum, value) in line.iter_mut().zip(&product) {
                *sum += from * value;
            }
        }
        for (back, line) in backward.iter_mut().zip(factors.chunks_exact(labels)) {
            *back = crate::heads::inner(line, &product);
        }
    }
    partition - truth
}

fn state_scores(features: &[Vec<u32>], weights: &[f32], labels: usize, out: &mut Vec<f32>) {
    out.clear();
    out.resize(features.len() * labels, 0.0);
    for (line, features) in out.chunks_exact_mut(labels).zip(features) {
        for feature in features {
            let first = *feature as usize * labels;
            for (sum, weight) in line.iter_mut().zip(&weights[first..first + labels]) {
                *sum += weight;
            }
        }
    }
}

/// The most probable labels for scores of words and of steps.
pub(crate) fn best_path(scores: &[f32], steps: &[f32], labels: usize) -> Vec<usize> {
    let mut reached: Vec<f32> = scores.get(..labels).unwrap_or_default().to_vec();
    let mut origins: Vec<usize> = Vec::new();
    for line in scores.chunks_exact(labels).skip(1) {
        let mut next = Vec::with_capacity(labels);
        for (to, score) in line.iter().enumerate() {
            let mut best = (f32::NEG_INFINITY, 0);
            for (from, value) in reached.iter().enumerate() {
                let value = value + steps[from * labels + to];
                if value > best.0 {
                    best = (value, from);
                }
            }
            next.push(best.0 + score);
            origins.push(best.1);
        }
        reached = next;
    }
    let last = (0..reached.len()).max_by(|a, b| reached[*a].total_cmp(&reached[*b]));
    let mut path: Vec<usize> = last.into_iter().collect();
    for line in origins.chunks_exact(labels).rev() {
        let Some(here) = path.last() else { break };
        path.push(line[*here]);
    }
    path.reverse();
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feature 2 alone does not tell label 0 from 1; the word before does.
    fn sentences() -> Vec<Sentence> {
        let sentence =
            |first: u32| Sentence { features: vec![vec![first], vec![2]], labels: vec![first, first] };
        (0..20).map(|i| sentence(i % 2)).collect()
    }

    const LABELS: usize = 2;

    fn path(chain: &Chain, features: &[Vec<u32>]) -> Vec<usize> {
        let mut scores = Vec::new();
        state_scores(features, &chain.states, LABELS, &mut scores);
        best_path(&scores, &chain.steps, LABELS)
    }

    #[test]
    fn labels_depend_on_their_neighbours() {
        let chain = Chain::train(&sentences(), 3, 2, 50, 1);
        assert_eq!(path(&chain, &[vec![0], vec![2]]), [0, 0]);
        assert_eq!(path(&chain, &[vec![1], vec![2]]), [1, 1]);
        assert!(path(&chain, &[]).is_empty());
    }

    #[test]
    fn the_gradient_is_the_slope_of_the_loss() {
        let sentences = [Sentence { features: vec![vec![0, 2], vec![1], vec![2]], labels: vec![0, 1, 1] }];
        let parameters: Vec<f32> = (0..10_u8).map(|i| f32::from(i) * 0.1 - 0.4).collect();
        let mut gradient = vec![0.0; 10];
        losses(&sentences, &parameters, 6, 2, &mut gradient);
        for at in 0..10 {
            let shifted = |by: f32| {
                let mut parameters = parameters.clone();
                parameters[at] += by;
                losses(&sentences, &parameters, 6, 2, &mut [0.0; 10])
            };
            let slope = (shifted(1e-2) - shifted(-1e-2)) / 2e-2;
            assert!((slope - f64::from(gradient[at])).abs() < 1e-2, "{at}: {slope} {}", gradient[at]);
        }
    }
}
