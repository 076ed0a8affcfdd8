//! What an author wrote beside flows: the rows of `bot_messages`.
//!
//! | Kind | Said |
//! | --- | --- |
//! | `welcome` | before the flow, when a conversation begins |
//! | `fallback` | before a question is repeated that has no words of its own for an answer that does not fit |
//! | `keyword` | instead of the flow's answer, to a message with one of its words |
//! | `handoff`, `away` | when a person takes over and the node says nothing; `away` outside of working hours |
//! | `error` | when a turn fails and its node has no `error` port |
//!
//! Of several of a kind the one in the contact's language and for its network is said, then the one in the bot's
//! language, then the more important one. Texts are templates.

use botbuilder_domain::{
    ChannelKind, Choice, ChoiceOption, ChoiceStyle, Content, Location, Media, TemplateMessage,
};
use regex::Regex;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::orchestration::compile;

/// A message as its author wrote it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Authored {
    /// Its id, by which experiments name it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// Its language; any where that is empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub language: String,
    /// The networks it is for; all where there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<ChannelKind>,
    /// What is said, in order.
    pub parts: Vec<Content>,
}

/// Messages that are said of themselves, of each kind the more important first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the table of the module says what they are")]
pub struct Messages {
    pub welcome: Vec<Authored>,
    pub fallback: Vec<Authored>,
    pub handoff: Vec<Authored>,
    pub away: Vec<Authored>,
    pub error: Vec<Authored>,
}

impl Messages {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        [&self.welcome, &self.fallback, &self.handoff, &self.away, &self.error]
            .iter()
            .all(|all| all.is_empty())
    }
}

/// An answer to single words. It leaves the conversation where it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Keyword {
    /// The words.
    pub words: Vec<String>,
    /// How a message matches them.
    #[serde(default)]
    pub matches: KeywordMatch,
    /// Patterns that stand for words as well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub patterns: Vec<Pattern>,
    /// The answer.
    pub reply: Authored,
}

/// What the bot does about an intent of its own, wherever no flow has asked for something: an intent with a flow starts it,
/// one without says its reply and leaves the conversation where it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IntentAnswer {
    /// The intent's name.
    pub intent: String,
    /// The id of the flow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flow: Option<String>,
    /// What is said, before the flow if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply: Option<Authored>,
}

/// How a message matches a keyword. Case and outer spaces do not count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeywordMatch {
    /// The whole message is the word.
    #[default]
    Exact,
    /// The message holds the word. Never applies while a question or an input waits for free text.
    Contains,
}

/// A pattern of linear time; case does not count.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern(Regex);

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(source: String) -> Result<Self, String> {
        compile(&source).map(Self)
    }
}

impl From<Pattern> for String {
    fn from(Pattern(pattern): Pattern) -> Self {
        pattern.as_str().to_owned()
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Keyword {
    /// Whether a message without outer spaces is one of them. Where free text was asked for, only a whole message is.
    pub(crate) fn is_met_by(&self, text: &str, asked_for_text: bool) -> bool {
        let lower = text.to_lowercase();
        let mut words = self.words.iter().map(|word| word.trim().to_lowercase());
        let by_word = words.any(|word| match self.matches {
            KeywordMatch::Exact => lower == word,
            KeywordMatch::Contains => !asked_for_text && !word.is_empty() && lower.contains(&word),
        });
        by_word || (!asked_for_text && self.patterns.iter().any(|Pattern(pattern)| pattern.is_match(text)))
    }
}

/// Who is spoken to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Listener<'l> {
    pub(crate) locale: &'l str,
    pub(crate) channel: &'l str,
    /// The bot's language.
    pub(crate) own: &'l str,
}

impl Listener<'_> {
    /// How well a message suits, the better the smaller. None where it is for other networks.
    pub(crate) fn rank(self, message: &Authored) -> Option<u8> {
        let is_for = |kind: &ChannelKind| kind.as_str() == self.channel;
        if !message.channels.is_empty() && !message.channels.iter().any(is_for) {
            return None;
        }
        let language = folded(&message.language);
        let (locale, own) = (folded(self.locale), folded(self.own));
        Some(if !locale.is_empty() && language == locale {
            0
        } else if !locale.is_empty() && primary(&language) == primary(&locale) {
            1
        } else if language.is_empty() || primary(&language) == primary(&own) {
            2
        } else {
            3
        })
    }

    /// The one of these that suits best; of equals the first.
    pub(crate) fn choose(self, messages: &[Authored]) -> Option<&Authored> {
        let ranked = messages.iter().filter_map(|message| Some((self.rank(message)?, message)));
        ranked.min_by_key(|(rank, _)| *rank).map(|(_, message)| message)
    }
}

fn folded(language: &str) -> String {
    language.replace('_', "-").to_lowercase()
}

fn primary(language: &str) -> &str {
    language.split('-').next().unwrap_or_default()
}

