//! The program is told to stop while it works.

use std::sync::Arc;

use botbuilder_testkit::{fake::Behaviour, platform::eventually};
use tokio::task::JoinSet;

use crate::program::Program;

const PEOPLE: usize = 20;
const MESSAGES: usize = 5;

fn person(number: usize) -> String {
    format!("4915{number:08}")
}

#[tokio::test(flavor = "multi_thread")]
async fn program_told_to_stop_finishes_what_is_in_hand_and_answers_the_rest_after_a_start() {
    let program = Arc::new(Program::new(&super::echo_flow()).await);
    let whatsapp = &program.organization.whatsapp;
    // Slow enough that some requests are under way whenever it is told.
    whatsapp.set_behaviour(Behaviour { delay_ms: 150, ..Behaviour::default() });
    let running = program.start("all", &[]).await;
    let mut people = JoinSet::new();
    for number in 0..PEOPLE {
        let program = Arc::clone(&program);
        people.spawn(async move {
            for message in 0..MESSAGES {
                let text = format!("number {message}");
                let said = program.organization.whatsapp.say(&person(number), &text).await;
                said.expect("taken in the end");
            }
        });
    }
    eventually("some replies have arrived", async || (whatsapp.counters().accepted >= 10).then_some(()))
        .await;
    running.terminate();
    assert_eq!(running.ended().await.code(), Some(0));
    assert_eq!(
        program.count("SELECT count(*) AS n FROM channel_messages WHERE uncertain_at IS NOT NULL").await,
        0
    );
    assert_eq!(
        program
            .count(
                "SELECT count(*) AS n FROM channel_messages \
                 WHERE status = 'queued' AND attempt_started_at IS NOT NULL"
            )
            .await,
        0,
        "what was begun has an outcome"
    );

    let running = program.start("all", &[]).await;
    people.join_all().await;
    for number in 0..PEOPLE {
        let replies = program.organization.whatsapp_replies(&person(number), MESSAGES).await;
        for (place, reply) in replies.iter().enumerate() {
            let wanted = format!("You said: number {place} (");
            assert!(reply.text.as_deref().is_some_and(|text| text.starts_with(&wanted)), "{replies:?}");
        }
        assert_eq!(replies.len(), MESSAGES);
    }
    program.settled().await;
    assert_eq!(
        program.count("SELECT count(*) AS n FROM channel_messages WHERE uncertain_at IS NOT NULL").await,
        0
    );
    running.stop().await;
}
