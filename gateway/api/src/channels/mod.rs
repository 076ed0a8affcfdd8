//! Channels, contacts, conversations and messages.

pub mod batch;
pub mod channel_contacts;
pub mod channel_webhooks;
#[expect(clippy::module_inception, reason = "the domain and its main resource have the same name")]
pub mod channels;
mod connecting;
pub mod conversations;
pub mod media;
pub mod messages;
pub(crate) mod outgoing;
pub mod retry;
pub mod templates;
mod window;

use crate::routes::Routes;

/// The routes of this domain.
pub fn routes() -> Routes {
    [
        channels::routes(),
        templates::routes(),
        channel_webhooks::routes(),
        channel_contacts::routes(),
        conversations::routes(),
        messages::routes(),
        media::routes(),
        batch::routes(),
        retry::routes(),
    ]
    .into_iter()
    .fold(Routes::new(), Routes::merge)
}
