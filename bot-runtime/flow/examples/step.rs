//! What a step costs: `cargo run --release -p botbuilder-flow --example step`.
//!
//! Prints the median and the 99th percentile of one step, in microseconds: of the ten-node flow, of a step of
//! the demo, and of chains of 10 to 500 nodes run in one turn; what the session's trip through JSON and the
//! reading of a definition cost; how long circles run until a limit stops them; and a thousand recorded conversations,
//! played again.

use std::{sync::Arc, time::Instant};

use botbuilder_domain::VersionId;
use botbuilder_flow::{
    Bot, DEMO_FLOW, Input, Limits, Session, Settings, TEN_NODE_FLOW,
    recording::{Recording, settle},
    replay::{Recorded, replay},
    step,
};
use chrono::{DateTime, Utc};
use serde_json::{Value as Json, json};
use uuid::Uuid;

const STEPS: usize = 20_000;
/// Circles run until a limit stops them, thousands of times as long as a step.
const CIRCLES: usize = 200;

fn main() {
    let now = DateTime::<Utc>::UNIX_EPOCH;
    let text = "What is the status of my order?";

    let ten: Json = serde_json::from_str(TEN_NODE_FLOW).unwrap_or_default();
    let demo: Json = serde_json::from_str(DEMO_FLOW).unwrap_or_default();
    let Some(bot) = load(&ten) else { return };
    report("ten nodes", &measure(&bot, &text_inputs(text), now));
    let stored = serde_json::to_string(&step(&bot, Session::default(), Input::text(text), now).session);
    let stored = stored.unwrap_or_default();
    report(
        "  session from JSON and back",
        &timed(|| {
            let session: Option<Session> = serde_json::from_str(&stored).ok();
            std::hint::black_box(serde_json::to_string(&session).ok());
        }),
    );
    report("  definition read and checked", &timed(|| drop(std::hint::black_box(load(&ten)))));

    let Some(bot) = load(&demo) else { return };
    let conversation = ["1", "1002", "1", "2", "1"].map(Input::text);
    report("demo", &measure(&bot, &conversation, now));
    report("  definition read and checked", &timed(|| drop(std::hint::black_box(load(&demo)))));

    for length in [10, 50, 100, 250, 500] {
        let definition = chain(length);
        let Some(bot) = load(&definition) else { return };
        let bot = bot.with_limits(Limits { steps: 1_000, ..Limits::default() });
        report(&format!("chain of {length}"), &measure(&bot, &text_inputs(text), now));
    }

    for (shape, definition) in circles() {
        let bot = Bot::draft(VersionId::new(Uuid::nil()), &definition, Settings::default());
        let Ok(bot) = bot.inspect_err(|problems| eprintln!("{problems:#?}")) else { return };
        let times = timed_so_often(CIRCLES, || {
            std::hint::black_box(step(&bot, Session::default(), Input::text("go"), now));
        });
        report(&format!("circle: {shape}"), &times);
    }

    let Some(bot) = load(&demo) else { return };
    let bot = Arc::new(bot);
    let conversations: Vec<Vec<Recorded>> = (0..1_000).map(|number| recorded(&bot, number, now)).collect();
    let begun = Instant::now();
    let again = conversations.iter().map(|steps| replay(steps, |_, _| Some(Arc::clone(&bot))));
    let strayed: usize = again.map(|again| again.strayed.len()).sum();
    println!("1 000 conversations of 8 steps played again in {:?}, {strayed} steps astray", begun.elapsed());
}

/// A conversation with the demo, as it is recorded.
fn recorded(bot: &Bot, number: usize, now: DateTime<Utc>) -> Vec<Recorded> {
    let words = ["hi", "1", "2", "3", "1002", "4711", "Ada", "order", "no", "yes", "x@y.de"];
    let mut session = Session::default();
    let mut steps = Vec::new();
    for turn in 0..8 {
        let (input, json) = settle(Input::text(words[(number * 31 + turn * (number % 7 + 1)) % words.len()]));
        let before = steps.is_empty().then(|| Box::new(session.clone()));
        let recording = Recording::begin(bot, &session, json, None);
        let sprint = step(bot, session, input.clone(), now);
        let digest = recording.end(bot, &sprint).digest;
        session = sprint.session;
        steps.push(Recorded { now, input, before, digest });
    }
    steps
}

