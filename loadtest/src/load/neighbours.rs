//! `neighbours`: how fast one organization is answered while another sends a broadcast, and while the provider of a third
//! one is dead.
//!
//! Each is measured in turns with quiet, in one run of the program: what the neighbours cost is the ratio.

use std::{
    net::Ipv4Addr,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use botbuilder_testkit::{fake::whatsapp, seed::Seeded};
use serde::Serialize;
use serde_json::{Value, json};
use sqlx::Executor as _;
use tokio::net::TcpListener;

use crate::{
    http::{self, Connection},
    input::Secrets,
    load::{
        latency::{Latencies, Summary},
        pace::Pace,
        sink::{Arrivals, Sink},
        turn::{Bench, CONTACTS, MESSAGES, WARM_UP},
    },
    platform::{Parts, Platform},
    program,
    report::table,
};

/// Messages of one call.
const BATCH: usize = 1_000;
/// Messages a second that people write to the organization whose provider is dead.
const TO_THE_DEAD: f64 = 50.0;

/// What to do.
#[derive(Debug, Clone)]
pub struct Plan<'a> {
    /// The database server's superuser.
    pub server: &'a str,
    /// The program.
    pub binary: &'a Path,
    /// How often quiet and the neighbours take turns.
    pub rounds: usize,
    /// How long each turn is.
    pub slice: Duration,
    /// Connections that messages come over.
    pub connections: usize,
    /// Messages a second of those who are measured.
    pub rate: f64,
    /// Messages of the broadcast.
    pub broadcast: usize,
}

/// What was measured: replies at the provider, from when the message was due.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// What it was measured with.
    pub with: Vec<String>,
    /// Messages a second.
    pub rate: f64,
    /// Messages of the broadcast, and how long the calls took that queued them.
    pub broadcast: (usize, Duration),
    /// Messages of the broadcast that were sent while it was measured, a second.
    pub sent_per_second: f64,
    /// With nobody else there.
    pub quiet: Summary,
    /// While another organization's broadcast goes out.
    pub broadcasting: Summary,
    /// With nobody else there, after it.
    pub quiet_again: Summary,
    /// While people write to an organization whose provider does not answer.
    pub dead: Summary,
}

/// Measures.
pub async fn run(plan: &Plan<'_>) -> Result<Report> {
    let arrivals = Arc::new(Arrivals::new(MESSAGES, CONTACTS));
    let (sink, loud_sink) = (Sink::start(Arc::clone(&arrivals)).await?, Arc::new(Arrivals::new(0, 0)));
    let loud_provider = Sink::start(Arc::clone(&loud_sink)).await?;
    // It takes connections and never answers; the system accepts for it.
    let dead_provider = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let mut platform = Platform::assemble(Parts {
        purpose: "neighbours",
        server: plan.server,
        binary: plan.binary,
        directory: program::run_directory("neighbours")?,
        whatsapp_url: format!("http://{}", sink.address),
        telegram_url: format!("http://{}", sink.address),
        log: "error",
    })
    .await?;
    let (loud, _) = platform.another("loud", format!("http://{}", loud_provider.address)).await?;
    let dead_url = format!("http://{}", dead_provider.local_addr()?);
    let (dead, dead_secrets) = platform.another("dead", dead_url).await?;
    let bench = Arc::new(Bench::new(&platform, plan.connections, Arc::clone(&arrivals)));
    let mut running = platform.program.start(&[], &[])?;
    running.ready().await?;
    bench.fixed(plan.rate * 4.0, WARM_UP).await.context("while warming up")?;
    platform.database.pool().execute("ANALYZE").await?;

    let quiet_before = measured(&bench, plan).await?;
    let queued = Instant::now();
    broadcast(&platform, &loud, plan.broadcast).await?;
    let queued = queued.elapsed();
    let (sent_before, begun) = (loud_sink.strays().1, Instant::now());
    let broadcasting = measured(&bench, plan).await?;
    let sent = loud_sink.strays().1 - sent_before;
    if sent == 0 {
        let stand = standing(&platform, &loud).await?;
        bail!("nothing of the broadcast was sent while it was measured; its messages stand as {stand}");
    }
    ensure!(loud_sink.strays().1 < plan.broadcast as u64, "the broadcast was over before the measurement");
    #[expect(clippy::cast_precision_loss, reason = "a number of messages that a run can send")]
    let sent_per_second = sent as f64 / begun.elapsed().as_secs_f64();
    // The rest of it is taken back.
    platform
        .database
        .pool()
        .execute("DELETE FROM outbox_events WHERE event_type = 'message.bulk' AND published_at IS NULL")
        .await?;

    let quiet_after = measured(&bench, plan).await?;
    let writers = tokio::spawn(write(platform.program.public, dead, dead_secrets, plan.slice * 3));
    let with_dead = measured(&bench, plan).await?;
    writers.abort();

    let with = vec![platform.database.server().await?];
    running.stop().await?;
    platform.remove().await?;
    Ok(Report {
        with,
        rate: plan.rate,
        broadcast: (plan.broadcast, queued),
        sent_per_second,
        quiet: quiet_before.summary(),
        broadcasting: broadcasting.summary(),
        quiet_again: quiet_after.summary(),
        dead: with_dead.summary(),
    })
}

