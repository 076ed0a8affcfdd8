//! Arbitrary flows and conversations: a step never panics, is bounded, and gives the same result again.

use std::{collections::BTreeMap, sync::Arc};

use botbuilder_domain::{Content, VersionId};
use botbuilder_flow::{
    Answer, AskFailure, Bot, Context, Effect, Event, Flow, Input, Library, Limits, Session, Settings, Sprint,
    Usage, Value, expression::Expression, step, template::Template,
};
use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use uuid::Uuid;

/// Largest session, as JSON.
const SESSION_MAX: usize = 16 * 1_024;
/// Most messages that wait for their turn, and how much they may take.
const KEPT_MAX: usize = 32;
const KEPT_BYTES_MAX: usize = 64 * 1_024;
/// Nodes that may be entered beyond the limit, behind an `error` port.
const STEPS_BEYOND: usize = 10;

fn version() -> VersionId {
    VersionId::new(Uuid::from_u128(1))
}

fn template() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "plain",
        "",
        "{{ a }}",
        "{{ a }}{{ a }}{{ b }} more",
        "{{ n + 1 }}",
        "{{ n * n * n * n }}",
        "{{ 1 / n }}",
        "{{ input.text | upper | default('?') }}",
        "{{ lower(upper(a)) | trim }}",
        "{{ contact.name }} on {{ channel }} at {{ time() }}",
        "{{ nobody }}",
    ])
    .prop_map(str::to_owned)
}

fn expression() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "true",
        "false",
        "n > 3",
        "a > 3",
        "len(a) > 10 and not empty(b)",
        "contains(lower(a), lower(b))",
        "input.payload == 'x' or hour() < 12",
        "n / n == 1",
    ])
    .prop_map(str::to_owned)
}

fn variable() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["a", "b", "n", "d", "t"])
}

fn patience() -> impl Strategy<Value = Json> {
    (prop::option::of(0_u32..3), prop::option::of(1_u32..100))
        .prop_map(|(retries, timeout)| json!({ "retries": retries, "timeout_seconds": timeout }))
}

fn with(mut data: Json, more: Json) -> Json {
    if let (Json::Object(data), Json::Object(more)) = (&mut data, more) {
        data.extend(more.into_iter().filter(|(_, value)| !value.is_null()));
    }
    data
}

/// Type, data and ports of a node.
fn node(count: usize) -> impl Strategy<Value = (String, Json, Vec<&'static str>)> {
    let options = json!([{ "id": "x", "title": "X" }, { "id": "y", "title": "Yes" }]);
    let offered = options.clone();
    let formats =
        prop::sample::select(vec!["text", "number", "email", "phone", "url", "date", "time", "choice"]);
    prop_oneof![
        template().prop_map(|text| ("message".to_owned(), json!({ "text": text }), vec!["next", "error"])),
        (variable(), template()).prop_map(|(name, value)| {
            ("set_variable".to_owned(), json!({ "name": name, "value": value }), vec!["next", "error"])
        }),
        expression().prop_map(|expression| {
            ("condition".to_owned(), json!({ "expression": expression }), vec!["true", "false", "error"])
        }),
        (template(), variable(), patience()).prop_map(|(text, variable, patience)| {
            let data = with(json!({ "text": text, "variable": variable }), patience);
            ("question".to_owned(), data, vec!["next", "other", "timeout", "error"])
        }),
        (template(), patience()).prop_map(move |(text, patience)| {
            let data = with(json!({ "text": text, "options": options }), patience);
            ("menu".to_owned(), data, vec!["x", "y", "other", "timeout", "default"])
        }),
        (formats, variable(), patience()).prop_map(move |(format, variable, patience)| {
            let mut data = with(json!({ "text": "?", "variable": variable, "format": format }), patience);
            if format == "choice" {
                data["options"] = offered.clone();
            }
            ("input".to_owned(), data, vec!["next", "other", "timeout"])
        }),
        (1_u32..20, any::<bool>()).prop_map(|(seconds, keep)| {
            let messages = if keep { "keep" } else { "ignore" };
            (
                "delay".to_owned(),
                json!({ "seconds": seconds, "messages": messages }),
                vec!["next", "interrupted"],
            )
        }),
        variable().prop_map(|variable| {
            let data = json!({ "event": "paid", "variable": variable, "timeout_seconds": 9 });
            ("wait_for_event".to_owned(), data, vec!["next", "timeout", "error"])
        }),
        (template(), variable()).prop_map(|(text, variable)| {
            let data = json!({
                "url": "https://a.example/{{ a }}", "method": "POST", "json": { "x": [text] },
                "save": { variable: "response.body" },
            });
            ("api_call".to_owned(), data, vec!["next", "failed", "error"])
        }),
        Just(("nlu_router".to_owned(), json!({ "intents": ["x"] }), vec!["x", "other", "error"])),
        variable().prop_map(|variable| {
            ("ai_response".to_owned(), json!({ "variable": variable }), vec!["next", "error"])
        }),
        expression().prop_map(|when| {
            let cases = json!([{ "id": "x", "equals": 2 }, { "id": "y", "when": when }]);
            ("switch".to_owned(), json!({ "value": "n", "cases": cases }), vec!["x", "y", "other"])
        }),
        Just((
            "ab_split".to_owned(),
            json!({ "variants": [{ "id": "x", "weight": 1 }, { "id": "y", "weight": 1 }] }),
            vec!["x", "y"],
        )),
        template().prop_map(|tag| ("tag_contact".to_owned(), json!({ "add": [tag] }), vec!["next"])),
        Just((
            "call_flow".to_owned(),
            json!({ "flow": "called", "returns": { "a": "town" } }),
            vec!["next", "error"]
        )),
        Just(("handoff".to_owned(), json!({}), vec!["unavailable"])),
        (0..count).prop_map(|target| ("goto".to_owned(), json!({ "node": format!("n{target}") }), vec![])),
        Just(("end".to_owned(), json!({}), vec![])),
    ]
}

