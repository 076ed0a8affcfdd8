//! Sends a message.
//!
//! ```json
//! {"id": "hello", "type": "message", "data": {"text": "Hello {{ contact.name | default(\"there\") }}!"}}
//! {"id": "photo", "type": "message", "data": {"content": {
//!   "kind": "media", "media": "image", "url": "https://example.org/{{ order }}.png", "caption": "{{ order }}"}}}
//! ```
//!
//! Either `text`, or `content` in the shape of [`Content`]; in it, texts, captions, addresses of files and the
//! variables of templates are templates. Everything else goes out as it is.
//!
//! Ports: `next`, `error`.

use botbuilder_domain::{Choice, Content, Media};
use serde::Deserialize;

use super::{About, Behaviour, Port, Role};
use crate::{
    expression::ParseError,
    template::Template,
    turn::{Failure, Move, Turn},
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Data {
    text: Option<String>,
    content: Option<Content>,
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "Data")]
pub(crate) struct Message(Body);

/// A message whose texts are templates.
#[derive(Debug)]
enum Body {
    Text(Template),
    Media {
        media: Media,
        url: Option<Template>,
        caption: Option<Template>,
    },
    Choice {
        choice: Choice,
        text: Template,
    },
    Template {
        name: String,
        language: String,
        variables: Vec<Template>,
    },
    /// A content without templates.
    Fixed(Content),
}

impl TryFrom<Data> for Message {
    type Error = String;

    fn try_from(data: Data) -> Result<Self, String> {
        let content = match (data.text, data.content) {
            (Some(text), None) => Content::Text { text },
            (None, Some(content)) => content,
            _ => return Err("a message has either `text` or `content`".to_owned()),
        };
        Body::parse(content).map(Self).map_err(|error| format!("bad template: {error}"))
    }
}

impl Body {
    fn parse(content: Content) -> Result<Self, ParseError> {
        let optional = |text: &Option<String>| text.as_deref().map(Template::parse).transpose();
        Ok(match content {
            Content::Text { text } => Self::Text(Template::parse(&text)?),
            Content::Media(media) => {
                Self::Media { url: optional(&media.url)?, caption: optional(&media.caption)?, media }
            }
            Content::Choice(choice) => Self::Choice { text: Template::parse(&choice.text)?, choice },
            Content::Template { name, language, variables } => {
                let variables =
                    variables.iter().map(|text| Template::parse(text)).collect::<Result<_, _>>()?;
                Self::Template { name, language, variables }
            }
            Content::Location(_) | Content::Contact(_) | Content::Structured { .. } => Self::Fixed(content),
        })
    }

    fn render(&self, turn: &mut Turn<'_>) -> Result<Content, Failure> {
        Ok(match self {
            Self::Text(text) => Content::Text { text: turn.render(text)? },
            Self::Media { media, url, caption } => {
                let url = url.as_ref().map(|url| turn.render(url)).transpose()?;
                let caption = caption.as_ref().map(|caption| turn.render(caption)).transpose()?;
                Content::Media(Media { url, caption, ..media.clone() })
            }
            Self::Choice { choice, text } => {
                Content::Choice(Choice { text: turn.render(text)?, ..choice.clone() })
            }
            Self::Template { name, language, variables } => Content::Template {
                name: name.clone(),
                language: language.clone(),
                variables: variables.iter().map(|text| turn.render(text)).collect::<Result<_, _>>()?,
            },
            Self::Fixed(content) => content.clone(),
        })
    }

    /// The message with an ellipsis in every place.
    fn outline(&self) -> Content {
        match self {
            Self::Text(text) => Content::text(text.outline()),
            Self::Media { media, url, caption } => Content::Media(Media {
                url: url.as_ref().map(Template::outline),
                caption: caption.as_ref().map(Template::outline),
                ..media.clone()
            }),
            Self::Choice { choice, text } => {
                Content::Choice(Choice { text: text.outline(), ..choice.clone() })
            }
            Self::Template { name, language, variables } => Content::Template {
                name: name.clone(),
                language: language.clone(),
                variables: variables.iter().map(Template::outline).collect(),
            },
            Self::Fixed(content) => content.clone(),
        }
    }

    fn templates(&self) -> Vec<&Template> {
        match self {
            Self::Text(text) | Self::Choice { text, .. } => vec![text],
            Self::Media { url, caption, .. } => url.iter().chain(caption).collect(),
            Self::Template { variables, .. } => variables.iter().collect(),
            Self::Fixed(_) => Vec::new(),
        }
    }
}

impl Behaviour for Message {
    fn ports(&self) -> Vec<Port<'_>> {
        vec![Port::optional("next")]
    }

    fn describe<'n>(&'n self, about: &mut About<'n>) {
        for template in self.0.templates() {
            template.variables(&mut about.shows);
        }
        about.says.push(self.0.outline());
    }

    fn check(&self) -> Vec<String> {
        Vec::new()
    }

    fn role(&self) -> Role<'_> {
        Role::Passes
    }

    fn enter(&self, turn: &mut Turn<'_>) -> Result<Move<'_>, Failure> {
        let content = self.0.render(turn)?;
        turn.reply(content)?;
        Ok(Move::Leave("next"))
    }
}
