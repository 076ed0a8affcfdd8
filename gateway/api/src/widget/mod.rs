//! The chat on a website.

mod analytics;
pub mod embed_code;
mod widget_configs;
mod widget_messages;

use crate::routes::Routes;

/// The routes of this domain.
pub fn routes() -> Routes {
    embed_code::routes()
        .merge(widget_configs::routes())
        .merge(analytics::routes())
        .merge(widget_messages::routes())
}
