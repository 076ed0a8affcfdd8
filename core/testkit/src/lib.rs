//! Test databases, fake providers that keep state, and the whole platform in one process.

#[cfg(feature = "database")]
pub mod database;
pub mod fake;
pub mod foreign;
pub mod local_client;
#[cfg(feature = "platform")]
pub mod platform;
#[cfg(feature = "seed")]
pub mod seed;