/// A definition with arbitrary edges, now and then a missing one.
fn definition() -> impl Strategy<Value = Json> {
    (1_usize..14)
        .prop_flat_map(|count| {
            let nodes = prop::collection::vec(node(count), count);
            let targets = prop::collection::vec(prop::option::weighted(0.85, 0..count), count * 5 + 1);
            (nodes, targets)
        })
        .prop_map(|(nodes, targets)| {
            let mut targets = targets.into_iter();
            let mut edges = vec![json!({ "id": "first", "source": "start", "target": "n0" })];
            let mut written = vec![json!({ "id": "start", "type": "start" })];
            for (index, (kind, data, ports)) in nodes.into_iter().enumerate() {
                let source = format!("n{index}");
                for port in ports {
                    if let Some(target) = targets.next().flatten() {
                        let id = format!("{source}.{port}");
                        let target = format!("n{target}");
                        edges.push(json!({ "id": id, "source": source, "target": target, "port": port }));
                    }
                }
                written.push(json!({ "id": source, "type": kind, "data": data }));
            }
            let variables = json!([
                { "name": "a" }, { "name": "b", "default": "bee" }, { "name": "n", "type": "number", "default": 2 },
                { "name": "d", "type": "date" }, { "name": "t", "type": "boolean" },
            ]);
            json!({ "schema": 1, "nodes": written, "edges": edges, "variables": variables })
        })
}

fn input() -> impl Strategy<Value = Input> {
    let said = prop_oneof![
        Just("1".to_owned()),
        Just("yes".to_owned()),
        Just("a@b.de".to_owned()),
        Just("2026-01-01".to_owned()),
        Just("12:30".to_owned()),
        Just("\u{1}\"\\".repeat(4_000)),
        Just("é😀".repeat(2_000)),
        ".{0,40}",
    ];
    let context = Context { contact_name: Some("Ada".to_owned()), ..Context::default() };
    prop_oneof![
        6 => said.prop_map(move |said| Input::Message { content: Content::text(said), context: context.clone() }),
        2 => prop::sample::select(vec!["x", "y", "z"]).prop_map(|payload| Input::Postback {
            payload: payload.to_owned(), title: None, context: Context::default(),
        }),
        1 => Just(Input::Opened { payload: Some("link".to_owned()), context: Context::default() }),
        3 => (0_u64..6, answer()).prop_map(|(question, answer)| Input::Answer {
            question, answer, context: Context::default(),
        }),
        1 => Just(Input::Event { name: "paid".to_owned(), data: Value::Number(5.0), context: Context::default() }),
        1 => (0_i64..200).prop_map(|seconds| Input::Timeout {
            due: DateTime::<Utc>::UNIX_EPOCH + TimeDelta::seconds(seconds), context: Context::default(),
        }),
    ]
}

fn answer() -> impl Strategy<Value = Answer> {
    let body = Value::object([("text", Value::text("é\u{1}".repeat(3_000)))]);
    prop::sample::select(vec![
        Answer::Http { status: 200, headers: BTreeMap::new(), body },
        Answer::Http { status: 500, headers: BTreeMap::new(), body: Value::Null },
        Answer::Recognized {
            intent: Some("x".to_owned()),
            confidence: 0.9,
            entities: Value::Null,
            accepted: true,
            close: Vec::new(),
            note: None,
        },
        Answer::Said { text: "said".repeat(2_000), usage: Usage { tokens: 9_000, micros: 90 } },
        Answer::NotFound,
        Answer::Failed { failure: AskFailure::NotAvailable },
    ])
}

