//! `api`: the management API beside a bare axum route with one query, in turns: one row, and a page of a list. Every call
//! of the API is authenticated, its rights are looked up, and the rows are behind the tenant's policy. Then latencies at a
//! fixed rate, and of pages at the beginning, in the middle and at the end of a long list.

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, ensure};
use botbuilder_testkit::seed::Seeded;
use serde::Serialize;
use sqlx::{AssertSqlSafe, PgPool};

use crate::{
    load::{
        bare::Bare,
        ingest::{closed, open_loop},
        latency::{Latencies, Summary, median},
    },
    platform::{Parts, Platform},
    program,
    report::table,
};

/// Organizations that call in turns: the tokens of each may call a thousand times a second at most.
const ORGANIZATIONS: usize = 16;
/// Contacts of each but the first, which has the long list.
const CONTACTS: i64 = 1_000;
/// Places of the list that are asked for in each third.
const PLACES: i64 = 200;
/// Pages a second, where their latency is measured.
const PAGES_PER_SECOND: f64 = 100.0;
/// What is not measured at the beginning.
const WARM_UP: Duration = Duration::from_secs(2);

/// What to do.
#[derive(Debug, Clone)]
pub struct Plan<'a> {
    /// The database server's superuser.
    pub server: &'a str,
    /// The program.
    pub binary: &'a Path,
    /// How often the sides take turns.
    pub rounds: usize,
    /// How long each side's turn is.
    pub slice: Duration,
    /// Connections of each side.
    pub connections: usize,
    /// Requests a second of the measurement at a fixed rate.
    pub rate: f64,
    /// How long that is.
    pub fixed: Duration,
    /// Rows of the long list.
    pub rows: i64,
}

/// What was measured.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// What it was measured with.
    pub with: Vec<String>,
    /// Connections of each side.
    pub connections: usize,
    /// Rows of the long list.
    pub rows: i64,
    /// Requests a second, in each round.
    pub rounds: Vec<Round>,
    /// One row: the program's rate by that of the bare route, the median of the rounds.
    pub get_of_bare: f64,
    /// A page: the same.
    pub list_of_bare: f64,
    /// Requests a second at the fixed rate, half of each kind.
    pub fixed_rate: f64,
    /// Latency at the fixed rate, from when each request was due.
    pub fixed: Summary,
    /// Requests that were not answered with 200 at the fixed rate.
    pub refused: u64,
    /// Pages at the beginning of the long list, in the middle, at the end.
    pub pages: [Summary; 3],
}

/// One round, in requests a second.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Round {
    /// One row, bare.
    pub bare_get: f64,
    /// One row, of the program.
    pub get: f64,
    /// A page, bare.
    pub bare_list: f64,
    /// A page, of the program.
    pub list: f64,
}

/// Measures.
pub async fn run(plan: &Plan<'_>) -> Result<Report> {
    let mut platform = Platform::assemble(Parts {
        purpose: "api",
        server: plan.server,
        binary: plan.binary,
        directory: program::run_directory("api")?,
        whatsapp_url: "http://127.0.0.1:9".to_owned(),
        telegram_url: "http://127.0.0.1:9".to_owned(),
        log: "warn",
    })
    .await?;
    let mut organizations = Vec::with_capacity(ORGANIZATIONS);
    for number in 0..ORGANIZATIONS {
        let (seeded, _) = platform.another(&format!("load{number}"), "http://127.0.0.1:9".to_owned()).await?;
        organizations.push(seeded);
    }
    let database = &platform.database;
    sqlx::query("UPDATE api_tokens SET rate_per_minute = 60000").execute(database.pool()).await?;
    fill(database.pool(), &platform.seeded, plan.rows, &organizations).await?;
    let places = places(database.pool(), &platform.seeded, plan.rows).await?;
    let mut running = platform.program.start(&["gateway"], &[])?;
    running.ready().await?;
    // The program has four connections for each core for tenants' work.
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let bare = Bare::start(database.url(), u32::try_from(cores * 4)?).await?;

    let all = |path: &dyn Fn(&Seeded) -> String| {
        Arc::new(organizations.iter().map(|one| request(one, &path(one))).collect::<Vec<_>>())
    };
    let get = all(&|one| format!("/v1/bots/{}", one.bot));
    let list = all(&|_| "/v1/contacts?limit=50".to_owned());
    let bare_get = all(&|one| format!("/bots/{}", one.bot));
    let bare_list = all(&|_| "/contacts".to_owned());
    let program = platform.program.public;
    for (at, requests) in
        [(program, &get), (program, &list), (bare.address, &bare_get), (bare.address, &bare_list)]
    {
        rate(at, requests, plan, WARM_UP).await?;
    }
    let mut rounds = Vec::new();
    for _ in 0..plan.rounds {
        rounds.push(Round {
            bare_get: rate(bare.address, &bare_get, plan, plan.slice).await?,
            get: rate(program, &get, plan, plan.slice).await?,
            bare_list: rate(bare.address, &bare_list, plan, plan.slice).await?,
            list: rate(program, &list, plan, plan.slice).await?,
        });
    }
    let both: Vec<Vec<u8>> =
        get.iter().zip(list.iter()).flat_map(|(get, list)| [get.clone(), list.clone()]).collect();
    let (fixed, refused) =
        open_loop(program, &Arc::new(both), plan.connections, plan.rate, plan.fixed).await?;
    let mut pages = [Summary::default(); 3];
    for (page, places) in pages.iter_mut().zip(&places) {
        *page = third(program, &platform.seeded, places, plan).await?.summary();
    }

    let with = vec![database.server().await?];
    running.stop().await?;
    bare.stop().await?;
    platform.remove().await?;
    Ok(Report {
        with,
        connections: plan.connections,
        rows: plan.rows,
        get_of_bare: median(rounds.iter().map(|round| round.get / round.bare_get).collect()),
        list_of_bare: median(rounds.iter().map(|round| round.list / round.bare_list).collect()),
        rounds,
        fixed_rate: plan.rate,
        fixed: fixed.summary(),
        refused,
        pages,
    })
}

