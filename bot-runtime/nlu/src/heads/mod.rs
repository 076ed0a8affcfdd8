//! Linear heads: training, probabilities, small storage.

pub(crate) mod calibrate;
pub(crate) mod lbfgs;
pub(crate) mod logistic;
pub(crate) mod matrix;
pub(crate) mod stored;

pub(crate) use lbfgs::{Stop, inner};
pub(crate) use logistic::{Fit, Weights, log_softmax, softmax};
pub(crate) use matrix::{Matrix, SparseRow};
pub(crate) use stored::StoredHead;
