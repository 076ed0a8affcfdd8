//! A conversation and the version it runs.

use botbuilder_domain::VersionId;
use botbuilder_flow::{Bot, DEMO_FLOW, Event, Input, Reason, Session, Settings, TEN_NODE_FLOW, step};
use chrono::{DateTime, Utc};
use uuid::Uuid;

const NOW: DateTime<Utc> = DateTime::<Utc>::UNIX_EPOCH;

fn bot(version: u128, definition: &str) -> Bot {
    let definition = serde_json::from_str(definition).unwrap();
    Bot::new(VersionId::new(Uuid::from_u128(version)), &definition, Settings::default()).unwrap()
}

#[test]
fn a_conversation_is_bound_to_its_version_from_its_first_step_to_its_end() {
    let bot = bot(1, DEMO_FLOW);
    let mut session = Session::default();
    assert_eq!(session.version(), None);
    for (text, bound) in [("hi", true), ("2", true), ("2", false), ("hi", true)] {
        session = step(&bot, session, Input::text(text), NOW).session;
        assert_eq!(session.version().is_some(), bound, "after {text}");
    }
    assert_eq!(session.version(), Some(bot.version));
}

#[test]
fn a_node_of_the_same_id_in_another_version_takes_the_answer() {
    let (old, new) = (bot(1, DEMO_FLOW), bot(2, DEMO_FLOW));
    let session = step(&old, Session::default(), Input::text("hi"), NOW).session;
    let session = step(&new, session, Input::text("1"), NOW).session;
    assert_eq!(session.node().map(botbuilder_flow::NodeId::as_str), Some("ask_order"));
    assert_eq!(session.version(), Some(new.version));
}

#[test]
fn a_session_at_a_node_that_is_gone_starts_again_and_says_so() {
    let (old, new) = (bot(1, DEMO_FLOW), bot(2, TEN_NODE_FLOW));
    let session = step(&old, Session::default(), Input::text("hi"), NOW).session;
    let sprint = step(&new, session, Input::text("hi"), NOW);
    let [Event::Error { node, reason: Reason::MissingNode }, Event::Started { version }, ..] =
        sprint.events.as_slice()
    else {
        panic!("{:?}", sprint.events)
    };
    assert_eq!((node.as_str(), *version), ("menu", new.version));
    assert_eq!(sprint.session.version(), Some(new.version));
    assert!(sprint.session.is_waiting());
}
