//! The chat on a website.
