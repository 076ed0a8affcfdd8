//! What bots understand, as a running program holds it: between the database, the model files and the pure crate
//! `botbuilder-nlu`.
//!
//! ```text
//! Models          the built-in models of sentence vectors, loaded when they are first needed
//! Taught          what an author wrote: a corpus, with the ids of its rows
//! Understandings  each bot's understanding, loaded when a message first asks for it, and kept
//! ```
//!
//! The executor of the runtime, the job that trains and the management API share one [`Understandings`].

mod bots;
mod models;
mod recent;
mod taught;

pub use bots::{Error, Read, Said, Understandings};
pub use models::Models;
pub use taught::{Taught, TaughtExample};
