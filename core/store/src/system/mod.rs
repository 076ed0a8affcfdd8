//! Supporting tables (chapter 4.19 of the schema, and `message_events`).

pub mod bell;
pub mod bulk_messages;
pub mod dedupe_keys;
pub mod events;
pub mod held_messages;
pub mod idempotency_keys;
pub mod message_events;
pub mod outbox_events;
pub mod parked_messages;
pub mod retention;
