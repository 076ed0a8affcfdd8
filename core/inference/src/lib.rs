//! Models computed in the process, without an account anywhere.
//!
//! ```text
//! Files      where the files of a model lie; each is checked by its digest before it is used
//! Runtime    ONNX Runtime, loaded once from such a file
//! MiniLm     sentence vectors of 384 numbers, milliseconds a text       English; in two precisions
//! Table      sentence vectors of 256 numbers, microseconds a text       English
//! ```
//!
//! A build downloads nothing and neither does a run: the set-up puts the files in place (`docs/nlu.md`). What
//! is missing is an error that names the file; whoever does not need it goes on.
//!
//! To add a model: its files in [`files`], a type that reads them, a parity test against published figures.

mod bpe;
pub mod files;
mod minilm;
mod protobuf;
mod quantise;
mod table;
mod wordpiece;

pub use files::Files;
pub use minilm::{MiniLm, Precision, Runtime};
pub use table::Table;

/// Why a model cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A file is not there, or cannot be read.
    #[error("model file {path} cannot be read: {reason}")]
    Missing {
        /// Where it should be.
        path: String,
        /// What the system says.
        reason: String,
    },
    /// A file is another one than the program was built for.
    #[error("model file {path} has digest {found}, expected {expected}")]
    Digest {
        /// The file.
        path: String,
        /// Its digest.
        found: String,
        /// The digest it should have.
        expected: &'static str,
    },
    /// A file does not hold what it should.
    #[error("model file {path} cannot be understood: {reason}")]
    Format {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The runtime refused.
    #[error("the model runtime failed: {reason}")]
    Runtime {
        /// What it said.
        reason: String,
    },
}

/// Scales a vector to length 1; a vector of zeros stays.
fn normalise(vector: &mut [f32]) {
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    if length > 0.0 {
        for x in vector {
            *x /= length;
        }
    }
}
