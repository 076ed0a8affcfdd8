//! Linear heads: training, probabilities, small storage.

pub(crate) mod calibrate;
pub(crate) mod lbfgs;
pub(crate) mod logistic;
pub(crate) mod matrix;
pub(crate) mod stored;

pub(crate) use lbfgs::{Stop, inner, minimise};
pub(crate) use logistic::{Fit, Weights, log_softmax, softmax};
pub(crate) use matrix::{Matrix, SparseRow};
pub(crate) use stored::StoredHead;

/// FNV-1a.
pub(crate) fn single_hash(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
