//! `ingest`: a signed WhatsApp callback up to the answer that says it is durable.
//!
//! The program runs with the role `gateway` alone: what is measured is the way to the durable answer, not what
//! becomes of the message. The same requests go to nginx, and their bodies into a plain table, in turns.

use std::{
    net::SocketAddr,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use botbuilder_testkit::fake::whatsapp;
use serde::Serialize;
use tokio::task::JoinSet;

use crate::{
    http::{self, Connection},
    input::Channel,
    load::{
        inserts::{Inserts, rate},
        latency::{Latencies, Summary, median},
        nginx::Nginx,
        pace::Pace,
    },
    platform::{Parts, Platform},
    program,
    report::table,
};

/// Different requests; they are sent over and over, which the way to the durable answer does not notice.
const REQUESTS: usize = 50_000;
/// Contacts that write: as many keys of the stream.
const CONTACTS: usize = 5_000;
/// What is not measured at the beginning.
const WARM_UP: Duration = Duration::from_secs(2);

/// What to do.
#[derive(Debug, Clone)]
pub struct Plan<'a> {
    /// The database server's superuser.
    pub server: &'a str,
    /// The program.
    pub binary: &'a Path,
    /// How often the three sides take turns.
    pub rounds: usize,
    /// How long each side's turn is.
    pub slice: Duration,
    /// Connections of each side.
    pub connections: usize,
    /// Requests a second of the measurement at a fixed rate.
    pub rate: f64,
    /// How long that is.
    pub fixed: Duration,
}

/// What was measured.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// What it was measured with.
    pub with: Vec<String>,
    /// Connections of each side.
    pub connections: usize,
    /// Bytes of a body.
    pub body_bytes: usize,
    /// Requests or rows a second, in each round.
    pub rounds: Vec<Round>,
    /// The program's rate by nginx's: the median of the rounds.
    pub of_nginx: f64,
    /// The program's rate by that of single inserts: the median of the rounds.
    pub of_inserts: f64,
    /// Latency of the program while all connections are busy.
    pub busy: Summary,
    /// Requests a second at the fixed rate.
    pub fixed_rate: f64,
    /// Latency at the fixed rate, from when each request was due.
    pub fixed: Summary,
    /// Requests that were not taken at the fixed rate.
    pub refused: u64,
}

/// One round.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Round {
    /// nginx.
    pub nginx: f64,
    /// Inserts of one row each.
    pub inserts: f64,
    /// The program.
    pub program: f64,
}

/// Measures.
pub async fn run(plan: &Plan<'_>) -> Result<Report> {
    let directory = program::run_directory("ingest")?;
    let platform = Platform::assemble(Parts {
        purpose: "ingest",
        server: plan.server,
        binary: plan.binary,
        directory: directory.clone(),
        // Nothing is sent.
        whatsapp_url: "http://127.0.0.1:9".to_owned(),
        telegram_url: "http://127.0.0.1:9".to_owned(),
        log: "warn",
    })
    .await?;
    let (requests, body) = requests(&platform);
    let nginx = Nginx::start(&directory).await?;
    let database = &platform.database;
    let mut inserts = Inserts::open(database.pool(), database.url(), plan.connections, &body).await?;
    let mut running = platform.program.start(&["gateway"], &[])?;
    running.ready().await?;
    let program = platform.program.public;

    closed(program, &requests, plan.connections, WARM_UP).await?;
    let mut rounds = Vec::new();
    let mut busy = Latencies::new();
    for _ in 0..plan.rounds {
        let (nginx, _) = closed(nginx.address, &requests, plan.connections, plan.slice).await?;
        let (inserts, _) = inserts.closed(plan.slice).await?;
        let (program, latencies) = closed(program, &requests, plan.connections, plan.slice).await?;
        busy.merge(&latencies);
        rounds.push(Round { nginx, inserts, program });
    }
    let (fixed, refused) = open_loop(program, &requests, plan.connections, plan.rate, plan.fixed).await?;

    let with = vec![database.server().await?, nginx.version.clone()];
    running.stop().await?;
    nginx.stop().await?;
    drop(inserts);
    platform.remove().await?;
    Ok(Report {
        with,
        connections: plan.connections,
        body_bytes: body.len(),
        of_nginx: median(rounds.iter().map(|round| round.program / round.nginx).collect()),
        of_inserts: median(rounds.iter().map(|round| round.program / round.inserts).collect()),
        rounds,
        busy: busy.summary(),
        fixed_rate: plan.rate,
        fixed: fixed.summary(),
        refused,
    })
}

