//! Intents: training, the trained value, recognition, and the reports about both.

pub mod conflicts;
mod dataset;
mod gate;
mod model;
mod neighbours;
mod recognise;
pub mod report;
#[cfg(test)]
mod tests;
mod tiers;
mod train;

pub use conflicts::{Conflict, ConflictKind, conflicts};
pub use model::{FORMAT, LoadError, Model, Thresholds};
pub use recognise::{Candidate, Decision, Engine, Recognition, Request};
pub use report::Report;
pub use train::{Settings, TrainError, train};