async fn measured(bench: &Arc<Bench>, plan: &Plan<'_>) -> Result<Latencies> {
    let mut replies = Latencies::new();
    for _ in 0..plan.rounds {
        replies.merge(&bench.fixed(plan.rate, plan.slice).await?.replies);
    }
    Ok(replies)
}

/// Queues a broadcast of templates to so many people.
async fn broadcast(platform: &Platform, of: &Seeded, messages: usize) -> Result<()> {
    let bearer = format!("Bearer {}", of.token.expose());
    let mut connection = Connection::open(platform.program.public).await?;
    for first in (0..messages).step_by(BATCH) {
        let to: Vec<Value> = (first..messages.min(first + BATCH))
            .map(|person| json!({ "to": format!("1666{person:07}") }))
            .collect();
        let body = json!({
            "channel_id": of.whatsapp,
            "content": { "kind": "template", "name": "news", "language": "en", "variables": [] },
            "messages": to,
        });
        let request = http::post("/v1/messages/batch", "authorization", &bearer, &body.to_string());
        let status = connection.send(&request).await?;
        ensure!(status == 202, "a batch was answered with {status}");
    }
    Ok(())
}

/// How many messages of an organization stand how, and why: for the error.
async fn standing(platform: &Platform, of: &Seeded) -> Result<String> {
    let rows: Vec<(String, Option<String>, i64)> = sqlx::query_as(
        "SELECT status, error_code || $$: $$ || error_message, count(*) FROM channel_messages WHERE organization_id = $1 GROUP BY 1, 2",
    )
    .bind(of.org.uuid())
    .fetch_all(platform.database.pool())
    .await?;
    let parts = rows
        .iter()
        .map(|(status, code, count)| format!("{count} {status} {}", code.as_deref().unwrap_or("")));
    Ok(parts.collect::<Vec<_>>().join(", "))
}

/// People write to an organization; its callbacks are answered, whatever its provider does.
async fn write(to: std::net::SocketAddr, of: Seeded, secrets: Secrets, time: Duration) -> Result<()> {
    let pace = Pace::starting(TO_THE_DEAD, time);
    let path = format!("/hooks/{}", of.whatsapp_public_id);
    let mut connection = Connection::open(to).await?;
    for index in 0..pace.count() {
        let (from, id) = (format!("1777{:07}", index % CONTACTS), format!("wamid.dead.{index:08}"));
        let (body, signature) =
            whatsapp::message_webhook(&secrets.app_secret, &secrets.phone_number_id, &from, &id, "hello");
        pace.wait(index).await;
        connection.send(&http::post(&path, whatsapp::SIGNATURE_HEADER, &signature, &body)).await?;
    }
    Ok(())
}

impl Report {
    /// For the terminal.
    #[expect(clippy::cast_precision_loss, reason = "microseconds of minutes fit")]
    pub fn text(&self) -> String {
        let mut lines =
            vec![["while", "p50 ms", "p99 ms", "max ms", "p99 by quiet"].map(str::to_owned).to_vec()];
        for (what, summary, quiet) in [
            ("nobody else is there", self.quiet, self.quiet),
            ("another organization broadcasts", self.broadcasting, self.quiet),
            ("nobody else is there", self.quiet_again, self.quiet_again),
            ("another's provider is dead", self.dead, self.quiet_again),
        ] {
            let mut line = vec![what.to_owned()];
            line.extend(summary.cells());
            line.push(format!("{:.2}x", summary.p99_us as f64 / quiet.p99_us as f64));
            lines.push(line);
        }
        let (messages, took) = self.broadcast;
        format!(
            "{}\nreplies at the provider, {:.0} messages a second\n{}\nbroadcast of {messages}: queued in {:.1} s, \
             {:.0} sent a second while it was measured\n",
            self.with.join("; "),
            self.rate,
            table(&lines),
            took.as_secs_f64(),
            self.sent_per_second,
        )
    }
}
