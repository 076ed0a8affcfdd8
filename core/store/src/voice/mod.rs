//! Voice (chapter 4.11 of the schema).

pub mod call_segments;
pub mod calls;
pub mod phone_numbers;
pub mod voice_bot_creations;
pub mod voice_bot_sessions;
pub mod voice_bot_templates;
pub mod voice_bots;
