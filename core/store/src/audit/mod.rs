//! The audit trail (chapter 4.3 of the schema).

pub mod audit_logs;
