//! Test databases, fake providers that keep state, and the whole platform in one process.

pub mod database;
