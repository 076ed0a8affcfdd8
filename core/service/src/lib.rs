//! What every long-running part of the platform stands on: configuration, lifecycle, telemetry, listeners,
//! outbound HTTP and the managed PostgreSQL server.
//!
//! Nothing here knows about bots or channels. To add a service, implement [`lifecycle::Service`] where it belongs and
//! hand it to the [`lifecycle::Supervisor`] in the binary.

pub mod config;
pub mod guard;
pub mod http;
pub mod lifecycle;
pub mod postgres;
pub mod redis;
pub mod server;
pub mod telemetry;
