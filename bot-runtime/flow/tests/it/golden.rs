//! Golden sessions: `testdata/<flow>.<case>.json` holds the inputs of a conversation with `testdata/<flow>.json`
//! and what came of each. `UPDATE_SNAPSHOTS=1 cargo test -p botbuilder-flow` writes them anew.
//!
//! An input is one of `{"say": text}`, `{"content": content}`, `{"tap": option, "title": text}`,
//! `{"open": payload or null}`, `{"timeout": instant}`, `{"answer": answer}` to the question that waits,
//! `{"event": name, "data": value}`; `now` is the instant it comes at. `library` names the flows that may be called, by
//! the ids that call them.

use std::{collections::BTreeMap, env, fs, path::Path, sync::Arc};

use botbuilder_domain::{ChannelKind, Content, VersionId};
use botbuilder_flow::{
    Answer, Bot, Context, Flow, Input, Library, Limits, Session, Settings, Sprint, Value, step,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use uuid::Uuid;

/// One conversation.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// What the case is about.
    about: String,
    /// Whether the flow is a draft that would not be published.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    draft: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    settings: Option<Settings>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    limits: Option<Limits>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    contact: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    library: BTreeMap<String, String>,
    steps: Vec<Step>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    now: DateTime<Utc>,
    input: Said,
    #[serde(default)]
    sprint: Json,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Said {
    Say {
        say: String,
    },
    Content {
        content: Content,
    },
    Tap {
        tap: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        title: Option<String>,
    },
    Timeout {
        timeout: DateTime<Utc>,
    },
    Answer {
        answer: Answer,
    },
    Event {
        event: String,
        #[serde(default)]
        data: Value,
    },
    Open {
        open: Option<String>,
    },
}

fn input(said: &Said, contact: Option<&str>, session: &Session) -> Input {
    let context = Context {
        contact: Some("contact-1".to_owned()),
        contact_name: contact.map(str::to_owned),
        locale: Some("en".to_owned()),
        channel: ChannelKind::Telegram,
        ..Context::default()
    };
    match said.clone() {
        Said::Say { say } => Input::Message { content: Content::text(say), context },
        Said::Content { content } => Input::Message { content, context },
        Said::Tap { tap, title } => Input::Postback { payload: tap, title, context },
        Said::Timeout { timeout } => Input::Timeout { due: timeout, context },
        Said::Answer { answer } => {
            // A number that nothing waits for, where nothing waits.
            let question = session.waits_for_answer().unwrap_or(u64::MAX);
            Input::Answer { question, answer, context }
        }
        Said::Event { event, data } => Input::Event { name: event, data, context },
        Said::Open { open } => Input::Opened { payload: open, context },
    }
}

fn definition_of(name: &str) -> Json {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("testdata/{name}.json"));
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn bot(case: &Case, definition: &Json) -> Bot {
    let version = VersionId::new(Uuid::from_u128(7));
    let settings = case.settings.clone().unwrap_or_default();
    let bot = if case.draft {
        Bot::draft(version, definition, settings)
    } else {
        Bot::new(version, definition, settings)
    };
    let mut library = Library::default();
    for (number, (id, name)) in (100..).zip(&case.library) {
        let flow =
            Flow::strict(&definition_of(name)).unwrap_or_else(|problems| panic!("{name}: {problems:#?}"));
        library.publish(id, VersionId::new(Uuid::from_u128(number)), Arc::new(flow));
    }
    let bot = bot.unwrap_or_else(|problems| panic!("{problems:#?}"));
    bot.with_limits(case.limits.unwrap_or_default()).with_library(library)
}

/// What came of a step, in the words of the file.
fn shown(sprint: &Sprint) -> Json {
    serde_json::to_value(sprint).unwrap()
}

fn play(case: &Case, definition: &Json) -> Vec<Json> {
    let bot = bot(case, definition);
    let mut session = Session::default();
    let mut sprints = Vec::new();
    for said in &case.steps {
        // A session travels through the database between two steps.
        let stored = serde_json::to_string(&session).unwrap();
        session = serde_json::from_str(&stored).unwrap();
        let input = input(&said.input, case.contact.as_deref(), &session);
        // So does an input.
        let input: Input = serde_json::from_str(&serde_json::to_string(&input).unwrap()).unwrap();
        let sprint = step(&bot, session, input, said.now);
        sprints.push(shown(&sprint));
        session = sprint.session;
    }
    sprints
}

#[test]
fn golden_sessions_come_out_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let update = env::var_os("UPDATE_SNAPSHOTS").is_some();
    let mut names: Vec<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let mut played = 0;
    let mut wrong = Vec::new();
    for name in names {
        let Some((flow, _case)) = name.strip_suffix(".json").and_then(|name| name.split_once('.')) else {
            continue;
        };
        let definition = definition_of(flow);
        let source = fs::read_to_string(folder.join(&name)).unwrap();
        let mut case: Case = serde_json::from_str(&source).unwrap_or_else(|error| panic!("{name}: {error}"));
        let sprints = play(&case, &definition);
        assert_eq!(sprints, play(&case, &definition), "{name}: replay differs");
        for (index, (step, sprint)) in case.steps.iter_mut().zip(sprints).enumerate() {
            if step.sprint != sprint && !update {
                wrong.push(format!("{name} step {index}: expected\n{:#}\ngot\n{sprint:#}", step.sprint));
            }
            step.sprint = sprint;
        }
        if update {
            let written = serde_json::to_string_pretty(&case).unwrap();
            fs::write(folder.join(&name), format!("{written}\n")).unwrap();
        }
        played += 1;
    }
    assert!(played > 10, "only {played} golden sessions found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
