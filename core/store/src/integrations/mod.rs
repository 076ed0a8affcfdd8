//! Developer access, integrations and e-mail (chapter 4.14 of the schema).

pub mod api_tokens;
pub mod email_notifications;
pub mod integration_logs;
#[expect(clippy::module_inception, reason = "the domain and its main table have the same name")]
pub mod integrations;
pub mod webhook_logs;
