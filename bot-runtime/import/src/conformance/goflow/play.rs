//! Plays one case of goflow's suite on our engine.

use std::sync::Arc;

use botbuilder_domain::{ChannelKind, Content, Media, MediaKind};
use botbuilder_flow::{
    Bot, Context, Effect, Event, Flow, Input, Library, Next, Session, Settings, Value, step,
};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value as Json, json};

use super::super::{mocks::Mocks, version};
use crate::{Import, build::variable_name, items, text};

/// What our engine says where a turn fails. It is none of the messages that are compared.
const FALLBACK: &str = "the turn failed";
/// Most questions in a sprint.
const ASKS_MAX: usize = 64;

/// What makes the session go on.
pub(super) enum Given {
    /// It begins without a message.
    Begin,
    /// A message.
    Message(Content),
    /// The wait is over.
    Timeout,
}

/// What came of a sprint.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Found {
    texts: Vec<String>,
    files: Vec<String>,
    replies: Vec<String>,
    waits: bool,
    /// The nodes that were come to from another node.
    path: Vec<String>,
}

/// A conversation.
pub(super) struct Player {
    bot: Bot,
    session: Session,
    context: Context,
    mocks: Mocks,
    now: DateTime<Utc>,
}

/// The flow that the trigger starts.
pub(super) fn trigger_flow(case: &Json) -> Json {
    case["trigger"]["flow"].clone()
}

/// How the session begins.
pub(super) fn trigger(case: &Json) -> Given {
    let trigger = &case["trigger"];
    match message(trigger) {
        Some(content) if text(trigger, "type") == "msg" => Given::Message(content),
        _ => Given::Begin,
    }
}

/// How it goes on.
pub(super) fn resume(resume: &Json) -> Result<Given, String> {
    match text(resume, "type") {
        "msg" => message(resume).map(Given::Message).ok_or_else(|| "a resume without a message".to_owned()),
        "wait_timeout" | "timeout" => Ok(Given::Timeout),
        other => Err(format!("the resume `{other}` has nothing like it here")),
    }
}

/// The message of a trigger or a resume.
fn message(of: &Json) -> Option<Content> {
    let message = [&of["event"]["msg"], &of["msg"]].into_iter().find(|message| message.is_object())?;
    let words = text(message, "text");
    let file = items(message, "attachments").first().and_then(Json::as_str);
    let Some((kind, url)) = file.and_then(|file| file.split_once(':')) else {
        return Some(Content::text(words));
    };
    let media = match kind.split('/').next() {
        Some("image") => MediaKind::Image,
        Some("audio") => MediaKind::Audio,
        Some("video") => MediaKind::Video,
        _ => MediaKind::Document,
    };
    Some(Content::Media(Media {
        media,
        provider_ref: None,
        url: Some(url.to_owned()),
        mime_type: Some(kind.to_owned()),
        file_name: None,
        size: None,
        sha256: None,
        caption: Some(words.to_owned()).filter(|words| !words.is_empty()),
        voice: false,
        failure: None,
    }))
}

