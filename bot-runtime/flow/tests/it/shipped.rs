//! The flows that come with the program are valid, and do what they say.

use botbuilder_domain::{Content, VersionId};
use botbuilder_flow::{Bot, DEMO_FLOW, Effect, Event, Input, Next, Session, Settings, TEN_NODE_FLOW, step};
use chrono::{DateTime, Utc};
use uuid::Uuid;

fn bot(definition: &str) -> Bot {
    let definition = serde_json::from_str(definition).unwrap();
    Bot::new(VersionId::new(Uuid::nil()), &definition, Settings::default())
        .unwrap_or_else(|problems| panic!("{problems:#?}"))
}

#[test]
fn the_demo_is_valid_and_greets() {
    let bot = bot(DEMO_FLOW);
    assert!(bot.flow.len() >= 10);
    let sprint = step(&bot, Session::default(), Input::text("hi"), DateTime::<Utc>::UNIX_EPOCH);
    let [Effect::Reply(hello), Effect::Reply(menu)] = sprint.effects.as_slice() else {
        panic!("not two replies: {:?}", sprint.effects)
    };
    assert_eq!([hello.kind(), menu.kind()], ["text", "interactive"]);
    assert!(matches!(sprint.next, Next::Wait { until: Some(_) }));
}

#[test]
fn the_ten_node_flow_runs_ten_nodes_and_echoes_once_every_turn() {
    let bot = bot(TEN_NODE_FLOW);
    let mut session = Session::default();
    for turn in 1..=5 {
        let text = format!("message number {turn}");
        let sprint = step(&bot, session, Input::text(&text), DateTime::<Utc>::UNIX_EPOCH);
        let [Effect::Reply(Content::Text { text: reply })] = sprint.effects.as_slice() else {
            panic!("not one reply: {:?}", sprint.effects)
        };
        assert_eq!(*reply, format!("You said: {text} (16 characters, message {turn})"));
        let entered = sprint.events.iter().filter(|event| matches!(event, Event::NodeEntered { .. })).count();
        // From the second turn on the first of the ten is the question that takes the answer.
        assert_eq!(entered, if turn == 1 { 10 } else { 9 });
        assert_eq!(sprint.next, Next::Wait { until: None });
        session = sprint.session;
    }
}
