//! `turn`: a message in, through the bot's flow of ten nodes, up to the reply at the provider.
//!
//! The program runs with every role. The provider is in this process, so both ends of a turn are read from one clock.
//! Beside it, in turns, rows are inserted one by one into the same server: at the same rate for the latency, and as
//! fast as they go for the throughput. Turns as fast as they go are measured a second time without the rows that replays
//! are made of (`conversation_turns`): a rule of the database leaves them out. What the program does to make them, a
//! digest of each step, is done in both.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use botbuilder_testkit::fake::whatsapp;
use serde::Serialize;
use sqlx::Executor as _;
use tokio::task::JoinSet;

use crate::{
    http::{self, Connection},
    input::{Channel, Secrets},
    load::{
        inserts::{Inserts, rate},
        latency::{Latencies, Summary, median},
        pace::Pace,
        sink::{Arrivals, Sink},
    },
    platform::{Parts, Platform},
    program,
    report::table,
};

/// Contacts that write; each in its turn.
pub(super) const CONTACTS: usize = 2_000;
/// Most messages of a run.
pub(super) const MESSAGES: usize = 2_000_000;
/// How long after its last message a measurement waits for the replies.
const REST: Duration = Duration::from_secs(30);
/// What is not measured at the beginning: a second round of every contact finds it known.
pub(super) const WARM_UP: Duration = Duration::from_secs(4);

/// Leaves out the rows that replays are made of.
const LEAVE_OUT: &str = "CREATE RULE leave_out AS ON INSERT TO conversation_turns DO INSTEAD NOTHING";
/// Keeps them again.
const KEEP: &str = "DROP RULE leave_out ON conversation_turns";

/// What to do.
#[derive(Debug, Clone)]
pub struct Plan<'a> {
    /// The database server's superuser.
    pub server: &'a str,
    /// The program.
    pub binary: &'a Path,
    /// How often the two sides take turns.
    pub rounds: usize,
    /// How long each side's turn is.
    pub slice: Duration,
    /// Connections that messages come over, and that rows are inserted over.
    pub connections: usize,
    /// Messages a second for the latency.
    pub rate: f64,
    /// Messages a second that have to be kept up with.
    pub high_rate: f64,
    /// Contacts that each wait for their reply, as fast as it goes.
    pub busy_contacts: usize,
}

/// What was measured.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// What it was measured with.
    pub with: Vec<String>,
    /// Messages a second for the latency.
    pub rate: f64,
    /// Reply at the provider, from when the message was due.
    pub reply: Summary,
    /// Webhook answered, from when the message was due.
    pub answer: Summary,
    /// A row on disk, from when it was due, at the same rate.
    pub insert: Summary,
    /// Messages a second that have to be kept up with.
    pub high_rate: f64,
    /// Reply at the provider at that rate.
    pub high: Summary,
    /// Turns and rows a second, as fast as they go, in each round.
    pub rounds: Vec<Round>,
    /// Turns a second: the median of the rounds.
    pub turns_per_second: f64,
    /// Turns a second by single inserts a second: the median of the rounds.
    pub of_inserts: f64,
    /// Turns a second by those without stored records: the median of the rounds.
    pub of_unrecorded: f64,
    /// Reply at the provider while it goes as fast as it goes.
    pub busy: Summary,
    /// Messages that were answered.
    pub answered: usize,
    /// Replies that came again.
    pub again: u64,
}

/// One round.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Round {
    /// Inserts of one row each, a second.
    pub inserts: f64,
    /// Turns, a second.
    pub turns: f64,
    /// Turns whose records are not stored, a second.
    pub unrecorded: f64,
}

