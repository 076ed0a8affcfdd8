//! `parts`: a reply of five parts to a provider that answers each after 50 ms. A part is handed over when the provider
//! has accepted the one before it, so five take at least four of its answers.

use std::{
    collections::HashMap,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use botbuilder_testkit::fake::whatsapp;
use serde::Serialize;
use serde_json::{Value, json};
use sqlx::Executor as _;

use crate::{
    http::{self, Connection},
    input::{Channel, Secrets},
    load::{
        latency::{Latencies, Summary},
        pace::Pace,
        recorder::{Recorder, Taken},
    },
    platform::{Parts, Platform},
    program,
    report::table,
};

/// Parts of a reply.
const PARTS: usize = 5;
/// Characters of a part of the long text: WhatsApp takes 4 096 in a message.
const LONG: usize = 3_200;
/// Replies before the measurement begins.
const WARM_UP: usize = 20;
/// How long replies may take until the run is given up.
const REST: Duration = Duration::from_secs(30);

/// What to do.
#[derive(Debug, Clone)]
pub struct Plan<'a> {
    /// The database server's superuser.
    pub server: &'a str,
    /// The program.
    pub binary: &'a Path,
    /// Messages a second, each of another person.
    pub rate: f64,
    /// For how long.
    pub time: Duration,
    /// After how long the provider answers.
    pub answers_after: Duration,
}

/// What was measured, of replies that are five messages of a flow and of replies that are one text in five parts.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// What it was measured with.
    pub with: Vec<String>,
    /// Messages a second.
    pub rate: f64,
    /// After how long the provider answers.
    pub answers_after: Duration,
    /// Five messages.
    pub messages: Took,
    /// One text in five parts.
    pub split: Took,
}

/// How long replies took.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Took {
    /// From the first part's coming to the provider up to the last part's.
    pub handed_over: Summary,
    /// From when the message was due up to the last part's coming.
    pub whole: Summary,
}

/// Measures.
pub async fn run(plan: &Plan<'_>) -> Result<Report> {
    let (messages, with) = measure(plan, "parts", &five_messages()).await?;
    let (split, _) = measure(plan, "split", &long_text()).await?;
    Ok(Report { with, rate: plan.rate, answers_after: plan.answers_after, messages, split })
}

async fn measure(plan: &Plan<'_>, purpose: &str, flow: &Value) -> Result<(Took, Vec<String>)> {
    let provider = Recorder::start(plan.answers_after).await?;
    let parts = Parts {
        purpose,
        server: plan.server,
        binary: plan.binary,
        directory: program::run_directory(purpose)?,
        whatsapp_url: provider.url(),
        telegram_url: provider.url(),
        log: "warn",
    };
    let platform = Platform::with_flow(parts, flow.clone()).await?;
    let mut running = platform.program.start(&[], &[])?;
    running.ready().await?;
    let mut connection = Connection::open(platform.program.public).await?;

    for person in 0..WARM_UP {
        connection.send(&message(&platform, person)).await?;
        provider.wait_for((person + 1) * PARTS, REST).await?;
    }
    platform.database.pool().execute("ANALYZE").await?;
    provider.take();
    let pace = Pace::starting(plan.rate, plan.time);
    for index in 0..pace.count() {
        let request = message(&platform, WARM_UP + index);
        pace.wait(index).await;
        let status = connection.send(&request).await?;
        ensure!(status == 200, "a message was answered with {status}");
    }
    provider.wait_for(pace.count() * PARTS, REST).await?;

    let taken = by_person(provider.take());
    let (mut handed_over, mut whole) = (Latencies::new(), Latencies::new());
    for index in 0..pace.count() {
        let person = person(WARM_UP + index);
        let parts = taken.get(&person).map_or(&[][..], Vec::as_slice);
        let (first, last) = in_order(parts, plan.answers_after)?;
        handed_over.add(last.saturating_duration_since(first));
        whole.add(last.saturating_duration_since(pace.due(index)));
    }
    let with = vec![platform.database.server().await?];
    running.stop().await?;
    platform.remove().await?;
    Ok((Took { handed_over: handed_over.summary(), whole: whole.summary() }, with))
}

/// When the first and the last part came. An error if they are not five, came in another order, or a part before the
/// one before it was accepted.
fn in_order(parts: &[Taken], answers_after: Duration) -> Result<(Instant, Instant)> {
    ensure!(parts.len() == PARTS, "a reply came in {} parts", parts.len());
    for (place, part) in parts.iter().enumerate() {
        ensure!(
            part.text.starts_with(&format!("Part {}:", place + 1)),
            "part {} came out of order",
            place + 1
        );
    }
    for pair in parts.windows(2) {
        ensure!(
            pair[1].came.duration_since(pair[0].came) >= answers_after,
            "a part came before the provider had accepted the one before it"
        );
    }
    Ok((parts[0].came, parts[PARTS - 1].came))
}

