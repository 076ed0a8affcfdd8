//! Walks through a flow as a patient person would: fitting answers, another option each time.

use std::{collections::BTreeMap, sync::Arc};

use botbuilder_domain::{Content, Location, Media, MediaKind};
use botbuilder_flow::{
    Answer, Ask, AskFailure, Bot, Context, Event, Flow, Input, Next, Reason, Session, Settings, Usage, Value,
    step,
};
use chrono::DateTime;
use serde_json::Value as Json;

use super::version;
use crate::{items, text};

/// Most inputs of a walk.
const INPUTS_MAX: usize = 400;

/// Walks through a definition. Returns how many inputs it took to come to the end.
pub(super) fn to_the_end(definition: &Json) -> Result<usize, String> {
    let (flow, problems) = Flow::draft(definition);
    let Some(flow) = flow else {
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        return Err(format!("it cannot be run: {}", problems.join("; ")));
    };
    let bot = Bot::of(version(0), Arc::new(flow), Settings::default());
    let mut session = Session::default();
    let mut input = Input::Opened { payload: None, context: Context::default() };
    let mut now = DateTime::UNIX_EPOCH;
    let mut visits = BTreeMap::new();
    for inputs in 1..=INPUTS_MAX {
        let sprint = step(&bot, session, input, now);
        session = sprint.session;
        for event in &sprint.events {
            match event {
                // A call of a flow that is not there is for whoever imports it too.
                Event::Error { reason: Reason::MissingFlow, .. } => return Ok(inputs),
                Event::Error { node, reason } if sprint_failed(&sprint.events) => {
                    return Err(format!("it fails at `{node}`: {reason:?}"));
                }
                Event::LimitReached { node, limit } => {
                    return Err(format!("`{node}` reaches the limit {limit:?}"));
                }
                _ => {}
            }
        }
        let context = Context::default();
        input = match sprint.next {
            Next::Done => return Ok(inputs),
            Next::Ask { question, .. } => {
                Input::Answer { question: question.id, answer: answer(&question.ask), context }
            }
            Next::Wait { .. } => {
                let node = session.node().map(ToString::to_string).unwrap_or_default();
                let visit = visits.entry(node.clone()).and_modify(|visits| *visits += 1).or_insert(0_usize);
                reply(definition, &node, *visit).unwrap_or_else(|| {
                    now = session.next_timer().unwrap_or(now);
                    Input::Timeout { due: now, context }
                })
            }
        };
    }
    let node = session.node().map(ToString::to_string).unwrap_or_default();
    Err(format!("it has not come to its end after {INPUTS_MAX} inputs; it is at `{node}`"))
}

/// Whether the turn ended by an error that nothing took.
fn sprint_failed(events: &[Event]) -> bool {
    let error = events.iter().rposition(|event| matches!(event, Event::Error { .. }));
    let entered = events.iter().rposition(|event| matches!(event, Event::NodeEntered { .. }));
    error > entered && events.iter().any(|event| matches!(event, Event::Ended))
}

fn answer(ask: &Ask) -> Answer {
    match ask {
        Ask::Http(_) => Answer::Http { status: 200, headers: BTreeMap::new(), body: Value::object([]) },
        Ask::Respond { .. } | Ask::Workflow { .. } | Ask::Knowledge { .. } => {
            Answer::Said { text: "An answer.".to_owned(), usage: Usage::default() }
        }
        Ask::Recognize { .. } => Answer::Failed { failure: AskFailure::NotAvailable },
    }
}

/// What a person would say to a node, the time before another thing; none where it waits for an instant.
fn reply(definition: &Json, node: &str, visit: usize) -> Option<Input> {
    let node = items(definition, "nodes").iter().find(|known| text(known, "id") == node)?;
    let data = &node["data"];
    let context = Context::default();
    match text(node, "type") {
        "menu" => {
            let options = items(data, "options");
            let option = options.get(visit % options.len().max(1))?;
            let (payload, title) = (text(option, "id").to_owned(), Some(text(option, "title").to_owned()));
            Some(Input::Postback { payload, title, context })
        }
        "wait_for_event" => {
            Some(Input::Event { name: text(data, "event").to_owned(), data: Value::Null, context })
        }
        "delay" => None,
        _ => Some(Input::Message { content: said(data, visit), context }),
    }
}

fn said(data: &Json, visit: usize) -> Content {
    let words = match text(data, "format") {
        "number" => {
            let least = data["min"].as_f64().unwrap_or(1.0);
            let most = data["max"].as_f64().unwrap_or(f64::MAX);
            let steps = u32::try_from(visit % 5).unwrap_or_default();
            return Content::text((least + f64::from(steps)).min(most).to_string());
        }
        "email" => "ada@example.org",
        "phone" => "+49 89 1234567",
        "url" => "https://example.org",
        "date" => "2026-03-04",
        "time" => "14:30",
        "rating" => "2",
        "location" => {
            return Content::Location(Location {
                latitude: 48.1,
                longitude: 11.6,
                name: None,
                address: None,
            });
        }
        "file" => {
            return Content::Media(Media {
                media: MediaKind::Image,
                provider_ref: None,
                url: Some("https://example.org/picture.png".to_owned()),
                mime_type: None,
                file_name: None,
                size: None,
                sha256: None,
                caption: None,
                voice: false,
                failure: None,
            });
        }
        _ => ["yes", "1", "no", "2", "something else"][visit % 5],
    };
    Content::text(words)
}
