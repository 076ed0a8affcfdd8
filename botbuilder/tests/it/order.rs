//! Order within a conversation, while many go on at once.

use std::{sync::Arc, time::Duration};

use botbuilder_testkit::{
    fake::{Behaviour, whatsapp::SIGNATURE_HEADER},
    platform::{Options, TestPlatform},
};
use serde_json::{Value, json};
use tokio::{sync::Semaphore, task::JoinSet};

#[tokio::test(flavor = "multi_thread")]
async fn replies_keep_the_order_of_their_messages_in_each_of_200_conversations() {
    const CONTACTS: usize = 200;
    const MESSAGES: usize = 20;
    let platform =
        Arc::new(TestPlatform::with(Options { flow: super::echo_flow(), ..Options::default() }).await);
    let acme = platform.acme();
    // Answers that take unequal time would show replies that overtake each other.
    acme.whatsapp.set_behaviour(Behaviour { seed: 3, jitter_ms: 20, ..Behaviour::default() });
    let at_once = Arc::new(Semaphore::new(64));
    let mut people = JoinSet::new();
    for contact in 0..CONTACTS {
        let (platform, at_once) = (Arc::clone(&platform), Arc::clone(&at_once));
        people.spawn(async move {
            let acme = platform.acme();
            for number in 0..MESSAGES {
                let _turn = at_once.acquire().await.expect("open");
                let id = format!("wamid.{contact}.{number}");
                let (body, signature) = acme.text(&person(contact), &id, &format!("number {number}"));
                let answer =
                    platform.post(&acme.whatsapp_path(), &[(SIGNATURE_HEADER, &signature)], &body).await;
                assert_eq!(answer.status, 200, "message {number}: {answer:?}");
            }
        });
    }
    people.join_all().await;
    for contact in 0..CONTACTS {
        let replies = acme.whatsapp_replies(&person(contact), MESSAGES).await;
        let said: Vec<String> = replies.into_iter().filter_map(|reply| reply.text).collect();
        assert_eq!(said.len(), MESSAGES);
        for (number, text) in said.iter().enumerate() {
            let wanted = format!("You said: number {number} (");
            assert!(text.starts_with(&wanted), "{}: {said:?}", person(contact));
            let counted = format!("message {})", number + 1);
            assert!(text.ends_with(&counted), "turns share one session: {text}");
        }
    }
    tokio::time::timeout(Duration::from_mins(1), platform.settled()).await.expect("everything is done");
    assert_eq!(acme.whatsapp.counters().accepted, (CONTACTS * MESSAGES) as u64);
}

fn person(number: usize) -> String {
    format!("49151{number:06}")
}

/// A flow that says five things.
fn five() -> Value {
    let says = |number: u8| json!({ "id": format!("say{number}"), "type": "message", "data": { "text": format!("part {number}") } });
    let follows = |source: &str, target: &str| json!({ "source": source, "port": "next", "target": target });
    let mut nodes = vec![json!({ "id": "start", "type": "start", "data": {} })];
    nodes.extend((1..=5).map(says));
    let mut edges = vec![follows("start", "say1")];
    edges.extend((1..=4_u8).map(|number| follows(&format!("say{number}"), &format!("say{}", number + 1))));
    json!({ "schema": 1, "nodes": nodes, "edges": edges })
}

#[tokio::test(flavor = "multi_thread")]
async fn reply_of_five_parts_arrives_in_order_on_every_network_though_each_answer_takes_its_time() {
    let platform = TestPlatform::with(Options { flow: five(), ..Options::default() }).await;
    let acme = platform.acme();
    let slow = |seed| Behaviour { seed, jitter_ms: 50, ..Behaviour::default() };
    acme.whatsapp.set_behaviour(slow(1));
    acme.telegram.set_behaviour(slow(2));
    acme.slack.set_behaviour(slow(3));
    acme.instagram.set_behaviour(slow(4));
    acme.whatsapp.say("491511", "hello").await.expect("taken");
    acme.telegram.say(42, "hello").await.expect("taken");
    acme.slack.say("U0ADA", "hello").await.expect("taken");
    acme.instagram.say("7001", "hello").await.expect("taken");
    for replies in [
        acme.whatsapp_replies("491511", 5).await,
        acme.telegram_replies(42, 5).await,
        acme.slack_replies("U0ADA", 5).await,
        acme.instagram_replies("7001", 5).await,
    ] {
        let said: Vec<String> = replies.into_iter().filter_map(|reply| reply.text).collect();
        assert_eq!(said, ["part 1", "part 2", "part 3", "part 4", "part 5"]);
    }
    platform.settled().await;
}
