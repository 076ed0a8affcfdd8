//! From a content to parts that a channel can show.
//!
//! What a channel cannot show becomes something simpler, and each such step is recorded. Nothing that a person
//! would read is lost without a record, and the ids of options stay: a typed number or title resolves to the
//! same option ([`botbuilder_domain::Choice::resolve`]).

mod album;
mod choice;
mod split;

pub use split::{shortened, split};

use botbuilder_domain::{Capabilities, ContactCard, Content, Location, Media, MediaKind};

/// What a content becomes on a channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The contents to send, in order; never empty. Options are on the last one.
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
    #[error("the channel cannot show this kind of message: {kind}")]
    NotPossible {
        /// The kind of content.
        kind: &'static str,
    },
    /// There is nothing to send.
    #[error("the message is empty")]
    Empty,
}

/// Plans a content for a channel.
///
/// Templates and structured payloads are passed on as they are: they are written for one kind of channel, and
/// its `encode` refuses those of another.
pub fn plan(content: &Content, capabilities: &Capabilities) -> Result<Plan, PlanError> {
    match content {
        Content::Text { text } => {
            let parts = text_parts(text, capabilities)?;
            let mut downgrades = Vec::new();
            if parts.len() > 1 {
                let reason = format!("{} at most in one message", capabilities.text_max);
                downgrades.push(downgrade("long_text", "several_messages", &reason));
            }
            Ok(Plan { parts, downgrades })
        }
        Content::Choice(choice) => choice::plan(choice, capabilities),
        Content::Media(file) => media(file, capabilities),
        Content::Album { items } => album::plan(items, capabilities),
        Content::Location(_) if capabilities.location => Ok(as_it_is(content)),
        Content::Location(place) => {
            in_words("location", "maps_link", "the channel shows no maps", &map_link(place), capabilities)
        }
        Content::Contact(card) => contact(card, content, capabilities),
        Content::Template(_) | Content::Structured { .. } => Ok(as_it_is(content)),
    }
}

fn as_it_is(content: &Content) -> Plan {
    Plan { parts: vec![content.clone()], downgrades: Vec::new() }
}

fn downgrade(from: &str, to: &str, reason: &str) -> Downgrade {
    Downgrade { from: from.to_owned(), to: to.to_owned(), reason: reason.to_owned() }
}

/// The texts that a text becomes. Space at its end is left out.
fn text_parts(text: &str, capabilities: &Capabilities) -> Result<Vec<Content>, PlanError> {
    let text = text.trim_end();
    if text.is_empty() {
        return Err(PlanError::Empty);
    }
    pieces(text, capabilities)
}

/// The pieces of a text, as they are. One that is nothing but space is left out: networks refuse it.
fn pieces(text: &str, capabilities: &Capabilities) -> Result<Vec<Content>, PlanError> {
    if capabilities.text_max == 0 {
        return Err(PlanError::NotPossible { kind: "text" });
    }
    let pieces = split(text, capabilities.text_max, capabilities.text_unit);
    Ok(pieces.into_iter().filter(|piece| !piece.trim().is_empty()).map(Content::text).collect())
}

fn in_words(
    from: &str,
    to: &str,
    reason: &str,
    text: &str,
    capabilities: &Capabilities,
) -> Result<Plan, PlanError> {
    Ok(Plan { parts: text_parts(text, capabilities)?, downgrades: vec![downgrade(from, to, reason)] })
}

fn media(file: &Media, capabilities: &Capabilities) -> Result<Plan, PlanError> {
    let kind = Content::Media(file.clone()).kind();
    let caption = file.caption.as_deref().map(str::trim_end).filter(|caption| !caption.is_empty());
    if !capabilities.media {
        let link = file.url.as_deref().ok_or(PlanError::NotPossible { kind })?;
        let lines: Vec<&str> = caption.into_iter().chain(file.file_name.as_deref()).chain([link]).collect();
        return in_words(kind, "link", "the channel shows no files", &lines.join("\n"), capabilities);
    }
    if file.provider_ref.is_none() && file.url.is_none() {
        return Err(PlanError::NotPossible { kind });
    }
    let Some(caption) = caption else {
        return Ok(as_it_is(&Content::Media(Media { caption: None, ..file.clone() })));
    };
    // Not every network lets sound carry a text, and none lets stickers.
    let captioned = !matches!(file.media, MediaKind::Audio | MediaKind::Sticker);
    let max = capabilities.caption_max;
    if captioned && capabilities.text_unit.len(caption) <= max {
        return Ok(as_it_is(&Content::Media(file.clone())));
    }
    let reason =
        if captioned { format!("{max} at most in a caption") } else { format!("{kind} has no caption") };
    let mut parts = vec![Content::Media(Media { caption: None, ..file.clone() })];
    parts.extend(text_parts(caption, capabilities)?);
    Ok(Plan { parts, downgrades: vec![downgrade("caption", "text", &reason)] })
}

fn contact(card: &ContactCard, content: &Content, capabilities: &Capabilities) -> Result<Plan, PlanError> {
    let ContactCard { name, phones, emails, details: _ } = card;
    let lines: Vec<&str> = name.iter().chain(phones).chain(emails).map(String::as_str).collect();
    if lines.iter().all(|line| line.trim().is_empty()) {
        return Err(PlanError::Empty);
    }
    // A card without a number is nothing that a telephone could take over.
    let reason = match (capabilities.contact_card, phones.is_empty()) {
        (true, false) => return Ok(as_it_is(content)),
        (true, true) => "the contact has no telephone number",
        (false, _) => "the channel shows no contact cards",
    };
    in_words("contact", "text", reason, &lines.join("\n"), capabilities)
}

fn map_link(place: &Location) -> String {
    let link = format!("https://maps.google.com/?q={},{}", place.latitude, place.longitude);
    let words = place.name.iter().chain(&place.address).map(String::as_str);
    words.chain([link.as_str()]).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests;
