//! Exported typebots.

use std::sync::Arc;

use botbuilder_domain::{Content, VersionId};
use botbuilder_flow::{Bot, Context, Effect, Flow, Input, Session, Settings, step};
use botbuilder_import::{Format, Import, ImportError, Options, Outcome, import};
use chrono::DateTime;
use serde_json::json;
use uuid::Uuid;

use crate::{document, lines, problems};

fn read(name: &str) -> Import {
    import(&document(name), None, &Options::default()).unwrap()
}

/// Says these things one after the other, and returns what the bot said after each.
fn talk(import: &Import, said: &[&str]) -> Vec<Vec<String>> {
    let flow = Flow::strict(&import.flows[0].definition).unwrap();
    let bot = Bot::of(VersionId::new(Uuid::from_u128(1)), Arc::new(flow), Settings::default());
    let mut session = Session::default();
    let open = Input::Opened { payload: None, context: Context::default() };
    let inputs = std::iter::once(open).chain(said.iter().map(|text| Input::text(*text)));
    inputs
        .map(|input| {
            let sprint = step(&bot, std::mem::take(&mut session), input, DateTime::UNIX_EPOCH);
            session = sprint.session;
            let said = |effect| match effect {
                Effect::Reply(Content::Text { text }) => text,
                Effect::Reply(Content::Choice(choice)) => {
                    let titles: Vec<_> = choice.options.iter().map(|option| option.title.as_str()).collect();
                    format!("{} [{}]", choice.text, titles.join("] ["))
                }
                other => panic!("{other:?}"),
            };
            sprint.effects.into_iter().map(said).collect()
        })
        .collect()
}

#[test]
fn an_order_is_taken_as_there() {
    let import = read("typebot/order.json");
    assert_eq!(import.format, Format::Typebot);
    assert_eq!(lines(&import, Outcome::NotSupported), [] as [String; 0]);
    assert_eq!(problems(&import), []);
    let said = talk(&import, &["Ada", "enormous", "Large", "many", "12", "3"]);
    assert_eq!(
        said,
        [
            vec!["Welcome!", "What is your name?"],
            vec!["Which size, Ada? [Small] [Large]"],
            vec!["Please tap one. [Small] [Large]"],
            vec!["How many?"],
            vec!["How many?"],
            vec!["So many large ones? Call us.", "How many?"],
            vec!["3 times Large is 34.5 Euro."],
        ]
    );
}

#[test]
fn everything_is_mapped_or_named() {
    let import = read("typebot/everything.json");
    let problems = problems(&import);
    assert!(problems.iter().all(|problem| problem.code.runs_as_draft()), "{problems:#?}");
    let left = lines(&import, Outcome::NotSupported);
    for part in [
        "payment input",
        "Code",
        "Transcript",
        "Google Sheets",
        "Google Analytics",
        "Pixel",
        "Chatwoot",
        "qr-code",
        "something new",
        "Smells like",
        "the event `command`",
        "data.map",
        "const x",
        "Hi ${x}",
    ] {
        assert!(left.iter().any(|line| line.contains(part)), "{part} is not named: {left:#?}");
    }
    let text = import.flows[0].definition.to_string();
    for part in [
        "See here (https://x.example)\\n- one",
        "A & B",
        "lower(text(name))",
        "Sofa: Buy",
        "(?i)^a.*z$",
        "response.body.items[0].name",
        "https://old.example",
        "append(list, name)",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    // Two names that would be one, and one that the language has taken.
    let names: Vec<_> = import.flows[0].definition["variables"].as_array().unwrap().iter().collect();
    for name in ["name", "name_2", "input_"] {
        assert!(names.iter().any(|variable| variable["name"] == name), "{name}: {names:?}");
    }
}

#[test]
fn what_is_broken_is_refused_with_its_place() {
    let refused = |change: fn(&mut serde_json::Value)| {
        let mut source = document("typebot/order.json");
        change(&mut source);
        match import(&source, Some(Format::Typebot), &Options::default()) {
            Err(ImportError::Refused(faults)) => faults,
            other => panic!("{other:?}"),
        }
    };
    let faults = refused(|source| source["version"] = json!("7"));
    assert!(faults[0].message.contains("version `7`"), "{faults:?}");
    let faults = refused(|source| source["groups"][0]["blocks"][1]["id"] = json!("b1"));
    assert_eq!(faults[0].node.as_deref(), Some("b1"), "{faults:?}");
    let faults = refused(|source| source["edges"][0]["to"]["groupId"] = json!("nowhere"));
    assert!(faults[0].message.contains("e0") && faults[0].message.contains("nowhere"), "{faults:?}");
}
