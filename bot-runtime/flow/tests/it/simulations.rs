//! Drafts that are tried out: acts, answers that are given, time that goes by, tests of authors.

use botbuilder_domain::VersionId;
use botbuilder_flow::{
    Bot, Context, DEMO_FLOW, Settings, Value,
    simulate::{
        Act, Error, Given, Simulation,
        cases::{Case, Suite, record, run},
    },
};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use uuid::Uuid;

const NOW: DateTime<Utc> = DateTime::<Utc>::UNIX_EPOCH;

fn bot(definition: &serde_json::Value) -> Bot {
    Bot::draft(VersionId::new(Uuid::nil()), definition, Settings::default()).unwrap()
}

/// Asks a service, says what it says, waits for a payment, and reminds.
fn asking() -> Bot {
    bot(&json!({
        "schema": 1,
        "nodes": [
            { "id": "start", "type": "start" },
            { "id": "menu", "type": "menu", "data": { "text": "What?", "options": [{ "id": "o", "title": "Order" }, { "id": "x", "title": "Else" }] } },
            { "id": "call", "type": "api_call", "data": { "url": "https://api.example.org/", "save": { "state": "response.body.state" } } },
            { "id": "said", "type": "message", "data": { "text": "It is {{ state }}." } },
            { "id": "paid", "type": "wait_for_event", "data": { "event": "order.paid", "variable": "payment", "timeout_seconds": 3600 } },
            { "id": "thanks", "type": "message", "data": { "text": "Thank you." } },
            { "id": "late", "type": "message", "data": { "text": "Nobody paid." } },
        ],
        "edges": [
            { "source": "start", "target": "menu" },
            { "source": "menu", "port": "o", "target": "call" },
            { "source": "menu", "port": "default", "target": "late" },
            { "source": "call", "target": "said" },
            { "source": "call", "port": "error", "target": "late" },
            { "source": "said", "target": "paid" },
            { "source": "paid", "target": "thanks" },
            { "source": "paid", "port": "timeout", "target": "late" },
        ],
        "variables": [{ "name": "state" }, { "name": "payment", "type": "object" }],
    }))
}

fn given(state: &str) -> Given {
    let answer = json!({ "answer": "http", "status": 200, "headers": {}, "body": { "state": state } });
    serde_json::from_value(json!({ "node": "call", "answer": answer })).unwrap()
}

#[test]
fn a_draft_is_played_with_the_answers_that_were_given() {
    let mut play = Simulation::new(asking(), Context::default(), vec![given("sent"), given("there")], NOW);
    assert_eq!(play.act(&Act::Tap("Order".to_owned())), Err(Error::NotOffered("Order".to_owned())));
    play.act(&Act::Say("hi".to_owned())).unwrap();
    let said = play.act(&Act::Tap("Order".to_owned())).unwrap();
    assert_eq!(said.said[0].plain_text(), Some("It is sent."));
    assert_eq!(said.path, ["call", "said", "paid"]);
    assert!(said.asked[0].answered && said.asked[0].node == "call");
    let data = Value::object([("sum", Value::Number(3.0))]);
    let paid = play.act(&Act::Event { name: "order.paid".to_owned(), data: data.clone() }).unwrap();
    assert_eq!(paid.said[0].plain_text(), Some("Thank you."));
    assert_eq!(paid.variables.field("payment"), data);
    assert!(paid.ended);
    // The second answer, and time.
    play.act(&Act::Say("hi".to_owned())).unwrap();
    assert_eq!(play.act(&Act::Tap("o".to_owned())).unwrap().said[0].plain_text(), Some("It is there."));
    assert_eq!(play.act(&Act::Wait("59m".to_owned())).unwrap().said, []);
    let late = play.act(&Act::Wait("2h".to_owned())).unwrap();
    assert_eq!((late.said[0].plain_text(), late.at), (Some("Nobody paid."), NOW + TimeDelta::minutes(179)));
    assert_eq!(play.act(&Act::Wait("soon".to_owned())), Err(Error::NoTime("soon".to_owned())));
}

#[test]
fn a_question_without_an_answer_is_named() {
    let mut play = Simulation::new(asking(), Context::default(), Vec::new(), NOW);
    play.act(&Act::Say("hi".to_owned())).unwrap();
    let said = play.act(&Act::Tap("o".to_owned())).unwrap();
    assert_eq!(said.said[0].plain_text(), Some("Nobody paid."));
    assert!(!said.asked[0].answered);
}

#[test]
fn cases_tell_what_is_not_as_expected() {
    let case = |steps: serde_json::Value| -> Case {
        serde_json::from_value(json!({ "name": "c", "answers": [given("sent")], "steps": steps })).unwrap()
    };
    let good = case(json!([
        { "say": "hi", "expect": [{ "contains": "What" }, { "buttons": ["Order", "Else"] }] },
        { "tap": "Order", "expect": [{ "text": "It is sent." }, { "variable": { "state": "sent" } }, { "path": ["call", "paid"] }] },
        { "wait": "1m", "expect": ["none"] },
        { "event": { "name": "order.paid" }, "expect": [{ "text": "Thank you." }] },
    ]));
    assert_eq!(run(&asking(), &Context::default(), &good, NOW).failures, []);
    let bad = case(json!([
        { "say": "hi", "expect": [{ "text": "No" }, { "buttons": ["Else"] }, "none"] },
        { "tap": "Order", "expect": [{ "variable": { "state": "lost" } }, { "path": ["paid", "call"] }] },
        { "tap": "Nothing" },
        { "say": "never said" },
    ]));
    let failures = run(&asking(), &Context::default(), &bad, NOW).failures;
    let steps: Vec<usize> = failures.iter().map(|(step, _)| *step).collect();
    assert_eq!(steps, [1, 1, 1, 2, 2, 3]);
    assert!(failures[3].1.contains("`state` holds"), "{failures:?}");
}

#[test]
fn a_conversation_becomes_a_test_that_passes() {
    let demo = bot(&serde_json::from_str(DEMO_FLOW).unwrap());
    let mut play = Simulation::new(demo.clone(), Context::default(), Vec::new(), NOW);
    let acts = ["hi", "1", "1002"].map(|text| Act::Say(text.to_owned()));
    let played = acts.into_iter().map(|act| (act.clone(), play.act(&act).unwrap())).collect();
    let case = record("order 1002", NOW, Vec::new(), played);
    let suite = Suite {
        flow: "demo.json".to_owned(),
        flows: [].into(),
        settings: None,
        contact: None,
        now: None,
        cases: vec![case],
    };
    let text = serde_json::to_string(&suite).unwrap();
    let read: Suite = serde_json::from_str(&text).unwrap();
    assert_eq!(read, suite);
    assert!(run(&demo, &Context::default(), &read.cases[0], NOW).passed());
}

#[test]
fn a_hundred_turns_leave_a_small_session_and_a_circle_is_stopped_at_once() {
    let demo = bot(&serde_json::from_str(DEMO_FLOW).unwrap());
    let mut play = Simulation::new(demo, Context::default(), Vec::new(), NOW);
    let texts = ["hi", "1", "1002", "nonsense \u{1F600}"];
    let mut largest = 0;
    for turn in 0..100 {
        play.act(&Act::Say(texts[turn % texts.len()].repeat(1 + turn % 7))).unwrap();
        largest = largest.max(serde_json::to_vec(play.session()).unwrap().len());
    }
    // What the menu does not offer is also asked outside.
    assert!(play.session().sprints() >= 100);
    assert!(largest <= 16 * 1_024, "{largest}");
}