fn by_person(taken: Vec<Taken>) -> HashMap<String, Vec<Taken>> {
    let mut people: HashMap<String, Vec<Taken>> = HashMap::new();
    for text in taken {
        people.entry(text.to.clone()).or_default().push(text);
    }
    people
}

fn person(number: usize) -> String {
    format!("1555{number:07}")
}

/// What a person writes.
fn message(platform: &Platform, number: usize) -> Vec<u8> {
    let Secrets { app_secret, phone_number_id, .. } = &platform.secrets;
    let id = format!("wamid.parts.{number:08}");
    let (body, signature) =
        whatsapp::message_webhook(app_secret, phone_number_id, &person(number), &id, "hello");
    http::post(&platform.path(Channel::Whatsapp), whatsapp::SIGNATURE_HEADER, &signature, &body)
}

/// A flow that says five things.
fn five_messages() -> Value {
    chain((1..=PARTS).map(|part| format!("Part {part}: said by itself.")).collect())
}

/// A flow that says one thing which is too long for one message.
fn long_text() -> Value {
    let part = |part: usize| {
        let begins = format!("Part {part}:");
        let rest = LONG - begins.len();
        format!("{begins}{}", " word".repeat(rest / 5))
    };
    chain(vec![(1..=PARTS).map(part).collect::<Vec<_>>().join("\n\n")])
}

/// A flow that says these texts, and ends.
fn chain(texts: Vec<String>) -> Value {
    let mut nodes = vec![json!({ "id": "start", "type": "start", "data": {} })];
    let mut edges = Vec::new();
    let mut before = "start".to_owned();
    for (place, text) in texts.into_iter().enumerate() {
        let id = format!("say{place}");
        nodes.push(json!({ "id": id, "type": "message", "data": { "text": text } }));
        edges.push(json!({ "id": format!("e{place}"), "source": before, "target": id, "port": "next" }));
        before = id;
    }
    nodes.push(json!({ "id": "end", "type": "end", "data": {} }));
    edges.push(json!({ "id": "e", "source": before, "target": "end", "port": "next" }));
    json!({ "schema": 1, "nodes": nodes, "edges": edges, "variables": [] })
}

impl Report {
    /// For the terminal.
    pub fn text(&self) -> String {
        let mut lines = vec![["reply", "p50 ms", "p99 ms", "max ms"].map(str::to_owned).to_vec()];
        for (what, summary) in [
            ("five messages, first to last part", &self.messages.handed_over),
            ("  from the message in", &self.messages.whole),
            ("one text in five parts, first to last part", &self.split.handed_over),
            ("  from the message in", &self.split.whole),
        ] {
            let mut line = vec![what.to_owned()];
            line.extend(summary.cells());
            lines.push(line);
        }
        format!(
            "{}\n{:.0} replies a second, the provider answers after {} ms; every part came after the one before it was \
             accepted\n{}",
            self.with.join("; "),
            self.rate,
            self.answers_after.as_millis(),
            table(&lines),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn came(texts: &[(&str, u64)]) -> Vec<Taken> {
        let began = Instant::now();
        texts
            .iter()
            .map(|(text, millis)| Taken {
                to: "1".to_owned(),
                text: (*text).to_owned(),
                came: began + Duration::from_millis(*millis),
            })
            .collect()
    }

    #[test]
    fn parts_that_overtake_or_do_not_wait_are_seen() {
        let wait = Duration::from_millis(50);
        let good =
            [("Part 1: a", 0), ("Part 2: a", 52), ("Part 3: a", 110), ("Part 4: a", 160), ("Part 5: a", 220)];
        let (first, last) = in_order(&came(&good), wait).expect("in order");
        assert_eq!(last - first, Duration::from_millis(220));
        let mut swapped = good;
        swapped.swap(1, 2);
        assert!(in_order(&came(&swapped), wait).is_err());
        let mut early = good;
        early[1].1 = 30;
        assert!(in_order(&came(&early), wait).is_err());
        assert!(in_order(&came(&good[..4]), wait).is_err());
    }

    #[test]
    fn the_long_text_is_five_parts_long() {
        let flow = long_text();
        let text = flow["nodes"][1]["data"]["text"].as_str().expect("a text");
        assert_eq!(text.split("\n\n").count(), PARTS);
        assert!(text.split("\n\n").all(|part| part.len() <= LONG && part.len() > LONG - 10));
    }
}
