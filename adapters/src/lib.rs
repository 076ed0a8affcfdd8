//! The list of channels.
