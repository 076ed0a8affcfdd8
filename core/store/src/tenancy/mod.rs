//! Organizations, roles and team (chapter 4.2 of the schema).

pub mod organizations;
pub mod rights;
pub mod standing;
