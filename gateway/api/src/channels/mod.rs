//! Channels and messages.

#[expect(clippy::module_inception, reason = "the domain and its main resource have the same name")]
pub mod channels;
pub mod messages;
