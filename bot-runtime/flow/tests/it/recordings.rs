//! Recorded conversations: played again by what made them, and by drafts.

use std::sync::Arc;

use botbuilder_domain::VersionId;
use botbuilder_flow::{
    Answer, AskFailure, Bot, Context, DEMO_FLOW, Flow, Input, Library, Limits, Next, Session, Settings,
    Value,
    circumstances::Circumstances,
    orchestration::{OnError, Orchestration, Transition, Trigger},
    recording::{Part, Recording, settle},
    replay::{Recorded, compare, replay},
    simulate::{
        cases::{Expectation, run},
        recorded::case,
    },
    step,
};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value as Json, json};
use uuid::Uuid;

const NOW: DateTime<Utc> = DateTime::<Utc>::UNIX_EPOCH;

/// Nodes and edges, from `start` on.
fn definition(nodes: &[(&str, &str, Json)], edges: &[(&str, &str, &str)], variables: &Json) -> Json {
    let mut written = vec![json!({ "id": "start", "type": "start" })];
    written.extend(nodes.iter().map(|(id, kind, data)| json!({ "id": id, "type": kind, "data": data })));
    let edges: Vec<Json> = edges
        .iter()
        .map(|(source, port, target)| {
            json!({ "id": format!("{source}.{port}"), "source": source, "port": port, "target": target })
        })
        .collect();
    json!({ "schema": 1, "nodes": written, "edges": edges, "variables": variables })
}

fn bot(definition: &Json) -> Arc<Bot> {
    let bot = Bot::new(VersionId::new(Uuid::from_u128(1)), definition, Settings::default());
    Arc::new(bot.unwrap_or_else(|problems| panic!("{problems:#?}")))
}

/// Has a conversation as the runtime does: everything through JSON, and only the first session kept.
fn recorded(bot: &Bot, inputs: impl IntoIterator<Item = (DateTime<Utc>, Input)>) -> Vec<Recorded> {
    answered(bot, inputs, None)
}

/// The same, where the world says this to whatever it is asked at once.
fn answered(
    bot: &Bot,
    inputs: impl IntoIterator<Item = (DateTime<Utc>, Input)>,
    world: Option<&Answer>,
) -> Vec<Recorded> {
    let mut session = json!({});
    let mut steps = Vec::new();
    let mut inputs = inputs.into_iter();
    let mut said = None;
    while let Some((now, input)) = said.take().or_else(|| inputs.next()) {
        let before: Session = match session {
            Json::Object(ref empty) if empty.is_empty() => Session::default(),
            ref stored => serde_json::from_value(stored.clone()).unwrap(),
        };
        let (input, json) = settle(input);
        let first = steps.is_empty().then(|| json!(before));
        let recording = Recording::begin(bot, &before, json, first);
        let sprint = step(bot, before, input, now);
        let kept = recording.end(bot, &sprint);
        session = serde_json::to_value(&sprint.session).unwrap();
        if let (Next::Ask { question, .. }, Some(answer)) = (&sprint.next, world) {
            let (question, answer, context) = (question.id, answer.clone(), Context::default());
            said = Some((now, Input::Answer { question, answer, context }));
        }
        let read: Json = serde_json::from_str(&kept.input.to_string()).unwrap();
        steps.push(Recorded {
            now,
            input: serde_json::from_value(read).unwrap(),
            before: kept.before.map(|before| serde_json::from_value(before).unwrap()),
            digest: kept.digest,
        });
    }
    steps
}

fn at(seconds: i64) -> DateTime<Utc> {
    NOW + TimeDelta::seconds(seconds)
}

fn answer(question: u64, body: &Json) -> Input {
    let body = Value::from_json(body).unwrap();
    let answer = Answer::Http { status: 200, headers: [].into(), body };
    Input::Answer { question, answer, context: Context::default() }
}

#[test]
fn a_thousand_conversations_come_out_the_same_to_the_byte() {
    let bot = bot(&serde_json::from_str(DEMO_FLOW).unwrap());
    let words = ["hi", "1", "2", "3", "1002", "4711", "Ada", "order", "no", "yes", "x@y.de", "+49 89 123456"];
    let mut steps = 0;
    for conversation in 0..1_000_usize {
        let inputs = (0..8).map(|turn| {
            let word = words[(conversation * 31 + turn * (conversation % 7 + 1)) % words.len()];
            (at(i64::try_from(turn * 60).unwrap()), Input::text(word))
        });
        let nobody = Answer::Failed { failure: AskFailure::NotAvailable };
        let recorded = answered(&bot, inputs, Some(&nobody));
        let again = replay(&recorded, |_, _| Some(Arc::clone(&bot)));
        assert_eq!(again.strayed, []);
        steps += again.told.iter().flatten().count();
        let compared = compare(&recorded, |_, _| Some(Arc::clone(&bot)), |_, _| Some(Arc::clone(&bot)));
        assert_eq!(compared.differences(), []);
        assert_eq!((compared.cost, compared.unanswered), (compared.before.cost, 0));
    }
    // Each message is a step, and each answer to what the menu does not know.
    assert!(steps > 8_000, "{steps}");
}