impl Player {
    /// A conversation that has not begun.
    pub(super) fn new(import: &Import, assets: &Json, case: &Json) -> Result<Self, String> {
        let contact =
            [&case["contact"], &case["trigger"]["contact"]].into_iter().find(|contact| contact.is_object());
        let contact = contact.unwrap_or(&Json::Null);
        let known = known(contact, &case["trigger"]);
        let wanted = text(&trigger_flow(case), "uuid").to_owned();
        let environments = [&case["environment"], &case["trigger"]["environment"]];
        let zone = environments
            .into_iter()
            .map(|environment| text(environment, "timezone"))
            .find(|zone| !zone.is_empty());
        let mut library = Library::default();
        let mut main = None;
        for (number, imported) in import.flows.iter().enumerate() {
            let mut definition = imported.definition.clone();
            fill(&mut definition, &known, zone);
            let (flow, problems) = Flow::draft(&definition);
            let Some(flow) = flow else {
                let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
                return Err(format!("`{}` cannot be run: {}", imported.name, problems.join("; ")));
            };
            let flow = Arc::new(flow);
            library.publish(&imported.source_id, version(number), Arc::clone(&flow));
            if imported.source_id == wanted {
                main = Some((version(number), flow));
            }
        }
        let (main_version, main) = main.ok_or_else(|| format!("the flow {wanted} is not in the document"))?;
        let globals = items(assets, "globals").iter();
        let globals: Map<String, Json> =
            globals.map(|global| (text(global, "key").to_owned(), global["value"].clone())).collect();
        let settings = Settings {
            fallback: Content::text(FALLBACK),
            constants: Value::from_json(&Json::Object(globals)).unwrap_or_default(),
            ..Settings::default()
        };
        let name = Some(text(contact, "name").to_owned()).filter(|name| !name.is_empty());
        let language = Some(text(contact, "language").to_owned()).filter(|language| !language.is_empty());
        let now = instant(text(&case["trigger"], "triggered_on")).unwrap_or_default();
        Ok(Self {
            bot: Bot::of(main_version, main, settings).with_library(library),
            session: Session::default(),
            context: Context {
                contact: Some(text(contact, "uuid").to_owned()),
                contact_name: name,
                locale: language,
                channel: ChannelKind::Web,
                ..Context::default()
            },
            mocks: Mocks::read(&case["http_mocks"]),
            now,
        })
    }

    /// Plays one sprint, at the instant at which theirs was played.
    pub(super) fn step(&mut self, given: Given, expected: &Json) -> Found {
        let at = items(expected, "events").first().and_then(|event| instant(text(event, "created_on")));
        let context = self.context.clone();
        if let Some(at) = at.filter(|at| *at > self.now) {
            self.now = at;
        }
        let mut input = match given {
            Given::Begin => Input::Opened { payload: None, context },
            Given::Message(content) => Input::Message { content, context },
            Given::Timeout => {
                let due = self.session.next_timer().unwrap_or(self.now);
                self.now = due;
                Input::Timeout { due, context }
            }
        };
        let mut found = Found::default();
        let mut before_was_start = false;
        for _ in 0..ASKS_MAX {
            let sprint = step(&self.bot, std::mem::take(&mut self.session), input, self.now);
            self.session = sprint.session;
            sprint.effects.into_iter().for_each(|effect| found.take(effect));
            for event in sprint.events {
                let Event::NodeEntered { node } = event else { continue };
                // The first node of a row has the id that it has there.
                let node = node.to_string();
                let came = !before_was_start && crate::goflow::is_node(&node);
                before_was_start = [crate::build::START, crate::goflow::BEGIN].contains(&node.as_str());
                if came {
                    found.path.push(node);
                }
            }
            let Next::Ask { question, .. } = sprint.next else { break };
            let answer = self.mocks.answer(&question.ask);
            input = Input::Answer { question: question.id, answer, context: self.context.clone() };
        }
        found.waits = !self.session.has_ended() && self.session.is_waiting();
        found
    }

    /// How the results differ at the end, if the flow that began is the one at work.
    pub(super) fn results(&self, flow: &str, last: &Json) -> Vec<String> {
        if self.session.called_versions().next().is_some() {
            return Vec::new();
        }
        let runs = items(&last["session"], "runs");
        let run = runs.iter().find(|run| text(&run["flow"], "uuid") == flow);
        let Some(expected) = run.and_then(|run| run["results"].as_object()) else { return Vec::new() };
        let mut faults = Vec::new();
        for (key, result) in expected {
            let ours = self.session.variables().get(variable_name("result_", key).as_str());
            let ours = ours.map(Value::to_json).unwrap_or_default();
            for field in ["value", "category"] {
                let (wanted, found) = (text(result, field), plain(&ours[field]));
                if wanted != found {
                    faults.push(format!("the {field} of the result `{key}` is `{found}`, not `{wanted}`"));
                }
            }
        }
        faults
    }
}

fn plain(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Null => String::new(),
        other => other.to_string(),
    }
}

fn instant(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text).ok().map(|instant| instant.with_timezone(&Utc))
}