async fn rate(at: SocketAddr, requests: &Arc<Vec<Vec<u8>>>, plan: &Plan<'_>, time: Duration) -> Result<f64> {
    let (rate, _) = closed(at, requests, plan.connections, time).await?;
    Ok(rate)
}

/// Latency of pages that begin at these places.
async fn third(program: SocketAddr, of: &Seeded, places: &[String], plan: &Plan<'_>) -> Result<Latencies> {
    let page = |cursor: &String| request(of, &format!("/v1/contacts?limit=50&cursor={cursor}"));
    let requests = Arc::new(places.iter().map(page).collect());
    let (latencies, refused) = open_loop(program, &requests, 4, PAGES_PER_SECOND, plan.fixed).await?;
    ensure!(refused == 0, "{refused} pages were refused");
    Ok(latencies)
}

/// A request with the token of an organization.
fn request(of: &Seeded, path: &str) -> Vec<u8> {
    let token = of.token.expose();
    format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {token}\r\n\r\n").into_bytes()
}

/// Makes the lists: contacts of a channel of each, a thousandth of a second apart.
async fn fill(pool: &PgPool, long: &Seeded, rows: i64, others: &[Seeded]) -> Result<()> {
    // Made at once at the end, it takes a small part of the time that a million single entries take.
    let names: String = sqlx::query_scalar("SELECT pg_get_indexdef('ix_channel_contacts_6'::regclass)")
        .fetch_one(pool)
        .await?;
    sqlx::query("DROP INDEX ix_channel_contacts_6").execute(pool).await?;
    for (of, rows) in others.iter().map(|of| (of, CONTACTS)).chain([(long, rows)]) {
        sqlx::query(
            "INSERT INTO channel_contacts (id, organization_id, channel_id, external_id, display_name)
             SELECT app.uuid_v7_at(now() - interval '1 day' + n * interval '1 millisecond'), $1, $2, 'load-' || n, 'Contact ' || n
             FROM generate_series(1, $3) n",
        )
        .bind(of.org.uuid())
        .bind(of.telegram.uuid())
        .bind(rows)
        .execute(pool)
        .await
        .context("the lists cannot be made")?;
    }
    sqlx::query(AssertSqlSafe(names)).execute(pool).await?;
    sqlx::query("ANALYZE").execute(pool).await?;
    Ok(())
}

/// Cursors into the list, as the program makes them: at its beginning, in its middle, at its end.
async fn places(pool: &PgPool, of: &Seeded, rows: i64) -> Result<[Vec<String>; 3]> {
    let mut thirds = [Vec::new(), Vec::new(), Vec::new()];
    for (third, from) in thirds.iter_mut().zip([0, rows / 2, (rows - PLACES - 50).max(0)]) {
        *third = sqlx::query_scalar(
            "SELECT translate(encode(convert_to(json_build_array('id', null, id)::text, 'UTF8'), 'base64'), E'+/=\\n', '-_')
             FROM (SELECT id FROM channel_contacts WHERE organization_id = $3 ORDER BY id OFFSET $1 LIMIT $2) c",
        )
        .bind(from)
        .bind(PLACES)
        .bind(of.org.uuid())
        .fetch_all(pool)
        .await?;
    }
    Ok(thirds)
}

impl Report {
    /// For the terminal.
    pub fn text(&self) -> String {
        let cells = |cells: &[&str]| cells.iter().map(|cell| (*cell).to_owned()).collect::<Vec<String>>();
        let mut lines = vec![cells(&["round", "bare get/s", "get/s", "bare list/s", "list/s"])];
        for (number, round) in self.rounds.iter().enumerate() {
            let mut line = vec![(number + 1).to_string()];
            line.extend(
                [round.bare_get, round.get, round.bare_list, round.list].map(|rate| format!("{rate:.0}")),
            );
            lines.push(line);
        }
        let mut latencies = vec![cells(&["latency", "p50 ms", "p99 ms", "max ms"])];
        let named = [
            (format!("at {:.0}/s", self.fixed_rate), &self.fixed),
            ("first pages".to_owned(), &self.pages[0]),
            ("middle pages".to_owned(), &self.pages[1]),
            ("last pages".to_owned(), &self.pages[2]),
        ];
        for (name, summary) in named {
            let mut line = vec![name];
            line.extend(summary.cells());
            latencies.push(line);
        }
        format!(
            "{}\nget: {:.2} of a bare route, list: {:.2}; {} connections, {} rows, {} refused; {}\n\n{}",
            table(&lines),
            self.get_of_bare,
            self.list_of_bare,
            self.connections,
            self.rows,
            self.refused,
            self.with.join(", "),
            table(&latencies),
        )
    }
}