/// A flow that asks a service and waits.
fn asking(said: &str) -> Json {
    definition(
        &[
            (
                "call",
                "api_call",
                json!({ "url": "https://a.example", "save": { "price": "response.body.price" } }),
            ),
            ("say", "message", json!({ "text": said })),
            ("wait", "delay", json!({ "seconds": 60 })),
            ("late", "message", json!({ "text": "Still there?" })),
            ("ask", "question", json!({ "text": "And now?", "variable": "word" })),
        ],
        &[
            ("start", "next", "call"),
            ("call", "next", "say"),
            ("call", "default", "say"),
            ("say", "next", "wait"),
            ("wait", "next", "late"),
            ("late", "next", "ask"),
        ],
        &json!([{ "name": "price", "type": "number" }, { "name": "word" }]),
    )
}

fn asked(bot: &Bot) -> Vec<Recorded> {
    let price = 0.1 + 0.7;
    let due = at(62);
    recorded(
        bot,
        [
            (at(0), Input::text("hi")),
            (at(2), answer(1, &json!({ "price": price }))),
            (at(63), Input::Timeout { due, context: Context::default() }),
            (at(70), Input::text("Bye")),
        ],
    )
}

#[test]
fn answers_and_timers_are_played_again() {
    let bot = bot(&asking("It costs {{ price }}."));
    let recorded = asked(&bot);
    let again = replay(&recorded, |_, _| Some(Arc::clone(&bot)));
    assert_eq!(again.strayed, []);
    assert_eq!((again.cost.messages, again.cost.questions), (3, 1));
    assert_eq!(again.told[1].as_ref().unwrap().said[0].plain_text(), Some("It costs 0.7999999999999999."));
}

#[test]
fn a_draft_is_told_by_its_replies_variables_path_and_cost() {
    let (old, new) = (bot(&asking("It costs {{ price }}.")), bot(&asking("Price: {{ price }}")));
    let recorded = asked(&old);
    let compared = compare(&recorded, |_, _| Some(Arc::clone(&old)), |_, _| Some(Arc::clone(&new)));
    let differences = compared.differences();
    assert_eq!(differences.iter().map(|one| one.step).collect::<Vec<_>>(), [1]);
    let said = differences[0].said.as_ref().unwrap();
    assert_eq!(said.after[0].plain_text(), Some("Price: 0.7999999999999999"));
    assert!(differences[0].path.is_none() && differences[0].variables.is_none());

    // One that asks nobody, waits shorter, and sets another variable.
    let other = definition(
        &[
            ("set", "set_variable", json!({ "name": "price", "value": 7 })),
            ("wait", "delay", json!({ "seconds": 5 })),
            ("ask", "question", json!({ "text": "And now?", "variable": "word" })),
        ],
        &[("start", "next", "set"), ("set", "next", "wait"), ("wait", "next", "ask")],
        &json!([{ "name": "price", "type": "number" }, { "name": "word" }]),
    );
    let other = bot(&other);
    let compared = compare(&recorded, |_, _| Some(Arc::clone(&old)), |_, _| Some(Arc::clone(&other)));
    let differences = compared.differences();
    assert_eq!(differences[0].asked.as_ref().unwrap().before, ["call"]);
    assert!(differences[0].variables.is_some() && differences[0].path.is_some());
    assert_eq!((compared.cost.questions, compared.cost.messages), (0, 1));
    // And the other way round: what it asks was never answered.
    let silent = recorded_words(&other);
    let compared = compare(&silent, |_, _| Some(Arc::clone(&other)), |_, _| Some(Arc::clone(&old)));
    assert_eq!(compared.unanswered, 1);
}

fn recorded_words(bot: &Bot) -> Vec<Recorded> {
    recorded(bot, [(at(0), Input::text("hi")), (at(70), Input::text("Bye"))])
}

#[test]
fn a_step_that_comes_out_otherwise_is_named() {
    let bot = bot(&asking("It costs {{ price }}."));
    let mut recorded = asked(&bot);
    recorded[2].now += TimeDelta::seconds(1);
    recorded[3].digest.0[0] ^= 1;
    let again = replay(&recorded, |_, _| Some(Arc::clone(&bot)));
    assert_eq!(again.strayed, [(3, vec![Part::Effects])]);
    recorded[1].before = Some(Box::default());
    recorded.remove(0);
    // A conversation whose beginning is gone is played from where its session is known.
    let again = replay(&recorded, |_, _| Some(Arc::clone(&bot)));
    assert_eq!(again.told.len(), 3);
    recorded[0].before = None;
    let again = replay(&recorded, |_, _| Some(Arc::clone(&bot)));
    assert_eq!(again.told, [None, None, None]);
}

