//! The chat on a website.

pub mod embed_code;

pub use embed_code::routes;
