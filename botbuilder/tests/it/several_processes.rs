//! Several processes with different roles, over Kafka and one database.
//!
//! `BOTBUILDER_TEST_KAFKA` names the program that runs brokers (`cargo xtask test` sets it).

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    sync::Arc,
};

use botbuilder_testkit::platform::eventually;
use tokio::task::JoinSet;

use crate::program::Program;

const VARIABLE: &str = "BOTBUILDER_TEST_KAFKA";

/// One broker. It ends with its standard input, and so with this.
struct Broker {
    child: Child,
    address: String,
}

impl Broker {
    /// Starts one; none, and a line that says so, where there is no program for it.
    #[expect(clippy::print_stdout, reason = "whoever runs the tests is told that one did not run")]
    fn start() -> Option<Self> {
        let Some(program) = std::env::var_os(VARIABLE).filter(|program| !program.is_empty()) else {
            let reason = format!("the test of several processes did not run: {VARIABLE} is not set");
            assert!(std::env::var("CI").as_deref() != Ok("true"), "{reason}");
            println!("{reason}");
            return None;
        };
        let mut child = Command::new(program)
            .args(["kafka", "--brokers", "1"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program that runs brokers");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("a line");
        let address = line.trim().strip_prefix("ready ").expect("an address").to_owned();
        Some(Self { child, address })
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.child.stdin.take();
        // What matters is that it is gone; how it ended is its own matter.
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_with_different_roles_serve_one_conversation_while_one_of_them_is_killed() {
    let Some(broker) = Broker::start() else { return };
    let stream =
        format!("backend = \"kafka\"\npartitions = 4\n[stream.kafka]\nbrokers = [{:?}]\n", broker.address);
    let program = Program::with_stream(&super::echo_flow(), &stream).await;
    let gateway = program.start("gateway", &["gateway"]).await;
    let jobs = program.start("jobs", &["jobs"]).await;
    let first = program.start("first", &["runtime"]).await;
    let organization = &program.organization;
    for number in 0..5 {
        organization.whatsapp.say("491511", &format!("number {number}")).await.expect("taken");
    }
    organization.whatsapp_replies("491511", 5).await;

    let second = program.start("second", &["runtime"]).await;
    first.kill().await;
    for number in 5..10 {
        organization.whatsapp.say("491511", &format!("number {number}")).await.expect("taken");
    }
    let replies = eventually("the other process answers", async || {
        Some(organization.whatsapp.conversation("491511")).filter(|replies| replies.len() >= 10)
    })
    .await;
    for (place, reply) in replies.iter().enumerate() {
        let (said, counted) = (format!("You said: number {place} ("), format!("message {})", place + 1));
        let text = reply.text.as_deref().unwrap_or_default();
        assert!(text.starts_with(&said) && text.ends_with(&counted), "{replies:?}");
    }
    program.settled().await;
    assert_eq!(organization.whatsapp.conversation("491511").len(), 10);
    for process in [second, jobs, gateway] {
        process.stop().await;
    }
}

/// Many conversations at once, while partitions move from one process to another: both the bot's turns and the sending.
#[tokio::test(flavor = "multi_thread")]
async fn every_conversation_keeps_its_order_while_partitions_move_to_a_second_process() {
    const CONTACTS: usize = 200;
    const MESSAGES: usize = 20;
    /// After so many messages of each contact the second process comes.
    const HALF: usize = MESSAGES / 2;
    let Some(broker) = Broker::start() else { return };
    let stream =
        format!("backend = \"kafka\"\npartitions = 8\n[stream.kafka]\nbrokers = [{:?}]\n", broker.address);
    let program = Arc::new(Program::with_stream(&super::echo_flow(), &stream).await);
    let first = program.start("first", &["gateway", "runtime", "jobs"]).await;
    write(&program, CONTACTS, 0..HALF).await;
    let writing = tokio::spawn({
        let program = Arc::clone(&program);
        async move { write(&program, CONTACTS, HALF..MESSAGES).await }
    });
    let second = program.start_beside("second", &["gateway", "runtime"]).await;
    writing.await.expect("everything is written");

    let whatsapp = &program.organization.whatsapp;
    for contact in 0..CONTACTS {
        let to = person(contact);
        let replies = eventually(&format!("{MESSAGES} replies to {to}"), async || {
            Some(whatsapp.conversation(&to)).filter(|replies| replies.len() >= MESSAGES)
        })
        .await;
        for (place, reply) in replies.iter().enumerate() {
            let (said, counted) = (format!("You said: number {place} ("), format!("message {})", place + 1));
            let text = reply.text.as_deref().unwrap_or_default();
            assert!(text.starts_with(&said) && text.ends_with(&counted), "{to}: {replies:?}");
        }
    }
    program.settled().await;
    assert_eq!(whatsapp.counters().accepted, (CONTACTS * MESSAGES) as u64, "nothing came twice");
    for process in [second, first] {
        process.stop().await;
    }
}

/// Each contact writes these messages, one after the other; all contacts at once.
async fn write(program: &Arc<Program>, contacts: usize, messages: std::ops::Range<usize>) {
    let mut people = JoinSet::new();
    for contact in 0..contacts {
        let (program, messages) = (Arc::clone(program), messages.clone());
        people.spawn(async move {
            for number in messages {
                let text = format!("number {number}");
                program.organization.whatsapp.say(&person(contact), &text).await.expect("taken");
            }
        });
    }
    people.join_all().await;
}

fn person(number: usize) -> String {
    format!("49151{number:06}")
}
