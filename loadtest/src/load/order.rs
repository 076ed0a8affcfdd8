//! `order`: very many people write numbered messages while a second process joins and takes over half of the partitions.
//! Everybody has to be answered in order, and soon after the last message.

use std::{
    collections::HashMap,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use botbuilder_testkit::fake::whatsapp;
use serde::Serialize;
use sqlx::Executor as _;

use crate::{
    http,
    input::{Channel, Secrets},
    load::{
        latency::{Latencies, Summary},
        pace::{Pace, send_all},
        recorder::{Recorder, Taken},
    },
    platform::{Parts, Platform},
    program,
    report::table,
};

/// The variable that names the program which runs brokers; `cargo xtask load` sets it.
pub const KAFKA: &str = "BOTBUILDER_TEST_KAFKA";
/// Connections that messages come over; each contact keeps to one.
const CONNECTIONS: usize = 20;
/// How long replies may take until the run is given up.
const REST: Duration = Duration::from_mins(1);

/// What to do.
#[derive(Debug, Clone)]
pub struct Plan<'a> {
    /// The database server's superuser.
    pub server: &'a str,
    /// The program, with Kafka in it.
    pub binary: &'a Path,
    /// People who write; a multiple of twenty.
    pub contacts: usize,
    /// Messages of each of them.
    pub messages: usize,
    /// Messages a second of all of them.
    pub rate: f64,
}

/// What was measured.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// What it was measured with.
    pub with: Vec<String>,
    /// People who wrote.
    pub contacts: usize,
    /// Messages of each of them.
    pub messages: usize,
    /// Messages a second.
    pub rate: f64,
    /// How long the second process took until it was ready.
    pub joined: Duration,
    /// Replies at the provider, from when the message was due.
    pub replies: Summary,
    /// From the last message's answer up to the last reply.
    pub after_the_last: Duration,
}

/// Measures. An error if anything is lost, doubled or out of order.
pub async fn run(plan: &Plan<'_>) -> Result<Report> {
    ensure!(
        plan.contacts > 0 && plan.contacts.is_multiple_of(CONNECTIONS),
        "contacts must be a multiple of {CONNECTIONS}"
    );
    let broker = Broker::start()?;
    let provider = Recorder::start(Duration::ZERO).await?;
    let mut platform = Platform::assemble(Parts {
        purpose: "order",
        server: plan.server,
        binary: plan.binary,
        directory: program::run_directory("order")?,
        whatsapp_url: provider.url(),
        telegram_url: provider.url(),
        log: "warn",
    })
    .await?;
    platform.program = platform.program.over_kafka(&broker.address)?;
    let second = platform.program.beside("second")?;
    let mut first = platform.program.start(&[], &[])?;
    first.ready().await?;
    platform.database.pool().execute("ANALYZE").await?;

    let count = plan.contacts * plan.messages;
    let pace = Pace::starting(plan.rate, Duration::from_secs_f64(seconds(count, plan.rate)));
    ensure!(pace.count() == count, "{} messages are paced, not {count}", pace.count());
    let requests = messages(&platform, plan.contacts);
    let writing = send_all(platform.program.public, CONNECTIONS, pace, requests);
    let joining = async {
        pace.wait(count / 2).await;
        let mut second = second.start(&["gateway", "runtime"], &[])?;
        let joined = second.ready().await?;
        Ok::<_, anyhow::Error>((second, joined))
    };
    let (last, (second, joined)) = tokio::try_join!(writing, joining)?;
    provider.wait_for(count, REST).await?;
    let after_the_last = last.elapsed();

    second.stop().await?;
    first.stop().await?;
    // What came again came before the processes ended.
    let replies = check(plan, pace, &provider.take())?.summary();
    let with = vec![platform.database.server().await?, "Kafka, one broker".to_owned()];
    platform.remove().await?;
    Ok(Report {
        with,
        contacts: plan.contacts,
        messages: plan.messages,
        rate: plan.rate,
        joined,
        replies,
        after_the_last,
    })
}

/// How long so many messages take at a rate, and a little more, so that none is rounded away.
#[expect(clippy::cast_precision_loss, reason = "a number of messages that a run can send")]
fn seconds(count: usize, rate: f64) -> f64 {
    (count as f64 + 0.5) / rate
}

