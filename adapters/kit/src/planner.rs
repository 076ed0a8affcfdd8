//! From a content to parts that a channel can show.

use botbuilder_domain::{Capabilities, Content};

/// What a content becomes on a channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The contents to send, in order; never empty.
    pub parts: Vec<Content>,
    /// Where it could not be shown as written.
    pub downgrades: Vec<Downgrade>,
}

/// A way in which a message was made simpler for a channel.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Downgrade {
    /// What the content had, for instance `buttons`.
    pub from: String,
    /// What it became, for instance `numbered_text`.
    pub to: String,
    /// Why, in a few words.
    pub reason: String,
}

/// Why a content cannot be shown at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The channel has nothing like it and there is no simpler form.
    #[error("the channel cannot show a {kind}")]
    NotPossible {
        /// The kind of content.
        kind: &'static str,
    },
    /// There is nothing to send.
    #[error("the message is empty")]
    Empty,
}

/// Plans a content for a channel.
pub fn plan(content: &Content, capabilities: &Capabilities) -> Result<Plan, PlanError> {
    let _ = capabilities;
    Ok(Plan { parts: vec![content.clone()], downgrades: Vec::new() })
}
