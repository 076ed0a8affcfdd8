//! Sends a message.
//!
//! ```json
//! {"id": "hello", "type": "message", "data": {"text": "Hello {{ contact.name | default(\"there\") }}!"}}
//! {"id": "photo", "type": "message", "data": {"content": {
//!   "kind": "media", "media": "image", "url": "https://example.org/{{ order }}.png", "caption": "{{ order }}"}}}
//! ```
//!
//! Either `text`, or `content` in the shape of [`Content`]; in it, texts, captions, addresses of files, titles and
//! descriptions of options and what fills a template's gaps are templates. Everything else goes out as it is.
//!
//! Ports: `next`, `error`.

use botbuilder_domain::Content;
use serde::Deserialize;

use super::{About, Behaviour, Port, Reference, Role};
use crate::{
    saying::Saying,
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
pub(crate) struct Message(Saying);

impl TryFrom<Data> for Message {
    type Error = String;

    fn try_from(data: Data) -> Result<Self, String> {
        let content = match (data.text, data.content) {
            (Some(text), None) => Content::Text { text },
            (None, Some(content)) => content,
            _ => return Err("a message has either `text` or `content`".to_owned()),
        };
        Saying::parse(content).map(Self).map_err(|error| format!("bad template: {error}"))
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
        if let Saying::Template { message, .. } = &self.0 {
            about.uses.push(Reference::Template { name: &message.name, language: &message.language });
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
