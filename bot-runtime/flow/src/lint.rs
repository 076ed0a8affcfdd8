//! What a channel cannot show as a flow says it. Nothing here stops a flow: the planner of the channels turns what is
//! too long or unknown into something that can be shown.

use botbuilder_domain::{Capabilities, ChannelKind, ChoiceStyle, Content};
use serde::Serialize;

use crate::flow::{Flow, NodeId};

/// Something that a channel shows otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The node that says it.
    pub node: NodeId,
    /// The channel.
    pub channel: ChannelKind,
    /// What is the matter.
    pub code: FindingCode,
    /// The same for the author.
    pub message: String,
}

/// What is the matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingCode {
    /// The text is longer than one message.
    LongText,
    /// There are more options than buttons or rows.
    ManyOptions,
    /// A title or description is longer than what is shown of it.
    LongTitle,
    /// The channel shows no such thing.
    Unsupported,
}

impl Flow {
    /// What the nodes say, with an ellipsis in every place that is filled when it is said. The channels' planner shows
    /// how each of them would look.
    pub fn says(&self) -> Vec<(NodeId, Content)> {
        let said = |node: &crate::flow::Node| {
            let id = node.id.clone();
            node.kind.behaviour().about().says.into_iter().map(move |content| (id.clone(), content))
        };
        self.nodes.iter().flat_map(said).collect()
    }

    /// What these channels cannot show as the flow says it. Places that are filled later count as one character.
    pub fn lint(&self, channels: &[(ChannelKind, Capabilities)]) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (node, content) in self.says() {
            for (channel, capabilities) in channels {
                for (code, message) in look(&content, capabilities) {
                    findings.push(Finding { node: node.clone(), channel: *channel, code, message });
                }
            }
        }
        findings
    }
}

fn look(content: &Content, can: &Capabilities) -> Vec<(FindingCode, String)> {
    let mut found = Vec::new();
    let mut text = |text: &str, max: usize, what: &str| {
        let length = can.text_unit.len(text);
        if max > 0 && length > max {
            found.push((FindingCode::LongText, format!("the {what} has {length} of {max} units")));
        }
    };
    match content {
        Content::Text { text: said } => text(said, can.text_max, "text"),
        Content::Media(media) => {
            if let Some(caption) = &media.caption {
                text(caption, can.caption_max, "caption");
            }
            if !can.media {
                found.push((
                    FindingCode::Unsupported,
                    "files are not shown; their address is sent".to_owned(),
                ));
            }
        }
        Content::Album { items } if items.len() > can.album_max.max(1) => {
            let message = format!("{} files, sent as several messages", items.len());
            found.push((FindingCode::Unsupported, message));
        }
        Content::Location(_) if !can.location => {
            found.push((FindingCode::Unsupported, "places are not shown on a map".to_owned()));
        }
        Content::Contact(_) if !can.contact_card => {
            found.push((FindingCode::Unsupported, "contact cards are not shown".to_owned()));
        }
        Content::Choice(choice) => {
            text(&choice.text, can.choice_text_max, "text above the options");
            let (most, title_max) = match choice.style {
                ChoiceStyle::Buttons => (can.buttons_max, can.button_title_max),
                ChoiceStyle::List => (can.list_rows_max, can.row_title_max),
            };
            let count = choice.options.len();
            if count > most {
                let message =
                    format!("{count} options, and {most} can be shown so; they become a list or a text");
                found.push((FindingCode::ManyOptions, message));
            }
            for option in &choice.options {
                let length = option.title.chars().count();
                if most > 0 && length > title_max {
                    let message =
                        format!("the title `{}` has {length} of {title_max} characters", option.title);
                    found.push((FindingCode::LongTitle, message));
                }
                let description = option.description.as_ref().map_or(0, |text| text.chars().count());
                if choice.style == ChoiceStyle::List && most > 0 && description > can.row_description_max {
                    let message =
                        format!("the description of `{}` has {description} characters", option.title);
                    found.push((FindingCode::LongTitle, message));
                }
            }
        }
        Content::Album { .. }
        | Content::Location(_)
        | Content::Contact(_)
        | Content::Template(_)
        | Content::Structured { .. } => {}
    }
    found
}