/// Measures.
pub async fn run(plan: &Plan<'_>) -> Result<Report> {
    let arrivals = Arc::new(Arrivals::new(MESSAGES, CONTACTS));
    let sink = Sink::start(Arc::clone(&arrivals)).await?;
    let provider = format!("http://{}", sink.address);
    let platform = Platform::assemble(Parts {
        purpose: "turn",
        server: plan.server,
        binary: plan.binary,
        directory: program::run_directory("turn")?,
        whatsapp_url: provider.clone(),
        telegram_url: provider,
        log: "warn",
    })
    .await?;
    let bench = Bench::new(&platform, plan.connections, Arc::clone(&arrivals));
    let bench = Arc::new(bench);
    let database = &platform.database;
    let (_, body) = bench.message(0);
    let mut inserts = Inserts::open(database.pool(), database.url(), plan.connections, &body).await?;
    let mut running = platform.program.start(&[], &[])?;
    running.ready().await?;

    bench.fixed(plan.high_rate / 2.0, WARM_UP).await.context("while warming up")?;
    // The server gathers statistics by itself within a minute of a table's growth, and plans badly until then. What
    // is measured is how it goes on.
    database.pool().execute("ANALYZE").await?;
    let mut fixed = Fixed::default();
    let mut insert = Latencies::new();
    for _ in 0..plan.rounds {
        insert.merge(&inserts.open_loop(plan.rate, plan.slice).await?);
        fixed.merge(&bench.fixed(plan.rate, plan.slice).await?);
    }
    let high = bench.fixed(plan.high_rate, plan.slice * 2).await?;
    let mut rounds = Vec::new();
    let mut busy = Latencies::new();
    for _ in 0..plan.rounds {
        let (inserts, _) = inserts.closed(plan.slice).await?;
        let (turns, latencies) = bench.busy(plan.busy_contacts, plan.slice).await?;
        busy.merge(&latencies);
        database.pool().execute(LEAVE_OUT).await?;
        let (unrecorded, _) = bench.busy(plan.busy_contacts, plan.slice).await?;
        database.pool().execute(KEEP).await?;
        rounds.push(Round { inserts, turns, unrecorded });
    }

    let with = vec![database.server().await?];
    running.stop().await?;
    drop(inserts);
    platform.remove().await?;
    let (again, unread) = arrivals.strays();
    ensure!(unread == 0, "{unread} replies answer no message");
    Ok(Report {
        with,
        rate: plan.rate,
        reply: fixed.replies.summary(),
        answer: fixed.answers.summary(),
        insert: insert.summary(),
        high_rate: plan.high_rate,
        high: high.replies.summary(),
        turns_per_second: median(rounds.iter().map(|round| round.turns).collect()),
        of_inserts: median(rounds.iter().map(|round| round.turns / round.inserts).collect()),
        of_unrecorded: median(rounds.iter().map(|round| round.turns / round.unrecorded).collect()),
        rounds,
        busy: busy.summary(),
        answered: arrivals.came(),
        again,
    })
}

impl Report {
    /// For the terminal.
    pub fn text(&self) -> String {
        let mut latencies = vec![["what", "rate", "p50 ms", "p99 ms", "max ms"].map(str::to_owned).to_vec()];
        let per_second = |rate: f64| format!("{rate:.0}/s");
        for (what, rate, summary) in [
            ("message in, reply at the provider", per_second(self.rate), self.reply),
            ("  of that, webhook answered", per_second(self.rate), self.answer),
            ("  yardstick: one row on disk", per_second(self.rate), self.insert),
            ("message in, reply at the provider", per_second(self.high_rate), self.high),
            ("message in, reply at the provider", "busy".to_owned(), self.busy),
        ] {
            let mut line = vec![what.to_owned(), rate];
            line.extend(summary.cells());
            latencies.push(line);
        }
        let heads = ["round", "inserts/s", "turns/s", "of inserts", "unrecorded/s", "of unrecorded"];
        let mut lines = vec![heads.map(str::to_owned).to_vec()];
        for (number, Round { inserts, turns, unrecorded }) in self.rounds.iter().enumerate() {
            lines.push(vec![
                (number + 1).to_string(),
                format!("{inserts:.0}"),
                format!("{turns:.0}"),
                format!("{:.2}x", turns / inserts),
                format!("{unrecorded:.0}"),
                format!("{:.2}x", turns / unrecorded),
            ]);
        }
        lines.push(vec![
            "median".to_owned(),
            format!("{:.0}", median(self.rounds.iter().map(|round| round.inserts).collect())),
            format!("{:.0}", self.turns_per_second),
            format!("{:.2}x", self.of_inserts),
            format!("{:.0}", median(self.rounds.iter().map(|round| round.unrecorded).collect())),
            format!("{:.2}x", self.of_unrecorded),
        ]);
        format!(
            "{}\n{}\n{}\n{} messages answered, {} replies came again\n",
            self.with.join("; "),
            table(&latencies),
            table(&lines),
            self.answered,
            self.again
        )
    }
}

/// Latencies at a fixed rate.
#[derive(Debug, Default)]
pub(super) struct Fixed {
    answers: Latencies,
    pub(super) replies: Latencies,
}

impl Fixed {
    pub(super) fn merge(&mut self, other: &Self) {
        self.answers.merge(&other.answers);
        self.replies.merge(&other.replies);
    }
}

/// People who write to one organization, and wait for its replies.
pub(super) struct Bench {
    address: std::net::SocketAddr,
    path: String,
    secrets: Secrets,
    connections: usize,
    arrivals: Arc<Arrivals>,
    /// The number of the next message. Message n is written by contact n modulo contacts.
    next: AtomicUsize,
}

