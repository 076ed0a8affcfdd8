//! Messages whose texts are templates.

use botbuilder_domain::{Choice, ChoiceStyle, Content, Media, TemplateMessage};

use crate::{
    expression::ParseError,
    nodes::options::{OptionTemplate, outlined, rendered},
    template::Template,
    turn::{Failure, Turn},
};

/// A message whose texts are templates.
#[derive(Debug)]
pub(crate) enum Saying {
    Text(Template),
    Media {
        media: Media,
        url: Option<Template>,
        caption: Option<Template>,
    },
    Choice {
        text: Template,
        options: Vec<OptionTemplate>,
        style: ChoiceStyle,
        label: Option<Template>,
    },
    Template {
        message: TemplateMessage,
        fillings: Vec<Template>,
    },
    /// A content without templates.
    Fixed(Content),
}

fn optional(text: Option<&str>) -> Result<Option<Template>, ParseError> {
    text.map(Template::parse).transpose()
}

impl Saying {
    /// Reads the templates in a content.
    pub(crate) fn parse(content: Content) -> Result<Self, ParseError> {
        Ok(match content {
            Content::Text { text } => Self::Text(Template::parse(&text)?),
            Content::Media(media) => Self::Media {
                url: optional(media.url.as_deref())?,
                caption: optional(media.caption.as_deref())?,
                media,
            },
            Content::Choice(choice) => Self::Choice {
                text: Template::parse(&choice.text)?,
                options: choice.options.iter().map(OptionTemplate::parse).collect::<Result<_, _>>()?,
                style: choice.style,
                label: optional(choice.label.as_deref())?,
            },
            Content::Template(message) => {
                let fillings = message.fillings().map(Template::parse).collect::<Result<_, _>>()?;
                Self::Template { message, fillings }
            }
            Content::Album { .. }
            | Content::Location(_)
            | Content::Contact(_)
            | Content::Structured { .. } => Self::Fixed(content),
        })
    }

    /// The message with its places filled.
    pub(crate) fn render(&self, turn: &mut Turn<'_>) -> Result<Content, Failure> {
        let optional = |text: &Option<Template>, turn: &mut Turn<'_>| {
            text.as_ref().map(|text| turn.render(text)).transpose()
        };
        Ok(match self {
            Self::Text(text) => Content::Text { text: turn.render(text)? },
            Self::Media { media, url, caption } => {
                let (url, caption) = (optional(url, turn)?, optional(caption, turn)?);
                Content::Media(Media { url, caption, ..media.clone() })
            }
            Self::Choice { text, options, style, label } => {
                let text = turn.render(text)?;
                let options = rendered(turn, options)?;
                let label = optional(label, turn)?;
                Content::Choice(Choice { text, options, style: *style, label })
            }
            Self::Template { message, fillings } => {
                let fillings =
                    fillings.iter().map(|text| turn.render(text)).collect::<Result<Vec<_>, _>>()?;
                Content::Template(message.refilled(fillings))
            }
            Self::Fixed(content) => content.clone(),
        })
    }

    /// The message with an ellipsis in every place.
    pub(crate) fn outline(&self) -> Content {
        let optional = |text: &Option<Template>| text.as_ref().map(Template::outline);
        match self {
            Self::Text(text) => Content::text(text.outline()),
            Self::Media { media, url, caption } => {
                Content::Media(Media { url: optional(url), caption: optional(caption), ..media.clone() })
            }
            Self::Choice { text, options, style, label } => Content::Choice(Choice {
                text: text.outline(),
                options: outlined(options),
                style: *style,
                label: optional(label),
            }),
            Self::Template { message, fillings } => {
                Content::Template(message.refilled(fillings.iter().map(Template::outline)))
            }
            Self::Fixed(content) => content.clone(),
        }
    }

    /// The templates in it.
    pub(crate) fn templates(&self) -> Vec<&Template> {
        match self {
            Self::Text(text) => vec![text],
            Self::Media { url, caption, .. } => url.iter().chain(caption).collect(),
            Self::Choice { text, options, label, .. } => {
                let options = options.iter().flat_map(OptionTemplate::templates);
                [text].into_iter().chain(label).chain(options).collect()
            }
            Self::Template { fillings, .. } => fillings.iter().collect(),
            Self::Fixed(_) => Vec::new(),
        }
    }
}
