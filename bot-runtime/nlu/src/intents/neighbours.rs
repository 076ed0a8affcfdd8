//! The examples nearest to a text: a measure of whether anything like it was ever taught.

use serde::{Deserialize, Serialize};

use crate::heads::SparseRow;
use crate::heads::stored::rounded;

/// Intents whose examples are looked at, the most probable first: the nearest example is nearly always theirs.
const INTENTS: usize = 8;
/// Examples looked at, in whole intents: with more, the most probable intents alone have something near.
const EXAMPLES: usize = 2_000;

/// Examples as vectors, grouped by intent.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Neighbours {
    /// The first example of each intent, and the end.
    starts: Vec<u32>,
    rows: Rows,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
enum Rows {
    /// Where each row begins; feature numbers; values in 127ths of the row's largest.
    Sparse { starts: Vec<u32>, features: Vec<u32>, values: Vec<i8>, scales: Vec<f32> },
    /// Values in 127ths of the row's largest.
    Dense { dimensions: u32, values: Vec<i8>, scales: Vec<f32> },
}

/// What a text is compared by.
pub(crate) enum Probe<'a> {
    Sparse { row: &'a SparseRow, features: usize },
    Dense(&'a [f32]),
}

/// How near the nearest examples are.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Nearness {
    /// Cosine with the nearest.
    pub nearest: f32,
    /// Mean of the five nearest.
    pub five: f32,
    /// Each intent that was looked at, with the cosine of its nearest example.
    pub intents: Vec<(usize, f32)>,
}

impl Neighbours {
    /// Sparse rows with their labels; `order` sorts examples by label.
    pub(crate) fn sparse(rows: &[(u32, SparseRow)], classes: usize) -> Self {
        let (mut starts, mut features, mut values, mut scales) =
            (vec![0], Vec::new(), Vec::new(), Vec::new());
        let (by_class, order) = grouped(rows.iter().map(|(label, _)| *label), classes);
        for example in order {
            let row = &rows[example].1;
            let scale = row.iter().fold(0.0_f32, |most, (_, value)| most.max(value.abs())) / 127.0;
            features.extend(row.iter().map(|(feature, _)| *feature));
            values.extend(row.iter().map(|(_, value)| rounded(value / scale.max(1e-9))));
            scales.push(scale);
            starts.push(u32::try_from(features.len()).unwrap_or(u32::MAX));
        }
        Self { starts: by_class, rows: Rows::Sparse { starts, features, values, scales } }
    }

    /// Dense rows with their labels.
    pub(crate) fn dense(rows: &[(u32, &[f32])], classes: usize, dimensions: usize) -> Self {
        let (mut values, mut scales) = (Vec::with_capacity(rows.len() * dimensions), Vec::new());
        let (by_class, order) = grouped(rows.iter().map(|(label, _)| *label), classes);
        for example in order {
            let row = rows[example].1;
            let scale = row.iter().fold(0.0_f32, |most, value| most.max(value.abs())) / 127.0;
            values.extend(row.iter().map(|value| rounded(value / scale.max(1e-9))));
            scales.push(scale);
        }
        let dimensions = u32::try_from(dimensions).unwrap_or(u32::MAX);
        Self { starts: by_class, rows: Rows::Dense { dimensions, values, scales } }
    }

    /// Whether the parts fit each other; false for a damaged file.
    pub(crate) fn is_sound(&self, classes: usize) -> bool {
        let examples = self.starts.last().copied().unwrap_or(0) as usize;
        let grouped = self.starts.len() == classes + 1 && self.starts.is_sorted();
        grouped
            && match &self.rows {
                Rows::Sparse { starts, features, values, scales } => {
                    scales.len() == examples
                        && starts.len() == examples + 1
                        && starts.is_sorted()
                        && starts.last().copied().unwrap_or(0) as usize == features.len()
                        && values.len() == features.len()
                }
                Rows::Dense { dimensions, values, scales } => {
                    scales.len() == examples && values.len() == examples * *dimensions as usize
                }
            }
    }

