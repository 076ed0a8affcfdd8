//! Bots, flows and versions (chapter 4.4 of the schema), and the widget's configuration that belongs to a bot.

pub mod bot_flows;
pub mod bot_messages;
#[expect(clippy::module_inception, reason = "the domain and its main table have the same name")]
pub mod bots;
pub mod entity_branches;
pub mod entity_versions;
pub mod flow_migrations;
pub mod flow_orchestrations;
pub mod flow_transitions;
pub mod flow_variables;
pub mod widget_configs;
pub mod widget_messages;
