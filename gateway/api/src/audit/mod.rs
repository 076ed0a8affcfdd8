//! The audit trail.

mod audit_logs;

pub use audit_logs::routes;
