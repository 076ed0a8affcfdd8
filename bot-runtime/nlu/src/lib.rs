//! Understanding: what a person wants, and the values in what they wrote.
//!
//! ```text
//! Corpus   what an author taught: intents, examples, entities      edited, imported, exported
//! Model    what training made of it                                a value: stored, loaded, shared
//! train(&corpus, embedders, &settings) -> (Model, Report)
//! model.recognise(&request, embedders) -> Recognition { decision, intent, confidence, … }
//! understanding.read(&request, now, embedders) -> Reading { recognition, entities }
//! ```
//!
//! Nothing here does I/O, asks for the time or draws a random number: the same arguments give the same result.
//! Vectors come from outside through [`Embedder`]; without one, words and letters decide alone.
//! `docs/nlu.md` describes the method for authors and what it reaches.
//!
//! To add a system entity: a file in `entities/system/`, a variant of [`corpus::SystemType`], a table of cases.
//! To add a format: a file in `exchange/`, a variant of its `Format`.

pub mod corpus;
pub mod embedder;
pub mod entities;
pub mod exchange;
mod features;
mod heads;
pub mod intents;
mod matching;
mod random;
pub mod slots;
pub mod text;
pub mod understanding;

pub use corpus::Corpus;
pub use embedder::{EmbedError, Embedder, Embedders};
pub use heads::calibrate::calibration_error;
pub use intents::{
    Decision, Engine, Model, Progress, Recognition, Report, Request, Settings, TrainError, train,
    train_telling,
};
pub use understanding::{Reading, Understanding};
