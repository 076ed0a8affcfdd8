//! Intents: training, the trained value, recognition, and the reports about both.

mod alike;
pub mod conflicts;
mod dataset;
mod gate;
pub(crate) mod matches;
mod model;
mod neighbours;
pub(crate) mod recognise;
pub mod report;
mod suggestions;
#[cfg(test)]
mod tests;
mod tiers;
mod train;
mod trainable;

pub use conflicts::{Conflict, ConflictKind, conflicts};
pub use model::{FORMAT, LoadError, Model, Thresholds};
pub use recognise::{Candidate, Decision, Engine, Recognition, Request};
pub use report::Report;
pub use suggestions::{Suggestion, suggestions};
pub use train::{Progress, train, train_telling};
pub use trainable::{Settings, TrainError};
