//! Identifiers, the envelope, content and capabilities: the words every other crate speaks.