/// Plays a conversation; an answer is to the question that waits, if one does; between two steps the session travels as JSON.
fn play(bot: &Bot, inputs: &[Input]) -> Vec<Sprint> {
    let mut session = Session::default();
    let mut now = DateTime::<Utc>::UNIX_EPOCH;
    let mut sprints = Vec::new();
    for input in inputs {
        let mut input = input.clone();
        if let (Input::Answer { question, .. }, Some(waits)) = (&mut input, session.waits_for_answer())
            && *question != 0
        {
            *question = waits;
        }
        let sprint = step(bot, session, input, now);
        let stored = serde_json::to_string(&sprint.session).unwrap();
        // What waits for its turn, and the rest of a turn that asks, come on top.
        let kept = if sprint.session.kept() > 0 { KEPT_BYTES_MAX } else { 0 };
        let rest = if sprint.session.waits_for_answer().is_some() { SESSION_MAX } else { 0 };
        assert!(stored.len() <= SESSION_MAX + kept + rest, "a session of {} bytes", stored.len());
        session = serde_json::from_str(&stored).unwrap();
        assert_eq!(session, sprint.session);
        now += TimeDelta::milliseconds(7_001);
        sprints.push(sprint);
    }
    sprints
}

fn check_bounds(sprint: &Sprint, limits: Limits) {
    let entered = sprint.events.iter().filter(|event| matches!(event, Event::NodeEntered { .. })).count();
    assert!(entered <= limits.steps as usize + STEPS_BEYOND, "{entered} nodes entered");
    // The fallback comes on top, once for each message that had its turn.
    let turns = 1 + KEPT_MAX;
    assert!(sprint.effects.len() <= limits.messages as usize + turns, "{} effects", sprint.effects.len());
    for effect in &sprint.effects {
        if let Effect::Reply(content) = effect {
            assert!(content.plain_text().is_none_or(|text| text.len() <= limits.text_bytes));
        }
    }
    assert!(!(sprint.session.is_waiting() && sprint.session.has_ended()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_conversation_is_bounded_and_replays(
        definition in definition(),
        inputs in prop::collection::vec(input(), 1..30),
        small in any::<bool>(),
    ) {
        let strict = Flow::strict(&definition).is_ok();
        let Ok(bot) = Bot::draft(version(), &definition, Settings::default()) else {
            panic!("the generator made a flow that cannot run: {definition:#}");
        };
        let limits = if small {
            Limits { steps: 20, messages: 4, cost: 3_000, text_bytes: 200, value_bytes: 100, variables_bytes: 250, ..Limits::default() }
        } else {
            Limits::default()
        };
        let called = include_str!("../../testdata/address.json");
        let called = Flow::strict(&serde_json::from_str(called).unwrap()).unwrap();
        let mut library = Library::default();
        library.publish("called", VersionId::new(Uuid::from_u128(2)), Arc::new(called));
        let bot = bot.with_limits(limits).with_library(library);
        let sprints = play(&bot, &inputs);
        for sprint in &sprints {
            check_bounds(sprint, limits);
            // What may be published never goes in circles.
            let circled = sprint.events.iter().any(|event| matches!(event, Event::LimitReached {
                limit: botbuilder_flow::Limit::Steps, ..
            }));
            prop_assert!(!(strict && circled));
        }
        prop_assert_eq!(sprints, play(&bot, &inputs));
    }

    #[test]
    fn any_source_is_an_expression_or_an_error(source in ".{0,200}") {
        let _ = Expression::parse(&source);
        let _ = Template::parse(&source);
        let _ = Template::parse(&format!("{{{{{source}}}}}"));
    }

    #[test]
    fn any_tokens_are_an_expression_or_an_error(
        tokens in prop::collection::vec(prop::sample::select(vec![
            "(", ")", "a", "1", "'x'", "and", "or", "not", "==", "<", "+", "-", "*", "/", ",", "len", "contains(",
            "hour()", "null", "}}", "|", "\"", "contact.name", "1.5.2",
        ]), 0..60),
    ) {
        if let Ok(expression) = Expression::parse(&tokens.join(" ")) {
            let mut names = Vec::new();
            expression.variables(&mut names);
            prop_assert!(names.iter().all(|name| ["a", "len"].contains(name)));
        }
    }

    #[test]
    fn any_json_is_a_flow_or_has_problems(definition in definition(), path in 0_usize..40, junk in junk()) {
        let mut definition = definition;
        spoil(&mut definition, path, junk);
        if let Err(problems) = Flow::strict(&definition) {
            prop_assert!(!problems.is_empty());
        }
        let _ = Flow::draft(&definition);
    }
}

fn junk() -> impl Strategy<Value = Json> {
    prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        ".{0,20}".prop_map(Json::from),
        Just(json!([])),
        Just(json!({})),
        Just(json!([{ "id": "n0" }])),
    ]
}

/// Replaces the value that comes `at` values into a walk through the definition.
fn spoil(json: &mut Json, mut at: usize, junk: Json) {
    let mut open = vec![json];
    while let Some(value) = open.pop() {
        if at == 0 {
            *value = junk;
            return;
        }
        at -= 1;
        match value {
            Json::Array(items) => open.extend(items.iter_mut()),
            Json::Object(fields) => open.extend(fields.values_mut()),
            _ => {}
        }
    }
}

#[test]
fn a_session_stays_small_over_a_hundred_turns_of_long_answers() {
    let mut nodes = vec![json!({ "id": "start", "type": "start" })];
    let mut edges = vec![json!({ "id": "e", "source": "start", "target": "q0" })];
    let mut variables = Vec::new();
    for index in 0..100 {
        let data = json!({ "text": "?", "variable": format!("v{index}") });
        nodes.push(json!({ "id": format!("q{index}"), "type": "question", "data": data }));
        for port in ["next", "error"] {
            let (source, target) = (format!("q{index}"), format!("q{}", (index + 1) % 100));
            let id = format!("e{index}.{port}");
            edges.push(json!({ "id": id, "source": source, "target": target, "port": port }));
        }
        variables.push(json!({ "name": format!("v{index}") }));
    }
    let definition = json!({ "schema": 1, "nodes": nodes, "edges": edges, "variables": variables });
    let bot = Bot::new(version(), &definition, Settings::default()).unwrap();
    let inputs: Vec<Input> = (0..101).map(|turn| Input::text("\"\u{2}é".repeat(turn * 50))).collect();
    let sprints = play(&bot, &inputs);
    let last = sprints.last().unwrap();
    assert_eq!(last.session.sprints(), 101);
    assert!(serde_json::to_vec(&last.session).unwrap().len() > SESSION_MAX / 2);
}

/// Loops of every shape, none of which could be published.
fn loops() -> Vec<(&'static str, Json)> {
    let flow = |nodes: Vec<Json>, edges: Vec<(&str, &str, &str)>| {
        let mut written = vec![json!({ "id": "start", "type": "start" })];
        written.extend(nodes);
        let mut joined = vec![json!({ "id": "first", "source": "start", "target": "a" })];
        joined.extend(edges.into_iter().enumerate().map(|(index, (source, port, target))| {
            json!({ "id": format!("e{index}"), "source": source, "port": port, "target": target })
        }));
        json!({
            "schema": 1, "nodes": written, "edges": joined,
            "variables": [{ "name": "v" }, { "name": "w" }],
        })
    };
    let long = "{{v}}".repeat(60);
    let deep = format!("{}v{}", "lower(upper(".repeat(12), "))".repeat(12));
    let wide = vec![format!("contains({deep}, 'x')"); 7].join(" or ");
    let set = |id: &str, name: &str, value: &str| json!({ "id": id, "type": "set_variable", "data": { "name": name, "value": value } });
    let fill = set("a", "v", &"É".repeat(2_000));
    vec![
        (
            "a node that leads to itself",
            flow(vec![json!({ "id": "a", "type": "goto", "data": { "node": "a" } })], vec![]),
        ),
        (
            "messages",
            flow(
                vec![json!({ "id": "a", "type": "message", "data": { "text": "x" } })],
                vec![("a", "next", "a")],
            ),
        ),
        (
            "long messages",
            flow(
                vec![fill.clone(), json!({ "id": "b", "type": "message", "data": { "text": long } })],
                vec![("a", "next", "b"), ("b", "next", "b")],
            ),
        ),
        ("a text that doubles", flow(vec![set("a", "v", "{{v}}{{v}}ab")], vec![("a", "next", "a")])),
        (
            "two texts that feed each other, behind error ports",
            flow(
                vec![set("a", "v", "{{w}}{{w}}ab"), set("b", "w", "{{v}}{{v}}ab")],
                vec![("a", "next", "b"), ("b", "next", "a"), ("a", "error", "b"), ("b", "error", "a")],
            ),
        ),
        (
            "expensive conditions",
            flow(
                vec![fill, json!({ "id": "b", "type": "condition", "data": { "expression": wide } })],
                vec![("a", "next", "b"), ("b", "default", "b")],
            ),
        ),
    ]
}

#[test]
fn a_loop_of_any_shape_stops_with_an_event() {
    for (shape, definition) in loops() {
        assert!(Flow::strict(&definition).is_err(), "{shape}");
        let bot = Bot::draft(version(), &definition, Settings::default()).unwrap();
        let sprint = step(&bot, Session::default(), Input::text("go"), DateTime::<Utc>::UNIX_EPOCH);
        check_bounds(&sprint, Limits::default());
        let stopped = sprint.events.iter().any(|event| matches!(event, Event::LimitReached { .. }));
        assert!(stopped && sprint.session.has_ended(), "{shape}: {:?}", sprint.events.last());
    }
}