#[test]
fn what_a_secret_variable_holds_is_in_no_record() {
    let flow = definition(
        &[
            (
                "log_in",
                "api_call",
                json!({ "url": "https://a.example", "save": { "token": "response.body.token" } }),
            ),
            (
                "look",
                "api_call",
                json!({
                    "url": "https://a.example/x",
                    "headers": { "authorization": "Bearer {{ token | upper }}" },
                    "save": { "name": "response.body.name" },
                }),
            ),
            ("say", "message", json!({ "text": "Hello {{ name }}" })),
            ("ask", "question", json!({ "text": "?", "variable": "name" })),
        ],
        &[
            ("start", "next", "log_in"),
            ("log_in", "next", "look"),
            ("log_in", "default", "look"),
            ("look", "next", "say"),
            ("look", "default", "say"),
            ("say", "next", "ask"),
        ],
        &json!([{ "name": "token", "secret": true }, { "name": "name" }]),
    );
    let bot = bot(&flow);
    let recorded = recorded(
        &bot,
        [
            (at(0), Input::text("hi")),
            (at(1), answer(1, &json!({ "token": "canary-4711" }))),
            (at(2), answer(2, &json!({ "name": "Ada", "echo": "you sent canary-4711" }))),
        ],
    );
    assert!(!format!("{recorded:?}").contains("canary"), "{recorded:?}");
    assert!(format!("{recorded:?}").contains("you sent xxxxxx-1111"));
    let again = replay(&recorded, |_, _| Some(Arc::clone(&bot)));
    assert_eq!(again.strayed, []);
    assert_eq!(again.told[2].as_ref().unwrap().said[0].plain_text(), Some("Hello Ada"));
}

#[test]
fn what_a_step_depends_on_survives_its_trip() {
    let flow = Flow::strict(&serde_json::from_str(DEMO_FLOW).unwrap()).unwrap();
    let keyword = json!({ "keywords": ["^help"], "match": "pattern" });
    let orchestration = Orchestration {
        entry: "a".to_owned(),
        transitions: [("on_keyword", keyword), ("on_condition", json!({ "expression": "1 < 2" }))]
            .map(|(kind, value)| Transition {
                id: kind.to_owned(),
                from: "a".to_owned(),
                to: "b".to_owned(),
                trigger: Trigger::read(kind, &value).unwrap(),
                keeps_variables: true,
            })
            .into(),
        on_error: OnError::Flow("b".to_owned()),
        max_hops: 3,
        expire_seconds: Some(60),
        variables: [].into(),
    };
    let version = VersionId::new(Uuid::from_u128(1));
    let mut library = Library::default();
    library.publish("b", VersionId::new(Uuid::from_u128(2)), Arc::new(flow));
    let demo = bot(&serde_json::from_str(DEMO_FLOW).unwrap());
    let bot = Bot::clone(&demo).with_library(library).among("a", Arc::new(orchestration));
    let kept = bot.circumstances();
    let read: Circumstances = serde_json::from_str(&kept.json.to_string()).unwrap();
    let again = read.bot(version, Arc::clone(&bot.flow), |version| {
        (version == VersionId::new(Uuid::from_u128(2))).then(|| Arc::clone(&bot.flow))
    });
    assert_eq!(again.circumstances().json, kept.json);
    assert_eq!(again.circumstances().digest, kept.digest);
    let other = again.with_limits(Limits { steps: 1, ..Limits::default() });
    assert_ne!(other.circumstances().digest, kept.digest);
}

#[test]
fn a_recorded_conversation_becomes_a_test_that_holds() {
    let old = bot(&asking("It costs {{ price }}."));
    let recorded = asked(&old);
    let again = replay(&recorded, |_, _| Some(Arc::clone(&old)));
    let made = case("a price", &recorded, &again, &old).unwrap();
    assert!(made.is_faithful);
    assert_eq!(made.case.steps.len(), 3);
    assert_eq!(made.case.answers[0].node.as_deref(), Some("call"));
    let context = Context::default();
    assert_eq!(run(&old, &context, &made.case, NOW).failures, []);
    let new = bot(&asking("Price: {{ price }}"));
    assert_eq!(run(&new, &context, &made.case, NOW).failures.len(), 1);

    // A time that is told needs the time to go by as it did.
    let clock = bot(&definition(
        &[
            ("ask", "question", json!({ "text": "?", "variable": "word" })),
            ("say", "message", json!({ "text": "{{ now() }}" })),
        ],
        &[("start", "next", "ask"), ("ask", "next", "say")],
        &json!([{ "name": "word" }]),
    ));
    let recorded = recorded_words(&clock);
    let again = replay(&recorded, |_, _| Some(Arc::clone(&clock)));
    let made = case("the time", &recorded, &again, &clock).unwrap();
    assert!(made.is_faithful);
    assert!(made.case.steps.iter().any(|step| step.expect == [Expectation::None]));
    assert!(matches!(step(&clock, Session::default(), Input::text("x"), NOW).next, Next::Wait { .. }));
}
