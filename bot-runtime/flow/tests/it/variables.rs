//! What variables may hold, and where that counts.

use std::sync::Arc;

use botbuilder_domain::VersionId;
use botbuilder_flow::{
    Bot, Context, Event, Flow, Input, Library, Orchestration, Reason, Session, Settings, Sprint, Value,
    definition::VariableType,
    orchestration::{OnError, Scope, Shared, Transition, Trigger},
    references::Known,
    step,
    variable::Validation,
};
use chrono::{DateTime, Utc};
use serde_json::{Value as Json, json};
use uuid::Uuid;

const NOW: DateTime<Utc> = DateTime::<Utc>::UNIX_EPOCH;

fn version(number: u128) -> VersionId {
    VersionId::new(Uuid::from_u128(number))
}

fn texts(sprint: &Sprint) -> Vec<String> {
    let json = serde_json::to_value(&sprint.effects).unwrap();
    let said = json.as_array().unwrap().iter().filter_map(|effect| effect["value"]["text"].as_str());
    said.map(str::to_owned).collect()
}

fn reasons(sprint: &Sprint) -> Vec<Reason> {
    let reason = |event: &Event| match event {
        Event::Error { reason, .. } => Some(*reason),
        _ => None,
    };
    sprint.events.iter().filter_map(reason).collect()
}

/// Asks by a node of this kind, and says what it got.
fn asking(kind: &str, mut data: Json, variable: &Json) -> Json {
    data["variable"] = variable["name"].clone();
    json!({
        "schema": 1,
        "nodes": [
            { "id": "start", "type": "start" },
            { "id": "ask", "type": kind, "data": data },
            { "id": "said", "type": "message", "data": { "text": "got {{ size }}" } },
            { "id": "wrong", "type": "message", "data": { "text": "that went wrong" } },
        ],
        "edges": [
            { "source": "start", "target": "ask" },
            { "source": "ask", "target": "said" },
            { "source": "ask", "target": "wrong", "port": "error" },
        ],
        "variables": [variable],
    })
}

fn size(rules: &Json) -> Json {
    json!({ "name": "size", "type": "number", "validation": rules })
}

#[test]
fn who_answers_against_the_rules_of_a_variable_is_asked_again() {
    let rules = json!({ "min": 36, "max": 46, "integer": true });
    for (kind, data) in [
        ("question", json!({ "text": "Size?", "retry_text": "From 36 to 46." })),
        ("input", json!({ "text": "Size?", "format": "number", "retry_text": "From 36 to 46." })),
    ] {
        let definition = asking(kind, data, &size(&rules));
        let bot = Bot::new(version(1), &definition, Settings::default()).unwrap();
        let mut session = step(&bot, Session::default(), Input::text("hi"), NOW).session;
        for (answer, said) in [("35", "From 36 to 46."), ("40.5", "From 36 to 46."), ("40", "got 40")] {
            let sprint = step(&bot, session, Input::text(answer), NOW);
            assert_eq!(texts(&sprint), [said], "{kind}: {answer}");
            session = sprint.session;
        }
    }
}

#[test]
fn a_node_that_sets_what_breaks_the_rules_fails() {
    let definition = json!({
        "schema": 1,
        "nodes": [
            { "id": "start", "type": "start" },
            { "id": "set", "type": "set_variable", "data": { "name": "size", "value": 7 } },
        ],
        "edges": [{ "source": "start", "target": "set" }],
        "variables": [size(&json!({ "one_of": [36, 38] }))],
    });
    let bot = Bot::new(version(1), &definition, Settings::default()).unwrap();
    assert_eq!(reasons(&step(&bot, Session::default(), Input::text("hi"), NOW)), [Reason::Invalid]);

    // A default is no exception.
    let mut faulty = definition;
    faulty["variables"][0]["default"] = json!(40);
    let problems = Flow::strict(&faulty).unwrap_err();
    assert_eq!(problems[0].variable.as_deref(), Some("size"));
}