/// Circles without a wait, which only a draft can have.
fn circles() -> Vec<(&'static str, Json)> {
    let circle = |nodes: Vec<Json>, edges: Vec<(&str, &str)>| {
        let mut all = vec![json!({ "id": "start", "type": "start" })];
        all.extend(nodes);
        let edges = [("start", "a")].into_iter().chain(edges).enumerate();
        let edges: Vec<Json> = edges
            .map(|(index, (from, to))| json!({ "id": format!("e{index}"), "source": from, "target": to, "port": "default" }))
            .collect();
        json!({ "schema": 1, "nodes": all, "edges": edges, "variables": [{ "name": "v" }, { "name": "w" }] })
    };
    let set = |id: &str, name: &str, value: &str| json!({ "id": id, "type": "set_variable", "data": { "name": name, "value": value } });
    let deep = format!("{}v{}", "lower(upper(".repeat(12), "))".repeat(12));
    let wide = vec![format!("contains({deep}, 'x')"); 7].join(" or ");
    let fill = set("a", "v", &"É".repeat(2_000));
    vec![
        ("goto", circle(vec![json!({ "id": "a", "type": "goto", "data": { "node": "a" } })], vec![])),
        (
            "long messages",
            circle(
                vec![
                    fill.clone(),
                    json!({ "id": "b", "type": "message", "data": { "text": "{{v}}".repeat(60) } }),
                ],
                vec![("a", "b"), ("b", "b")],
            ),
        ),
        (
            "texts that double",
            circle(
                vec![set("a", "v", "{{w}}{{w}}ab"), set("b", "w", "{{v}}{{v}}ab")],
                vec![("a", "b"), ("b", "a")],
            ),
        ),
        (
            "expensive conditions",
            circle(
                vec![fill, json!({ "id": "b", "type": "condition", "data": { "expression": wide } })],
                vec![("a", "b"), ("b", "b")],
            ),
        ),
    ]
}

fn load(definition: &Json) -> Option<Bot> {
    let bot = Bot::new(VersionId::new(Uuid::nil()), definition, Settings::default());
    bot.inspect_err(|problems| eprintln!("{problems:#?}")).ok()
}

fn text_inputs(text: &str) -> [Input; 1] {
    [Input::text(text)]
}

/// A chain of so many nodes, a fifth of them conditions and the others assignments, that sends one message and
/// waits.
fn chain(length: usize) -> Json {
    let mut nodes = vec![json!({ "id": "start", "type": "start" })];
    let mut edges = Vec::new();
    for index in 1..length {
        let (kind, data) = match (length - index, index % 5) {
            (1, _) => ("question", json!({})),
            (2, _) => ("message", json!({ "text": "You said {{ input.text }}, {{ count }}" })),
            (_, 0) => ("condition", json!({ "expression": "count > 1000 or contains(input.text, 'order')" })),
            _ => ("set_variable", json!({ "name": "count", "value": "{{ count + 1 }}" })),
        };
        let port = if kind == "condition" { "default" } else { "next" };
        nodes.push(json!({ "id": format!("n{index}"), "type": kind, "data": data }));
        let source = if index == 1 { "start".to_owned() } else { format!("n{}", index - 1) };
        let before = nodes[index - 1]["type"] == "condition";
        let from = if before { "default" } else { "next" };
        edges.push(json!({
            "id": format!("e{index}"), "source": source, "port": from, "target": format!("n{index}"),
        }));
        if index + 1 == length {
            edges.push(json!({ "id": "again", "source": format!("n{index}"), "port": port, "target": "n1" }));
        }
    }
    let variables = json!([{ "name": "count", "type": "number", "default": 0 }]);
    json!({ "schema": 1, "nodes": nodes, "edges": edges, "variables": variables })
}

/// The times of steps of one conversation, in nanoseconds, sorted. The first step greets.
fn measure(bot: &Bot, inputs: &[Input], now: DateTime<Utc>) -> Vec<u64> {
    let mut session = step(bot, Session::default(), Input::text("hi"), now).session;
    let mut times = Vec::with_capacity(STEPS);
    for input in inputs.iter().cycle().take(STEPS) {
        let (before, input) = (session, input.clone());
        let begun = Instant::now();
        let sprint = std::hint::black_box(step(bot, before, input, now));
        times.push(elapsed(begun));
        session = sprint.session;
    }
    times.sort_unstable();
    times
}

fn timed(work: impl FnMut()) -> Vec<u64> {
    timed_so_often(STEPS / 10, work)
}

fn timed_so_often(count: usize, mut work: impl FnMut()) -> Vec<u64> {
    let mut times: Vec<u64> = (0..count)
        .map(|_| {
            let begun = Instant::now();
            work();
            elapsed(begun)
        })
        .collect();
    times.sort_unstable();
    times
}

fn elapsed(begun: Instant) -> u64 {
    u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "for display")]
fn report(name: &str, sorted: &[u64]) {
    let at = |part: f64| {
        let last = sorted.len().saturating_sub(1);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index")]
        let index = (last as f64 * part) as usize;
        sorted.get(index).map_or(0.0, |nanos| *nanos as f64 / 1_000.0)
    };
    println!("{name:<32} median {:>8.2} µs   p99 {:>8.2} µs", at(0.5), at(0.99));
}