impl Report {
    /// For the terminal.
    pub fn text(&self) -> String {
        let mut lines = vec![
            ["round", "nginx/s", "inserts/s", "ingest/s", "of nginx", "of inserts"]
                .map(str::to_owned)
                .to_vec(),
        ];
        for (number, Round { nginx, inserts, program }) in self.rounds.iter().enumerate() {
            lines.push(vec![
                (number + 1).to_string(),
                format!("{nginx:.0}"),
                format!("{inserts:.0}"),
                format!("{program:.0}"),
                format!("{:.2}x", program / nginx),
                format!("{:.1}x", program / inserts),
            ]);
        }
        let mut medians = vec!["median".to_owned()];
        let picks: [fn(&Round) -> f64; 3] =
            [|round| round.nginx, |round| round.inserts, |round| round.program];
        for pick in picks {
            medians.push(format!("{:.0}", median(self.rounds.iter().map(pick).collect())));
        }
        medians.push(format!("{:.2}x", self.of_nginx));
        medians.push(format!("{:.1}x", self.of_inserts));
        lines.push(medians);
        let [p50, p99, max] = self.fixed.cells();
        let [busy_p50, busy_p99, busy_max] = self.busy.cells();
        format!(
            "{}\n{}\n{} connections, bodies of {} bytes; busy: p50 {busy_p50} ms, p99 {busy_p99} ms, max {busy_max} ms\n\
             at {:.0}/s: p50 {p50} ms, p99 {p99} ms, max {max} ms, {} requests, {} refused\n",
            self.with.join("; "),
            table(&lines),
            self.connections,
            self.body_bytes,
            self.fixed_rate,
            self.fixed.count,
            self.refused,
        )
    }
}

/// The requests, and the body of the first.
fn requests(platform: &Platform) -> (Arc<Vec<Vec<u8>>>, String) {
    let path = platform.path(Channel::Whatsapp);
    let secrets = &platform.secrets;
    let one = |number: usize| {
        let from = format!("1555{:07}", number % CONTACTS);
        let (id, text) = (format!("wamid.load.{number:08}"), format!("Where is my order {number}?"));
        whatsapp::message_webhook(&secrets.app_secret, &secrets.phone_number_id, &from, &id, &text)
    };
    let requests = (0..REQUESTS)
        .map(|number| {
            let (body, signature) = one(number);
            http::post(&path, whatsapp::SIGNATURE_HEADER, &signature, &body)
        })
        .collect();
    (Arc::new(requests), one(0).0)
}

/// Every connection sends as fast as it is answered. Gives the requests of a second, and how long each took.
pub(super) async fn closed(
    address: SocketAddr,
    requests: &Arc<Vec<Vec<u8>>>,
    connections: usize,
    time: Duration,
) -> Result<(f64, Latencies)> {
    let mut workers = JoinSet::new();
    let began = Instant::now();
    for worker in 0..connections {
        let requests = Arc::clone(requests);
        workers.spawn(async move {
            let mut connection = Connection::open(address).await?;
            let mut latencies = Latencies::new();
            for request in requests.iter().cycle().skip(worker).step_by(connections) {
                let started = Instant::now();
                if started - began >= time {
                    break;
                }
                let status = connection.send(request).await?;
                ensure!(status == 200, "a request was answered with {status}");
                latencies.add(started.elapsed());
            }
            Ok::<_, anyhow::Error>(latencies)
        });
    }
    let mut all = Latencies::new();
    while let Some(ended) = workers.join_next().await {
        all.merge(&ended??);
    }
    Ok((rate(all.count(), began.elapsed()), all))
}

/// Requests at a fixed rate. Gives how long each took from when it was due, and how many were not taken.
pub(super) async fn open_loop(
    address: SocketAddr,
    requests: &Arc<Vec<Vec<u8>>>,
    connections: usize,
    per_second: f64,
    time: Duration,
) -> Result<(Latencies, u64)> {
    let pace = Pace::starting(per_second, time);
    let mut workers = JoinSet::new();
    for worker in 0..connections {
        let requests = Arc::clone(requests);
        workers.spawn(async move {
            let mut connection = Connection::open(address).await?;
            let (mut latencies, mut refused) = (Latencies::new(), 0);
            for index in (worker..pace.count()).step_by(connections) {
                let due = pace.wait(index).await;
                if connection.send(&requests[index % requests.len()]).await? != 200 {
                    refused += 1;
                }
                latencies.add(due.elapsed());
            }
            Ok::<_, anyhow::Error>((latencies, refused))
        });
    }
    let (mut all, mut not_taken) = (Latencies::new(), 0);
    while let Some(ended) = workers.join_next().await {
        let (latencies, refused) = ended??;
        all.merge(&latencies);
        not_taken += refused;
    }
    Ok((all, not_taken))
}
