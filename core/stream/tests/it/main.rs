//! Every backend against the conformance suite, and what is particular to each.

mod embedded;
#[cfg(feature = "kafka")]
mod kafka;
mod memory;