    /// Cosines with the nearest examples of the most probable intents.
    pub(crate) fn near(&self, probe: &Probe<'_>, ranking: &[usize]) -> Nearness {
        let mut best = [0.0_f32; 5];
        let mut intents = Vec::with_capacity(INTENTS);
        let mut looked_at = 0;
        let scattered = match probe {
            Probe::Sparse { row, features } => {
                let mut all = vec![0.0_f32; *features];
                for (feature, value) in *row {
                    if let Some(place) = all.get_mut(*feature as usize) {
                        *place = *value;
                    }
                }
                all
            }
            Probe::Dense(_) => Vec::new(),
        };
        for class in ranking.iter().take(INTENTS) {
            let (Some(first), Some(end)) = (self.starts.get(*class), self.starts.get(class + 1)) else {
                continue;
            };
            looked_at += (*end - *first) as usize;
            let mut own = 0.0_f32;
            for example in *first as usize..*end as usize {
                let cosine = self.cosine(example, probe, &scattered);
                own = own.max(cosine);
                if cosine > best[4] {
                    best[4] = cosine;
                    best.sort_by(|a, b| b.total_cmp(a));
                }
            }
            intents.push((*class, own));
            if looked_at >= EXAMPLES {
                break;
            }
        }
        Nearness { nearest: best[0], five: best.iter().sum::<f32>() / 5.0, intents }
    }

    fn cosine(&self, example: usize, probe: &Probe<'_>, scattered: &[f32]) -> f32 {
        match (&self.rows, probe) {
            (Rows::Sparse { starts, features, values, scales }, Probe::Sparse { .. }) => {
                let range = starts[example] as usize..starts[example + 1] as usize;
                let pairs = features[range.clone()].iter().zip(&values[range]);
                let sum: f32 = pairs
                    .map(|(feature, value)| {
                        scattered.get(*feature as usize).copied().unwrap_or(0.0) * f32::from(*value)
                    })
                    .sum();
                sum * scales[example]
            }
            (Rows::Dense { dimensions, values, scales }, Probe::Dense(vector)) => {
                let dimensions = *dimensions as usize;
                let row = &values[example * dimensions..(example + 1) * dimensions];
                let mut sums = [0.0_f32; 8];
                for (row, vector) in row.chunks_exact(8).zip(vector.chunks_exact(8)) {
                    for ((sum, value), x) in sums.iter_mut().zip(row).zip(vector) {
                        *sum += f32::from(*value) * x;
                    }
                }
                let tail = dimensions - dimensions % 8;
                let rest: f32 = row[tail..]
                    .iter()
                    .zip(&vector[tail.min(vector.len())..])
                    .map(|(v, x)| f32::from(*v) * x)
                    .sum();
                (sums.iter().sum::<f32>() + rest) * scales[example]
            }
            _ => 0.0,
        }
    }
}

/// Where each class begins when examples are ordered by class, and that order.
fn grouped(labels: impl Iterator<Item = u32>, classes: usize) -> (Vec<u32>, Vec<usize>) {
    let mut by_class = vec![Vec::new(); classes];
    for (example, label) in labels.enumerate() {
        by_class[label as usize].push(example);
    }
    let mut starts = vec![0_u32];
    let mut order = Vec::new();
    for examples in by_class {
        order.extend(examples);
        starts.push(u32::try_from(order.len()).unwrap_or(u32::MAX));
    }
    (starts, order)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_is_found_in_both_shapes() {
        let (one, two) = ([1.0_f32, 0.0, 0.0], [0.0_f32, 0.6, 0.8]);
        let dense = Neighbours::dense(&[(1, &one), (0, &two)], 2, 3);
        assert!(dense.is_sound(2));
        let near = dense.near(&Probe::Dense(&[0.0, 1.0, 0.0]), &[0, 1]);
        assert!((near.nearest - 0.6).abs() < 0.01, "{near:?}");
        let sparse = Neighbours::sparse(&[(1, vec![(0, 1.0)]), (0, vec![(1, 0.6), (2, 0.8)])], 2);
        assert!(sparse.is_sound(2));
        let near = sparse.near(&Probe::Sparse { row: &vec![(1, 1.0)], features: 3 }, &[0, 1]);
        assert!((near.nearest - 0.6).abs() < 0.01, "{near:?}");
    }
}