/// What is known of the contact and the trigger, by our names of variables.
fn known(contact: &Json, trigger: &Json) -> Map<String, Json> {
    let mut known = Map::new();
    for (key, value) in contact["fields"].as_object().into_iter().flatten() {
        known.insert(variable_name("field_", key), value["text"].clone());
    }
    for urn in items(contact, "urns").iter().filter_map(Json::as_str) {
        // What follows a question mark is for their channels.
        let urn = urn.split_once('?').map_or(urn, |(urn, _)| urn);
        known.entry("contact_urn".to_owned()).or_insert_with(|| json!(urn));
        let scheme = urn.split(':').next().unwrap_or_default();
        known.entry(variable_name("urn_", scheme)).or_insert_with(|| json!(urn));
    }
    let groups: Map<String, Json> =
        items(contact, "groups").iter().map(|group| (text(group, "uuid").to_owned(), json!(true))).collect();
    known.insert("contact_groups".to_owned(), Json::Object(groups));
    known.insert("contact_timezone".to_owned(), contact["timezone"].clone());
    known.insert("trigger_params".to_owned(), trigger["params"].clone());
    known.insert("trigger_type".to_owned(), trigger["type"].clone());
    known.insert("trigger_keyword".to_owned(), trigger["keyword_match"]["keyword"].clone());
    known.retain(|_, value| !value.is_null());
    known
}

/// Puts what is known into the defaults of a definition's variables.
fn fill(definition: &mut Json, known: &Map<String, Json>, zone: Option<&str>) {
    for variable in definition["variables"].as_array_mut().into_iter().flatten() {
        let value = variable["name"].as_str().and_then(|name| known.get(name)).cloned();
        if let Some(value) = value {
            variable["default"] = value;
        }
    }
    if let Some(zone) = zone {
        definition["settings"]["time_zone"] = json!(zone);
    }
}

impl Found {
    fn take(&mut self, effect: Effect) {
        let Effect::Reply(content) = effect else { return };
        match content {
            Content::Text { text } if text == FALLBACK => {}
            Content::Text { text } => self.texts.push(text),
            Content::Choice(choice) => {
                self.texts.push(choice.text);
                self.replies.extend(choice.options.into_iter().map(|option| option.title));
            }
            Content::Media(media) => self.files.extend(media.url),
            Content::Album { items } => self.files.extend(items.into_iter().filter_map(|file| file.url)),
            _ => {}
        }
    }

    /// How it differs from what goflow says.
    pub(super) fn differences(&self, expected: &Json) -> Vec<String> {
        let mut wanted = Self::default();
        for event in items(expected, "events").iter().filter(|event| text(event, "type") == "msg_created") {
            let message = &event["msg"];
            wanted.texts.extend(Some(text(message, "text").to_owned()).filter(|text| !text.is_empty()));
            let files = items(message, "attachments").iter().filter_map(Json::as_str);
            wanted.files.extend(files.filter_map(|file| file.split_once(':')).map(|(_, url)| url.to_owned()));
            for reply in items(message, "quick_replies") {
                wanted.replies.push(reply.as_str().unwrap_or_else(|| text(reply, "text")).to_owned());
            }
        }
        wanted.waits = text(&expected["session"], "status") == "waiting";
        let mut faults = Vec::new();
        for (what, wanted, found) in [
            ("texts", &wanted.texts, &self.texts),
            ("files", &wanted.files, &self.files),
            ("quick replies", &wanted.replies, &self.replies),
        ] {
            if wanted != found {
                faults.push(format!("the {what} are {found:?}, not {wanted:?}"));
            }
        }
        if wanted.waits != self.waits {
            let word = |waits: bool| if waits { "waits" } else { "is over" };
            faults.push(format!("the session {}, there it {}", word(self.waits), word(wanted.waits)));
        }
        if expected.get("segments").is_some() {
            let wanted: Vec<&str> =
                items(expected, "segments").iter().map(|segment| text(segment, "destination_uuid")).collect();
            if wanted != self.path {
                faults.push(format!("the path is {:?}, not {wanted:?}", self.path));
            }
        }
        faults
    }
}
