//! Identity and sessions (chapter 4.1 of the schema). All of it needs [`crate::Store::begin_auth`]: passwords, second
//! factors and token digests are readable to nobody else.

pub mod opaque;
pub mod password_reset_tokens;
pub mod two_factor_backup_codes;
pub mod user_sessions;
pub mod users;
