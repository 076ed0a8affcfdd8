//! Channels and messages.

pub mod channel_templates;
#[expect(clippy::module_inception, reason = "the domain and its main resource have the same name")]
pub mod channels;
pub mod messages;

use crate::routes::Routes;

/// The routes of this domain.
pub fn routes() -> Routes {
    [channel_templates::routes(), channels::routes(), messages::routes()]
        .into_iter()
        .fold(Routes::new(), Routes::merge)
}
