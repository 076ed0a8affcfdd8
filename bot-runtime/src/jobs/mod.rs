//! Background work that belongs to no partition. Each job is a service, named, and safe to run twice at once.

pub mod audit_heads;
pub mod bulk;
pub mod email;
pub mod experiments;
pub mod held;
pub mod relay;
pub mod retention;
pub mod snoozed;
pub mod timers;
pub mod training;
mod uncertain;
