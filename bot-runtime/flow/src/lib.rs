//! The flow engine: a pure step from a session and an input to a new session and what is to be done.
