//! The rows a head is trained on: sparse word and letter counts, or dense vectors.

/// One sparse row: feature numbers, strictly increasing, and their values.
pub(crate) type SparseRow = Vec<(u32, f32)>;

/// Examples by features. Both views of a sparse matrix are kept: logits walk the rows, the gradient walks the
/// columns, so no two threads write the same number and the result does not depend on how many there are.
#[derive(Debug)]
pub(crate) enum Matrix {
    /// Few non-zero values a row.
    Sparse {
        /// By example.
        rows: Compressed,
        /// By feature.
        columns: Compressed,
    },
    /// One vector after the other.
    Dense {
        /// `examples * features` values.
        values: Vec<f32>,
        /// Length of a vector.
        features: usize,
    },
}

/// Lines of `(index, value)` pairs, laid end to end.
#[derive(Debug)]
pub(crate) struct Compressed {
    starts: Vec<usize>,
    entries: Vec<(u32, f32)>,
}

impl Compressed {
    /// The pairs of one line.
    pub(crate) fn line(&self, number: usize) -> &[(u32, f32)] {
        &self.entries[self.starts[number]..self.starts[number + 1]]
    }

    fn lines(&self) -> usize {
        self.starts.len() - 1
    }
}

impl Matrix {
    /// A sparse matrix with `features` columns.
    pub(crate) fn sparse(rows: &[SparseRow], features: usize) -> Self {
        let mut starts = Vec::with_capacity(rows.len() + 1);
        let mut entries = Vec::with_capacity(rows.iter().map(Vec::len).sum());
        let mut counts = vec![0_usize; features + 1];
        starts.push(0);
        for row in rows {
            entries.extend_from_slice(row);
            starts.push(entries.len());
            for (feature, _) in row {
                counts[*feature as usize + 1] += 1;
            }
        }
        for feature in 0..features {
            counts[feature + 1] += counts[feature];
        }
        let mut cursor = counts.clone();
        let mut by_feature = vec![(0_u32, 0.0_f32); entries.len()];
        for (number, row) in (0_u32..).zip(rows) {
            for (feature, value) in row {
                let at = &mut cursor[*feature as usize];
                by_feature[*at] = (number, *value);
                *at += 1;
            }
        }
        let rows = Compressed { starts, entries };
        Self::Sparse { rows, columns: Compressed { starts: counts, entries: by_feature } }
    }

    /// A dense matrix of vectors of one length.
    pub(crate) fn dense<'a>(vectors: impl Iterator<Item = &'a [f32]>, features: usize) -> Self {
        Self::Dense { values: vectors.flatten().copied().collect(), features }
    }

    /// How many examples.
    pub(crate) fn examples(&self) -> usize {
        match self {
            Self::Sparse { rows, .. } => rows.lines(),
            Self::Dense { values, features } => values.len() / (*features).max(1),
        }
    }

    /// How many features.
    pub(crate) fn features(&self) -> usize {
        match self {
            Self::Sparse { columns, .. } => columns.lines(),
            Self::Dense { features, .. } => *features,
        }
    }

    /// `out += X[example] * weights`, where `weights` has one line of `out.len()` values a feature.
    pub(crate) fn multiply_row(&self, example: usize, weights: &[f32], out: &mut [f32]) {
        let classes = out.len();
        match self {
            Self::Sparse { rows, .. } => {
                for (feature, value) in rows.line(example) {
                    let at = *feature as usize * classes;
                    add_scaled(out, *value, &weights[at..at + classes]);
                }
            }
            Self::Dense { values, features } => {
                let row = &values[example * features..(example + 1) * features];
                add_scaled_lines(out, row, weights);
            }
        }
    }

    /// `gradient += X[.., features]ᵀ * residuals` for the features that begin at `first`; `gradient` has one
    /// line of `classes` values for each of them, `residuals` one for each example.
    pub(crate) fn multiply_columns(&self, first: usize, residuals: &[f32], classes: usize, out: &mut [f32]) {
        match self {
            Self::Sparse { columns, .. } => {
                for (offset, line) in out.chunks_exact_mut(classes).enumerate() {
                    for (example, value) in columns.line(first + offset) {
                        let at = *example as usize * classes;
                        add_scaled(line, *value, &residuals[at..at + classes]);
                    }
                }
            }
            Self::Dense { values, features } => {
                // A few examples at a time, so that their residuals stay in the first cache.
                const BLOCK: usize = 32;
                let blocks = values.chunks(BLOCK * features).zip(residuals.chunks(BLOCK * classes));
                let mut column = Vec::with_capacity(BLOCK);
                for (block, residuals) in blocks {
                    for (offset, line) in out.chunks_exact_mut(classes).enumerate() {
                        column.clear();
                        column.extend(block.chunks_exact(*features).map(|row| row[first + offset]));
                        add_scaled_lines(line, &column, residuals);
                    }
                }
            }
        }
    }
}

/// `out += factor * line`.
fn add_scaled(out: &mut [f32], factor: f32, line: &[f32]) {
    for (sum, value) in out.iter_mut().zip(line) {
        *sum += factor * value;
    }
}

/// `out += Σ factors[i] * lines[i]`, four lines at a time: the sums are read and written a quarter as often.
pub(crate) fn add_scaled_lines(out: &mut [f32], factors: &[f32], lines: &[f32]) {
    let width = out.len();
    let mut blocks = factors.chunks_exact(4);
    let mut rest = lines;
    for block in blocks.by_ref() {
        let (four, after) = rest.split_at(4 * width);
        rest = after;
        let (a, four) = four.split_at(width);
        let (b, four) = four.split_at(width);
        let (c, d) = four.split_at(width);
        let lines = a.iter().zip(b).zip(c.iter().zip(d));
        for (sum, ((a, b), (c, d))) in out.iter_mut().zip(lines) {
            *sum += (block[0] * a + block[1] * b) + (block[2] * c + block[3] * d);
        }
    }
    for (factor, line) in blocks.remainder().iter().zip(rest.chunks_exact(width)) {
        add_scaled(out, *factor, line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sparse_and_dense_agree() {
        let sparse = Matrix::sparse(&[vec![(0, 1.0), (2, 2.0)], vec![(1, 3.0)]], 3);
        let rows = [[1.0, 0.0, 2.0], [0.0, 3.0, 0.0]];
        let dense = Matrix::dense(rows.iter().map(<[f32; 3]>::as_slice), 3);
        let weights = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        for matrix in [&sparse, &dense] {
            assert_eq!((matrix.examples(), matrix.features()), (2, 3));
            let mut out = vec![0.0; 2];
            matrix.multiply_row(0, &weights, &mut out);
            assert_eq!(out, [11.0, 14.0]);
            let mut gradient = vec![0.0; 6];
            matrix.multiply_columns(0, &[1.0, 2.0, 3.0, 4.0], 2, &mut gradient);
            assert_eq!(gradient, [1.0, 2.0, 9.0, 12.0, 2.0, 4.0]);
        }
    }
}
