//! The web widget (chapter 4.10 of the schema).

pub mod widget_configs;
pub mod widget_messages;
