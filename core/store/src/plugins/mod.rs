//! The plugin marketplace (chapter 4.15 of the schema).

pub mod plugin_categories;
pub mod plugin_installations;
pub mod plugin_reviews;
pub mod plugin_versions;
#[expect(clippy::module_inception, reason = "the domain and its main table have the same name")]
pub mod plugins;
