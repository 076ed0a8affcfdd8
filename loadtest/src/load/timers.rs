//! `timers`: how late timers fire while very many others wait.
//!
//! Conversations wait at a `delay`. Some come due, so many a second, while the program runs; the others are a day away.
//! How late one is, is what its recorded turn says: the instant it was told, against the instant it was due.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use botbuilder_domain::{Ids as _, SystemIds};
use serde::Serialize;
use serde_json::json;
use sqlx::PgPool;

use crate::{
    load::{
        latency::{Latencies, Summary},
        sink::{Arrivals, Sink},
    },
    platform::{Parts, Platform},
    program,
    report::table,
};

/// Conversations that one statement inserts.
const AT_A_TIME: i64 = 50_000;
/// How long after the last was due the program may still be at work.
const REST: Duration = Duration::from_mins(2);
/// How long before the first is due. It has to be in the table before that: to find the first of a million and to change
/// them takes seconds.
const AHEAD: Duration = Duration::from_secs(20);

/// What to do.
#[derive(Debug, Clone)]
pub struct Plan<'a> {
    /// The database server's superuser.
    pub server: &'a str,
    /// The program.
    pub binary: &'a Path,
    /// Timers that wait.
    pub timers: u32,
    /// Timers that come due, a second.
    pub rate: u32,
    /// For so many seconds.
    pub seconds: u32,
}

/// What was measured.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// What it was measured with.
    pub with: Vec<String>,
    /// Timers that waited.
    pub timers: u32,
    /// How long it took to insert them.
    pub inserted_in: Duration,
    /// Timers that came due, a second.
    pub rate: u32,
    /// How late they were.
    pub lateness: Summary,
}

