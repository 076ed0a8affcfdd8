//! Text as the other parts want it: normalised, in words, with a language, without mistakes.

pub(crate) mod common;
pub mod language;
pub mod normalise;
pub mod spelling;
pub mod words;

pub use language::{Language, detect};
pub use normalise::{fold, normalise, text_key};
pub use spelling::Spelling;
pub use words::{Word, is_whole, words};
