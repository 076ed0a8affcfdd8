//! The management API over a real database.

mod bots;
mod conventions;
mod harness;
mod idempotency;
mod route_table;