#[test]
fn a_call_gives_what_the_flow_requires() {
    let called = json!({
        "schema": 1,
        "nodes": [
            { "id": "start", "type": "start" },
            { "id": "said", "type": "message", "data": { "text": "size {{ size }}" } },
        ],
        "edges": [{ "source": "start", "target": "said" }],
        "variables": [{ "name": "size", "type": "number", "required": true, "validation": { "min": 36 } }],
    });
    let called = Arc::new(Flow::strict(&called).unwrap());
    let calls = |parameters: Json| {
        let definition = json!({
            "schema": 1,
            "nodes": [
                { "id": "start", "type": "start" },
                { "id": "call", "type": "call_flow", "data": { "flow": "b", "parameters": parameters } },
            ],
            "edges": [{ "source": "start", "target": "call" }],
        });
        Flow::strict(&definition).unwrap()
    };
    let run = |parameters: Json| {
        let mut library = Library::default();
        library.publish("b", version(2), Arc::clone(&called));
        let bot = Bot::of(version(1), Arc::new(calls(parameters)), Settings::default()).with_library(library);
        step(&bot, Session::default(), Input::text("hi"), NOW)
    };
    assert_eq!(texts(&run(json!({ "size": "40" }))), ["size 40"]);
    assert_eq!(reasons(&run(json!({ "size": "35" }))), [Reason::Invalid]);
    assert_eq!(reasons(&run(json!({}))), [Reason::MissingValue]);

    // The author is told before that.
    let known = Known {
        flows: [("b".to_owned(), called.variables().map(str::to_owned).collect())].into(),
        required: [("b".to_owned(), called.required().map(str::to_owned).collect())].into(),
        ..Known::default()
    };
    assert_eq!(calls(json!({ "size": "40" })).check_references(&known), []);
    let problems = calls(json!({})).check_references(&known);
    assert_eq!(problems.len(), 1);
    assert!(problems[0].to_string().contains("`size`"), "{}", problems[0]);
}

/// Two flows, of which the second says `v`; the first asks for it and keeps it as it is told.
fn two(keeps: &Json, shared: Option<Shared>) -> Bot {
    let variable = |more: &Json| {
        let mut variable = json!({ "name": "v" });
        variable.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        variable
    };
    let first = json!({
        "schema": 1,
        "nodes": [
            { "id": "start", "type": "start" },
            { "id": "ask", "type": "question", "data": { "text": "?", "variable": "v" } },
        ],
        "edges": [{ "source": "start", "target": "ask" }],
        "variables": [variable(keeps)],
    });
    let second = json!({
        "schema": 1,
        "nodes": [
            { "id": "start", "type": "start" },
            { "id": "said", "type": "question", "data": { "text": "v is {{ v }}" } },
        ],
        "edges": [{ "source": "start", "target": "said" }],
        "variables": [variable(&json!({}))],
    });
    let flow = |definition: &Json| Arc::new(Flow::strict(definition).unwrap());
    let mut library = Library::default();
    library.publish("a", version(1), flow(&first));
    library.publish("b", version(2), flow(&second));
    let orchestration = Orchestration {
        entry: "a".to_owned(),
        transitions: vec![Transition {
            id: "t".to_owned(),
            from: "a".to_owned(),
            to: "b".to_owned(),
            trigger: Trigger::read("on_complete", &json!({})).unwrap(),
            keeps_variables: true,
        }],
        on_error: OnError::Stop,
        max_hops: 5,
        expire_seconds: None,
        variables: shared.map(|shared| ("v".into(), shared)).into_iter().collect(),
    };
    Bot::of(version(1), flow(&first), Settings::default())
        .with_library(library)
        .among("a", Arc::new(orchestration))
}

#[test]
fn a_secret_goes_only_to_flows_that_keep_it() {
    let says = |bot: &Bot| {
        let begun = step(bot, Session::default(), Input::text("hi"), NOW);
        texts(&step(bot, begun.session, Input::text("sesame"), NOW))
    };
    assert_eq!(says(&two(&json!({}), None)), ["v is sesame"]);
    assert_eq!(says(&two(&json!({ "secret": true }), None)), ["v is "]);
    let known = Shared::new(Scope::Session, VariableType::String, Value::text("kept"));
    let secret = Shared { is_secret: true, ..known.clone() };
    assert_eq!(says(&two(&json!({ "secret": true }), Some(known))), ["v is kept"]);
    assert_eq!(says(&two(&json!({ "secret": true }), Some(secret))), ["v is "]);
}

#[test]
fn what_flows_share_keeps_its_rules_whoever_sets_it() {
    let validation = Validation::read(&json!({ "max_length": 3 }), VariableType::String).unwrap();
    let shared = Shared { validation, ..Shared::new(Scope::Session, VariableType::String, Value::Null) };
    let bot = two(&json!({}), Some(shared));
    let begun = step(&bot, Session::default(), Input::text("hi"), NOW);
    let again = step(&bot, begun.session, Input::text("much too long"), NOW);
    assert_eq!(texts(&again), ["?"]);
    assert_eq!(texts(&step(&bot, again.session, Input::text("abc"), NOW)), ["v is abc"]);

    let opened = |given: Value| {
        let context = Context { given, ..Context::default() };
        let begun = step(&bot, Session::default(), Input::Opened { payload: None, context }, NOW);
        begun.session.variables().get("v").cloned()
    };
    assert_eq!(opened(Value::object([("v", Value::text("red"))])), Some(Value::text("red")));
    assert_eq!(opened(Value::object([("v", Value::text("scarlet"))])), None);
    assert_eq!(opened(Value::object([("w", Value::text("red"))])), None);
}