/// Reads `bot_messages.content`: a content as flows have it (`kind`), or `text`, `media` (one or several), `template`,
/// `interactive`, `location`, with `buttons` or `quick_replies` below the text. The error says what cannot be read.
pub fn read_content(content: &Json) -> Result<Vec<Content>, String> {
    if content.get("kind").is_some() {
        let content = Content::deserialize(content).map_err(|error| error.to_string())?;
        return Ok(vec![content]);
    }
    let text = content.get("text").and_then(Json::as_str);
    let buttons = content.get("buttons").or_else(|| content.get("quick_replies"));
    let mut parts = Vec::new();
    match content.get("media") {
        Some(Json::Array(all)) => {
            parts.extend(all.iter().map(media).collect::<Result<Vec<_>, _>>()?);
        }
        Some(one) => parts.push(media(one)?),
        None => {}
    }
    match (text, buttons) {
        (Some(text), Some(buttons)) => {
            parts.push(choice(text, options(buttons)?, ChoiceStyle::Buttons, None));
        }
        (Some(text), None) => parts.push(Content::text(text)),
        (None, _) => {}
    }
    if let Some(interactive) = content.get("interactive") {
        parts.push(interactive_content(interactive, text)?);
    }
    if let Some(place) = content.get("location") {
        parts.push(Content::Location(Location::deserialize(place).map_err(|error| error.to_string())?));
    }
    if let Some(template) = content.get("template") {
        parts.push(template_content(template)?);
    }
    if parts.is_empty() { Err("there is nothing to say in it".to_owned()) } else { Ok(parts) }
}

fn words<'j>(json: &'j Json, names: &[&str]) -> Option<&'j str> {
    names.iter().find_map(|name| json.get(name)?.as_str())
}

fn media(json: &Json) -> Result<Content, String> {
    let mut fields = json.as_object().cloned().ok_or("`media` is no object")?;
    if !fields.contains_key("media") {
        let kind =
            fields.remove("type").or_else(|| fields.remove("kind")).unwrap_or_else(|| "document".into());
        fields.insert("media".to_owned(), kind);
    }
    let media = Media::deserialize(Json::Object(fields)).map_err(|error| error.to_string())?;
    Ok(Content::Media(media))
}

fn choice(text: &str, options: Vec<ChoiceOption>, style: ChoiceStyle, label: Option<&str>) -> Content {
    Content::Choice(Choice { text: text.to_owned(), options, style, label: label.map(str::to_owned) })
}

fn options(json: &Json) -> Result<Vec<ChoiceOption>, String> {
    let all = json.as_array().ok_or("options are a list")?;
    let option = |one: &Json| {
        let title = words(one, &["title", "text"]).ok_or("an option has no title")?;
        Ok(ChoiceOption {
            id: words(one, &["id", "payload"]).unwrap_or(title).to_owned(),
            title: title.to_owned(),
            description: words(one, &["description"]).map(str::to_owned),
        })
    };
    all.iter().map(option).collect()
}

fn interactive_content(json: &Json, beside: Option<&str>) -> Result<Content, String> {
    let text = words(json, &["text", "body"]).or(beside).ok_or("`interactive` has no text")?;
    if let Some(buttons) = json.get("buttons") {
        return Ok(choice(text, options(buttons)?, ChoiceStyle::Buttons, None));
    }
    let sections =
        json.get("sections").and_then(Json::as_array).ok_or("`interactive` has no buttons or sections")?;
    let rows = sections.iter().filter_map(|section| section.get("rows"));
    let rows: Vec<Vec<ChoiceOption>> = rows.map(options).collect::<Result<_, _>>()?;
    Ok(choice(text, rows.concat(), ChoiceStyle::List, words(json, &["label", "button"])))
}

fn template_content(json: &Json) -> Result<Content, String> {
    let variables = json.get("variables").and_then(Json::as_array).into_iter().flatten();
    Ok(Content::Template(TemplateMessage {
        name: words(json, &["name"]).ok_or("`template` has no name")?.to_owned(),
        language: words(json, &["language"]).unwrap_or("en").to_owned(),
        variables: variables.filter_map(Json::as_str).map(str::to_owned).collect(),
        ..TemplateMessage::default()
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn contents_are_read_in_each_of_their_shapes() {
        let read =
            |json| read_content(&json).map(|parts| parts.iter().map(Content::kind).collect::<Vec<_>>());
        assert_eq!(read(json!({ "text": "Hello" })), Ok(vec!["text"]));
        assert_eq!(read(json!({ "kind": "text", "text": "Hello" })), Ok(vec!["text"]));
        assert_eq!(read(json!({ "text": "?", "buttons": [{ "title": "Yes" }] })), Ok(vec!["interactive"]));
        let both = json!({ "media": [{ "type": "image", "url": "https://example.org/a.png" }], "text": "a" });
        assert_eq!(read(both), Ok(vec!["image", "text"]));
        let list = json!({ "interactive": { "body": "?", "sections": [{ "rows": [{ "id": "a", "title": "A" }] }] } });
        assert_eq!(read(list), Ok(vec!["interactive"]));
        assert_eq!(read(json!({ "template": { "name": "hi", "variables": ["x"] } })), Ok(vec!["template"]));
        assert!(read(json!({ "media": { "type": "poem" } })).is_err());
        assert!(read(json!({})).is_err());
    }

    #[test]
    fn the_language_of_the_contact_goes_before_the_bots_and_both_before_others() {
        let message = |language: &str, channels: &[ChannelKind]| Authored {
            language: language.to_owned(),
            channels: channels.to_vec(),
            ..Authored::default()
        };
        let all = [
            message("fr", &[]),
            message("en", &[ChannelKind::Slack]),
            message("en", &[]),
            message("de", &[]),
            message("de-CH", &[]),
        ];
        let choose = |locale, channel| {
            let listener = Listener { locale, channel, own: "en" };
            all.iter().position(|one| listener.choose(&all).is_some_and(|chosen| std::ptr::eq(one, chosen)))
        };
        assert_eq!(choose("de_CH", "web"), Some(4));
        assert_eq!(choose("de-AT", "web"), Some(3));
        assert_eq!(choose("es", "web"), Some(2));
        assert_eq!(choose("", "slack"), Some(1));
        assert_eq!(choose("fr-FR", "slack"), Some(0));
    }
}
