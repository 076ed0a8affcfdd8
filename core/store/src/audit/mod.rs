//! The audit trail (chapter 4.3 of the schema).

pub mod activity_logs;
pub mod audit_chain_heads;
pub mod audit_logs;
