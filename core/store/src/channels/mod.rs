//! Channels and messages (chapter 4.9 of the schema, and `conversations`).

pub mod addresses;
pub mod batches;
pub mod channel_contacts;
pub mod channel_messages;
pub mod channel_templates;
pub mod channel_webhooks;
#[expect(clippy::module_inception, reason = "the domain and its main table have the same name")]
pub mod channels;
pub mod conversations;
mod forgetting;
pub mod hand_offs;
pub mod inbox;
pub mod media;
pub mod merging;
pub mod refusals;
pub mod snoozes;
pub mod stamps;
pub mod tokens;
pub mod turn_effects;
