//! Channels and messages (chapter 4.9 of the schema, and `conversations`).

pub mod channel_contacts;
pub mod channel_messages;
pub mod channel_webhooks;
pub mod channels;
pub mod conversations;