fn person(contact: usize) -> String {
    format!("1555{contact:07}")
}

/// What people write, in turns, by its number.
fn messages(platform: &Platform, contacts: usize) -> impl Fn(usize) -> Vec<u8> + use<> {
    let Secrets { app_secret, phone_number_id, .. } = platform.secrets.clone();
    let path = platform.path(Channel::Whatsapp);
    move |index| {
        let (contact, number) = (index % contacts, index / contacts);
        let (id, text) = (format!("wamid.order.{contact:06}.{number:06}"), format!("number {number}"));
        let (body, signature) =
            whatsapp::message_webhook(&app_secret, &phone_number_id, &person(contact), &id, &text);
        http::post(&path, whatsapp::SIGNATURE_HEADER, &signature, &body)
    }
}

/// Every person's replies, one for each message and in their order; the answer is how long each took.
fn check(plan: &Plan<'_>, pace: Pace, taken: &[Taken]) -> Result<Latencies> {
    let mut people: HashMap<&str, Vec<&Taken>> = HashMap::new();
    for reply in taken {
        people.entry(&reply.to).or_default().push(reply);
    }
    let mut latencies = Latencies::new();
    for contact in 0..plan.contacts {
        let person = person(contact);
        let replies = people.get(person.as_str()).map_or(&[][..], Vec::as_slice);
        ensure!(replies.len() == plan.messages, "{person} has {} replies", replies.len());
        for (number, reply) in replies.iter().enumerate() {
            let (said, counted) =
                (format!("You said: number {number} ("), format!("message {})", number + 1));
            ensure!(
                reply.text.starts_with(&said) && reply.text.ends_with(&counted),
                "reply {number} to {person} is {:?}",
                reply.text
            );
            latencies.add(reply.came.saturating_duration_since(pace.due(number * plan.contacts + contact)));
        }
    }
    Ok(latencies)
}

/// One broker. It ends with its standard input, and so with this.
struct Broker {
    child: Child,
    address: String,
}

impl Broker {
    fn start() -> Result<Self> {
        let program = std::env::var_os(KAFKA)
            .with_context(|| format!("{KAFKA} does not name a program that runs brokers"))?;
        let mut child = Command::new(program)
            .args(["kafka", "--brokers", "1"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("the program that runs brokers")?;
        let mut line = String::new();
        let output = child.stdout.take().context("its output")?;
        BufReader::new(output).read_line(&mut line)?;
        let address = line.trim().strip_prefix("ready ").context("the broker did not start")?.to_owned();
        Ok(Self { child, address })
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.child.stdin.take();
        // What matters is that it is gone; how it ended is its own matter.
        let _ = self.child.wait();
    }
}

impl Report {
    /// For the terminal.
    pub fn text(&self) -> String {
        let mut lines = vec![["what", "p50 ms", "p99 ms", "max ms"].map(str::to_owned).to_vec()];
        let mut line = vec!["message in, reply at the provider".to_owned()];
        line.extend(self.replies.cells());
        lines.push(line);
        format!(
            "{}\n{} contacts wrote {} messages each, {:.0} a second; a second process joined in the middle (ready after {:.1} s)\n\
             all answered once and in order, the last {:.2} s after the last message\n{}",
            self.with.join("; "),
            self.contacts,
            self.messages,
            self.rate,
            self.joined.as_secs_f64(),
            self.after_the_last.as_secs_f64(),
            table(&lines),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lost_doubled_or_out_of_order_is_seen() {
        let plan = Plan { server: "", binary: Path::new(""), contacts: 1, messages: 2, rate: 1.0 };
        let pace = Pace::starting(1.0, Duration::from_secs(2));
        let reply = |number: usize| Taken {
            to: person(0),
            text: format!("You said: number {number} (8 characters, message {})", number + 1),
            came: std::time::Instant::now() + Duration::from_secs(5),
        };
        assert!(check(&plan, pace, &[reply(0), reply(1)]).is_ok());
        assert!(check(&plan, pace, &[reply(0)]).is_err());
        assert!(check(&plan, pace, &[reply(1), reply(0)]).is_err());
        assert!(check(&plan, pace, &[reply(0), reply(1), reply(1)]).is_err());
    }
}
