//! Developer access, integrations and e-mail (chapter 4.14 of the schema).

pub mod api_tokens;
pub mod email_notifications;
