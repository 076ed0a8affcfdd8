//! The plugin marketplace.

pub mod auto_updates;
pub mod plugin_categories;
pub mod plugin_installations;
pub mod plugin_reviews;
pub mod plugin_versions;
#[expect(clippy::module_inception, reason = "the domain and its main resource have the same name")]
pub mod plugins;
pub mod publisher;
mod releases;
mod settings;

use crate::routes::Routes;

/// The routes of this domain.
pub fn routes() -> Routes {
    [
        plugin_reviews::routes(),
        plugin_categories::routes(),
        plugin_installations::routes(),
        plugin_versions::routes(),
        plugins::routes(),
        publisher::routes(),
    ]
    .into_iter()
    .fold(Routes::new(), Routes::merge)
}
