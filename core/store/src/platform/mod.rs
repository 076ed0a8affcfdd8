//! Platform administration (chapter 4.18 of the schema): staff, their sessions, and what they see of all organizations.
//!
//! Everything here runs as the role `bb_admin` ([`crate::Store::begin_admin`]), which sees every organization: which one
//! is meant is an argument, as everywhere. Every act of staff is written to `admin_audit_log` in its own transaction.

pub mod admin_audit_log;
pub mod admin_ip_whitelist;
pub mod admin_login_attempts;
pub mod admin_sessions;
pub mod organizations;
pub mod partitions;
pub mod plans;
pub mod plugin_reviews;
pub mod plugin_updates;
pub mod queues;
pub mod resealing;
pub mod review_reports;
pub mod rewrapping;
pub mod users;
