//! Bots, flows and versions (chapter 4.4 of the schema), and the widget's configuration that belongs to a bot.

pub mod bot_flows;
#[expect(clippy::module_inception, reason = "the domain and its main table have the same name")]
pub mod bots;
pub mod entity_versions;
pub mod widget_configs;
