//! SCIM 2.0 (RFC 7643, RFC 7644) on plain JSON objects: filters, changes, what is shown, what the schemas say.
//!
//! Names of attributes are compared without regard to case, as the RFC asks; texts too, unless their attribute says
//! otherwise.

pub mod attributes;
pub mod error;
pub mod filter;
pub mod patch;
pub mod project;
pub mod schema;
