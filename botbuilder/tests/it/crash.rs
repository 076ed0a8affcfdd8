//! The program is killed in the middle of its work and started again.

use std::sync::Arc;

use botbuilder_testkit::platform::eventually;
use tokio::task::JoinSet;

use crate::program::Program;

const PEOPLE: usize = 10;
const MESSAGES: usize = 10;

fn person(number: usize) -> String {
    format!("4915{number:08}")
}

#[tokio::test(flavor = "multi_thread")]
async fn program_killed_twice_in_the_middle_of_100_messages_answers_each_once_and_in_order() {
    let program = Arc::new(Program::new(&super::echo_flow()).await);
    let mut running = program.start("all", &[]).await;
    let mut people = JoinSet::new();
    for number in 0..PEOPLE {
        let program = Arc::clone(&program);
        people.spawn(async move {
            for message in 0..MESSAGES {
                // The fake tries again until the message is taken, as the provider does.
                let text = format!("number {message}");
                let said = program.organization.whatsapp.say(&person(number), &text).await;
                said.expect("taken in the end");
            }
        });
    }
    for accepted in [20, 60] {
        eventually(&format!("{accepted} replies have arrived"), async || {
            (program.organization.whatsapp.counters().accepted >= accepted).then_some(())
        })
        .await;
        running.kill().await;
        running = program.start("all", &[]).await;
    }
    people.join_all().await;
    eventually("every message came in", async || {
        let query = "SELECT count(*) AS n FROM channel_messages WHERE direction = 'inbound'";
        (program.count(query).await == 100).then_some(())
    })
    .await;
    program.settled().await;
    // Reports settle what was under way when the program was killed; the provider repeats them until they are taken.
    eventually("everything that arrived was read", async || {
        let read = program.count("SELECT count(*) AS n FROM channel_messages WHERE status = 'read'").await;
        (u64::try_from(read) == Ok(program.organization.whatsapp.counters().accepted)).then_some(())
    })
    .await;

    let written = program
        .rows(
            "SELECT m.id, m.uncertain_at, m.status, m.text, c.external_id AS person FROM channel_messages m \
             JOIN channel_contacts c ON c.id = m.contact_id WHERE m.direction = 'outbound' ORDER BY m.id",
        )
        .await;
    assert_eq!(written.len(), PEOPLE * MESSAGES, "each message has one reply");
    let mut lost = 0;
    for number in 0..PEOPLE {
        let arrived = program.organization.whatsapp.conversation(&person(number));
        let mut arrived = arrived.iter();
        let mine = written.iter().filter(|message| message["person"] == person(number).as_str());
        for (place, message) in mine.enumerate() {
            let text = message["text"].as_str().expect("a text");
            assert!(text.starts_with(&format!("You said: number {place} (")), "{text}");
            // Between the start of an attempt and its outcome nobody knows: such a message is never sent again, so it
            // may be missing, and then it says so.
            if message["uncertain_at"].is_string() && message["status"] == "queued" {
                lost += 1;
                continue;
            }
            let reply = arrived.next().unwrap_or_else(|| panic!("{text:?} is missing"));
            assert_eq!((reply.tag.as_deref(), reply.text.as_deref()), (message["id"].as_str(), Some(text)));
        }
        assert_eq!(arrived.next(), None, "nothing was sent twice");
    }
    // One message of each conversation can be under way when the program is killed.
    assert!(lost <= 2 * PEOPLE, "{lost} messages are uncertain");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn question_times_out_although_the_program_was_killed_while_it_waited() {
    let program = Program::new(&super::impatient_flow(2)).await;
    let running = program.start("all", &[]).await;
    let whatsapp = &program.organization.whatsapp;
    whatsapp.say("491511", "hello").await.expect("taken");
    program.organization.whatsapp_replies("491511", 1).await;
    program.settled().await;
    running.kill().await;
    let running = program.start("all", &[]).await;
    let replies = program.organization.whatsapp_replies("491511", 2).await;
    assert_eq!(replies[1].text.as_deref(), Some("You did not answer."));
    program.settled().await;
    assert_eq!(whatsapp.conversation("491511").len(), 2);
    running.stop().await;
}
