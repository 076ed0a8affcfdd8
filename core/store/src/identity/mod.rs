//! Identity and sessions (chapter 4.1 of the schema).

pub mod users;