impl Bench {
    /// People who write to the WhatsApp of a platform's first organization.
    pub(super) fn new(platform: &Platform, connections: usize, arrivals: Arc<Arrivals>) -> Self {
        Self {
            address: platform.program.public,
            path: platform.path(Channel::Whatsapp),
            secrets: platform.secrets.clone(),
            connections,
            arrivals,
            next: AtomicUsize::new(0),
        }
    }

    /// A message: the request, and its body alone.
    fn message(&self, number: usize) -> (Vec<u8>, String) {
        let Secrets { app_secret, phone_number_id, .. } = &self.secrets;
        let from = format!("1555{:07}", number % CONTACTS);
        let (id, text) = (format!("wamid.turn.{number:08}"), format!("t{number}"));
        let (body, signature) = whatsapp::message_webhook(app_secret, phone_number_id, &from, &id, &text);
        (http::post(&self.path, whatsapp::SIGNATURE_HEADER, &signature, &body), body)
    }

    /// Takes numbers for messages, beginning with contact 0.
    fn take(&self, count: usize) -> Result<usize> {
        let first = self.next.load(Ordering::Relaxed).next_multiple_of(CONTACTS);
        ensure!(first + count <= MESSAGES, "the run has more than {MESSAGES} messages");
        self.next.store(first + count, Ordering::Relaxed);
        Ok(first)
    }

    /// Messages at a fixed rate, until all are answered.
    pub(super) async fn fixed(self: &Arc<Self>, per_second: f64, time: Duration) -> Result<Fixed> {
        let came_before = self.arrivals.came();
        let (pace, workers) = (Pace::starting(per_second, time), self.connections);
        let first = self.take(pace.count())?;
        let mut senders = JoinSet::new();
        for worker in 0..workers {
            let bench = Arc::clone(self);
            senders.spawn(async move {
                let mut connection = Connection::open(bench.address).await?;
                let mut answers = Latencies::new();
                for index in (worker..pace.count()).step_by(workers) {
                    let (request, _) = bench.message(first + index);
                    let due = pace.wait(index).await;
                    let status = connection.send(&request).await?;
                    ensure!(status == 200, "a message was answered with {status}");
                    answers.add(due.elapsed());
                }
                Ok::<_, anyhow::Error>(answers)
            });
        }
        let mut fixed = Fixed::default();
        while let Some(ended) = senders.join_next().await {
            fixed.answers.merge(&ended??);
        }
        let since = Instant::now();
        while self.arrivals.came() - came_before < pace.count() {
            let missing = pace.count() - (self.arrivals.came() - came_before);
            ensure!(since.elapsed() < REST, "{missing} messages were not answered within {REST:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        for index in 0..pace.count() {
            let at = self.arrivals.at(first + index).context("a message was not answered")?;
            fixed.replies.add(at.saturating_duration_since(pace.due(index)));
        }
        Ok(fixed)
    }

    /// Contacts that each write again as soon as they are answered. Gives the turns of a second, and how long each
    /// reply took.
    async fn busy(self: &Arc<Self>, contacts: usize, time: Duration) -> Result<(f64, Latencies)> {
        ensure!(contacts <= CONTACTS, "there are {CONTACTS} contacts");
        let first = self.take(0)?;
        let over = Arc::new(AtomicBool::new(false));
        let began = Instant::now();
        let mut writers = JoinSet::new();
        for contact in 0..contacts {
            let (bench, over) = (Arc::clone(self), Arc::clone(&over));
            writers.spawn(async move {
                let mut connection = Connection::open(bench.address).await?;
                let mut latencies = Latencies::new();
                let mut number = first + contact;
                while !over.load(Ordering::Relaxed) && number < MESSAGES {
                    let (request, _) = bench.message(number);
                    let started = Instant::now();
                    let status = connection.send(&request).await?;
                    ensure!(status == 200, "a message was answered with {status}");
                    // A permit of an earlier measurement may be left: the reply decides.
                    while bench.arrivals.at(number).is_none() {
                        tokio::time::timeout(REST, bench.arrivals.next(contact))
                            .await
                            .context("a message was not answered")?;
                    }
                    latencies.add(started.elapsed());
                    number += CONTACTS;
                }
                Ok::<_, anyhow::Error>((latencies, number))
            });
        }
        tokio::time::sleep(time).await;
        over.store(true, Ordering::Relaxed);
        let mut all = Latencies::new();
        let mut last = first;
        while let Some(ended) = writers.join_next().await {
            let (latencies, number) = ended??;
            all.merge(&latencies);
            last = last.max(number);
        }
        self.next.store(last, Ordering::Relaxed);
        Ok((rate(all.count(), began.elapsed()), all))
    }
}
