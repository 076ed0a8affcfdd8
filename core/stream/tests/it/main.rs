//! Every backend against the conformance suite, and what is particular to each.

mod embedded;
mod memory;
