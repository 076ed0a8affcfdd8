//! Slots learned from annotated examples: a linear-chain conditional random field over words.
//!
//! A slot is found by the words in and around it, so `play ‹Yesterday› by ‹the Beatles›` teaches what a title
//! and an artist look like without a list of either.

mod clusters;
mod crf;
mod features;
mod learn;
mod tagger;

pub use tagger::{Slot, TaggedSentence, Tagger, TaggerSettings};