/// Measures.
pub async fn run(plan: &Plan<'_>) -> Result<Report> {
    let due = plan.rate * plan.seconds;
    ensure!(due > 0 && due <= plan.timers, "more timers come due than there are");
    let sink = Sink::start(Arc::new(Arrivals::new(0, 0))).await?;
    let provider = format!("http://{}", sink.address);
    let platform = Platform::assemble(Parts {
        purpose: "timers",
        server: plan.server,
        binary: plan.binary,
        directory: program::run_directory("timers")?,
        whatsapp_url: provider.clone(),
        telegram_url: provider,
        log: "warn",
    })
    .await?;
    let pool = platform.database.pool();
    let begun = Instant::now();
    insert(&platform, plan.timers.into()).await?;
    sqlx::query("ANALYZE").execute(pool).await?;
    let inserted_in = begun.elapsed();
    let mut running = platform.program.start(&[], &[])?;
    running.ready().await?;
    let asked = Instant::now();
    come_due(pool, plan).await?;
    ensure!(asked.elapsed() < AHEAD, "the first timers were due before they were in the table");
    let over = Instant::now() + AHEAD + Duration::from_secs(plan.seconds.into()) + REST;
    while fired(pool).await? < i64::from(due) {
        ensure!(Instant::now() < over, "{} of {due} timers fired", fired(pool).await?);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let lateness = lateness(pool).await?;
    let with = vec![platform.database.server().await?];
    running.stop().await?;
    platform.remove().await?;
    Ok(Report { with, timers: plan.timers, inserted_in, rate: plan.rate, lateness })
}

/// Inserts conversations that wait at a delay, for a day and longer.
async fn insert(platform: &Platform, timers: i64) -> Result<()> {
    let pool = platform.database.pool();
    let version = SystemIds.next();
    let (org, bot) = (platform.seeded.org.uuid(), platform.seeded.bot.uuid());
    let flow = json!({
        "schema": 1,
        "nodes": [
            { "id": "start", "type": "start" },
            { "id": "wait", "type": "delay", "data": { "seconds": 60 } },
            { "id": "say", "type": "message", "data": { "text": "It is time." } },
        ],
        "edges": [{ "source": "start", "target": "wait" }, { "source": "wait", "target": "say" }],
    });
    sqlx::query(
        "INSERT INTO entity_versions (organization_id, id, entity_type, entity_id, version, data, data_hash)
         SELECT $1, $2, 'bot_flow', id, 1, $4, sha256('timers') FROM bot_flows WHERE organization_id = $1 AND bot_id = $3",
    )
    .bind(org)
    .bind(version)
    .bind(bot)
    .bind(&flow)
    .execute(pool)
    .await?;
    let mut done = 0;
    while done < timers {
        let to = timers.min(done + AT_A_TIME);
        sqlx::query(
            r"
            WITH n AS (
                SELECT n, app.uuid_v7() AS contact, date_trunc('milliseconds', now()) + interval '1 day'
                          + n * interval '1 millisecond' AS due
                FROM generate_series($5::bigint + 1, $6::bigint) n
            ), contacts AS (
                INSERT INTO channel_contacts (id, organization_id, channel_id, external_id)
                SELECT contact, $1, $2, n::text FROM n
            )
            INSERT INTO conversations
                (id, organization_id, channel_id, contact_id, bot_id, active_version_id, runtime_state, state_version,
                 next_timer_at)
            SELECT app.uuid_v7(), $1, $2, contact, $3, $4, jsonb_build_object(
                       'schema', 1, 'version', $4, 'node', 'wait', 'sprints', 1, 'ended', false,
                       'wait', jsonb_build_object('until', to_char(due AT TIME ZONE 'UTC', $7), 'retries', 0)),
                   1, due
            FROM n
            ",
        )
        .bind(org)
        .bind(platform.seeded.telegram.uuid())
        .bind(bot)
        .bind(version)
        .bind(done)
        .bind(to)
        .bind(INSTANT)
        .execute(pool)
        .await?;
        done = to;
    }
    Ok(())
}

/// How an instant is written in a session.
const INSTANT: &str = r#"YYYY-MM-DD"T"HH24:MI:SS.MS"Z""#;

/// Makes the first of them due, one after the other.
async fn come_due(pool: &PgPool, plan: &Plan<'_>) -> Result<()> {
    sqlx::query(
        r"
        WITH first AS (
            SELECT id, row_number() OVER (ORDER BY next_timer_at) AS place FROM conversations
            WHERE next_timer_at IS NOT NULL ORDER BY next_timer_at LIMIT $1
        ), due AS (
            SELECT id, date_trunc('milliseconds', now()) + $3 * interval '1 second'
                       + date_trunc('milliseconds', place * interval '1 second' / $2) AS due
            FROM first
        )
        UPDATE conversations v SET next_timer_at = due.due, runtime_state = jsonb_set(
            v.runtime_state, '{wait,until}', to_jsonb(to_char(due.due AT TIME ZONE 'UTC', $4)))
        FROM due WHERE v.id = due.id
        ",
    )
    .bind(i64::from(plan.rate * plan.seconds))
    .bind(i64::from(plan.rate))
    .bind(AHEAD.as_secs_f64())
    .bind(INSTANT)
    .execute(pool)
    .await?;
    Ok(())
}

async fn fired(pool: &PgPool) -> Result<i64> {
    let query = "SELECT count(*) FROM conversation_turns WHERE input ->> 'input' = 'timeout'";
    Ok(sqlx::query_scalar(query).fetch_one(pool).await?)
}

async fn lateness(pool: &PgPool) -> Result<Summary> {
    let late: Vec<i64> = sqlx::query_scalar(
        "SELECT (extract(epoch FROM at - (input ->> 'due')::timestamptz) * 1000000)::bigint
         FROM conversation_turns WHERE input ->> 'input' = 'timeout'",
    )
    .fetch_all(pool)
    .await?;
    let mut latencies = Latencies::new();
    for micros in late {
        ensure!(micros >= 0, "a timer fired {} µs too early", -micros);
        latencies.add(Duration::from_micros(micros.unsigned_abs()));
    }
    Ok(latencies.summary())
}

impl Report {
    /// For the terminal.
    pub fn text(&self) -> String {
        let mut line =
            vec![format!("{} of {}", self.lateness.count, self.timers), format!("{}/s", self.rate)];
        line.extend(self.lateness.cells());
        let lines =
            [["due, of timers", "rate", "p50 ms", "p99 ms", "max ms"].map(str::to_owned).to_vec(), line];
        format!("{}inserted in {:.0} s\n", table(&lines), self.inserted_in.as_secs_f64())
    }
}
