//! `reconnect-storm`: many sockets are cut at once, because the program is killed.
//!
//! While it is away, each visitor's history grows by a frame. Then it is started again, and everybody comes back by
//! the delays the widget has. Measured is the time from the cut until each is back with what was missed; counted is
//! what came more than once, or not at all.

use std::{
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;
use sqlx::PgPool;
use tokio::{sync::Semaphore, task::JoinSet};

use super::latency::{Latencies, Summary};
use crate::{
    platform::{Parts, Platform},
    program,
    random::Random,
    report::table,
    socket::{Socket, Told},
};

/// Sockets that are opened at once in the beginning.
const AT_ONCE: usize = 64;
/// How long a round may take.
const PATIENCE: Duration = Duration::from_mins(3);
/// Nobody is anywhere in this scenario.
const NOWHERE: &str = "http://127.0.0.1:9";

/// What to do.
#[derive(Debug, Clone)]
pub struct Plan<'a> {
    /// The database server's superuser.
    pub server: &'a str,
    /// The program.
    pub binary: &'a Path,
    /// Visitors with a socket each.
    pub sockets: usize,
    /// How often all are cut.
    pub rounds: usize,
}

/// What was measured.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Visitors with a socket each.
    pub sockets: usize,
    /// Each cut.
    pub rounds: Vec<Round>,
    /// Frames that never came.
    pub lost: usize,
    /// Frames that came more than once, or out of order.
    pub doubled: usize,
}

/// One cut.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Round {
    /// From the cut until the program was ready again, milliseconds.
    pub ready_ms: u128,
    /// From the cut until the last one was back, milliseconds.
    pub all_ms: u128,
    /// From the cut until each was back.
    pub back: Summary,
    /// Attempts that were refused or broken off.
    pub refused: usize,
}

/// A visitor, between two cuts.
#[derive(Debug)]
struct Guest {
    number: usize,
    seen: i64,
    lost: usize,
    doubled: usize,
}

impl Guest {
    /// Takes note of a frame.
    fn note(&mut self, seq: i64) {
        if seq <= self.seen {
            self.doubled += 1;
        } else {
            self.lost += usize::try_from(seq - self.seen - 1).unwrap_or(0);
            self.seen = seq;
        }
    }

    fn take(&mut self, told: &[Told]) {
        for told in told {
            if let Told::Frame { seq, .. } = told {
                self.note(*seq);
            }
        }
    }
}

/// Measures.
pub async fn run(plan: &Plan<'_>) -> Result<Report> {
    let platform = Platform::assemble(Parts {
        purpose: "reconnect",
        server: plan.server,
        binary: plan.binary,
        directory: program::run_directory("reconnect")?,
        whatsapp_url: NOWHERE.to_owned(),
        telegram_url: NOWHERE.to_owned(),
        log: "warn",
    })
    .await?;
    let pool = platform.database.pool();
    let grow = async |seq: i64| grow(pool, &platform, plan.sockets, seq).await;
    grow(1).await?;
    sqlx::query("ANALYZE").execute(pool).await?;
    let mut running = platform.program.start(&[], &[])?;
    running.ready().await?;
    let site = Site {
        server: platform.program.public,
        path: format!("/widget/v1/{}/ws", platform.seeded.widget_key).into(),
    };
    let mut guests =
        (0..plan.sockets).map(|number| Guest { number, seen: 0, lost: 0, doubled: 0 }).collect::<Vec<_>>();
    let mut here = JoinSet::new();
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    for mut guest in guests.drain(..) {
        let (turns, site) = (Arc::clone(&turns), site.clone());
        here.spawn(async move {
            let turn = turns.acquire_owned().await?;
            let (socket, missed) = Socket::visit(site.server, &site.path, guest.number, 0).await?;
            guest.take(&missed);
            drop(turn);
            Ok::<_, anyhow::Error>((guest, socket))
        });
    }
    let mut present = Vec::new();
    while let Some(opened) = here.join_next().await {
        present.push(opened?.context("a socket cannot be opened")?);
    }
    let mut rounds = Vec::new();
    for round in 0..plan.rounds {
        let cut = Instant::now();
        let storm = Storm { cut, back: Arc::default(), site: site.clone() };
        // Everybody notices by themselves.
        let mut away = JoinSet::new();
        for (guest, socket) in present.drain(..) {
            away.spawn(storm.clone().come_back(guest, socket));
        }
        running.kill().await?;
        let seq = i64::try_from(round)? + 2;
        grow(seq).await?;
        running = platform.program.start(&[], &[])?;
        running.ready().await?;
        let ready_ms = cut.elapsed().as_millis();
        let mut refused = 0;
        let all = async {
            while let Some(back) = away.join_next().await {
                let (guest, socket, failures) = back??;
                refused += failures;
                present.push((guest, socket));
            }
            Ok::<_, anyhow::Error>(())
        };
        tokio::time::timeout(PATIENCE, all).await.context("not everybody comes back")??;
        let back = storm.back.lock().unwrap_or_else(PoisonError::into_inner).summary();
        rounds.push(Round { ready_ms, all_ms: u128::from(back.max_us / 1000), back, refused });
        for (guest, _) in &mut present {
            // What has not come with the hello would come by itself only with the next frame.
            guest.lost += usize::try_from(seq - guest.seen).unwrap_or(0);
        }
    }
    let lost = present.iter().map(|(guest, _)| guest.lost).sum();
    let doubled = present.iter().map(|(guest, _)| guest.doubled).sum();
    ensure!(present.len() == plan.sockets, "somebody has not come back");
    drop(present);
    running.stop().await?;
    platform.remove().await?;
    Ok(Report { sockets: plan.sockets, rounds, lost, doubled })
}

/// Adds a frame to the history of every visitor.
async fn grow(pool: &PgPool, platform: &Platform, visitors: usize, seq: i64) -> Result<()> {
    sqlx::query(
        "WITH new AS MATERIALIZED (SELECT n, uuidv7() AS id FROM generate_series(0, $3 - 1) n)
         INSERT INTO widget_messages (id, created_at, organization_id, bot_id, session_id, visitor_id, seq, role,
                                      frame, content, payload, status)
         SELECT id, app.uuid_v7_ts(id), $1, $2, gen_random_uuid(),
                'v' || encode(substring(sha256(convert_to(lpad(to_hex(n), 64, '0'), 'UTF8')) FROM 1 FOR 20), 'hex'),
                $4, 'bot', 'text', 'news', jsonb_build_object('kind', 'text', 'text', 'news ' || $4), 'sent'
         FROM new",
    )
    .bind(platform.seeded.org.uuid())
    .bind(platform.seeded.bot.uuid())
    .bind(i32::try_from(visitors)?)
    .bind(seq)
    .execute(pool)
    .await
    .context("histories cannot grow")?;
    Ok(())
}

#[derive(Debug, Clone)]
struct Site {
    server: SocketAddr,
    path: Arc<str>,
}

#[derive(Debug, Clone)]
struct Storm {
    cut: Instant,
    back: Arc<Mutex<Latencies>>,
    site: Site,
}

impl Storm {
    /// Waits for the cut, and comes back from it.
    async fn come_back(self, mut guest: Guest, mut socket: Socket) -> Result<(Guest, Socket, usize)> {
        while let Ok(told) = socket.told().await {
            guest.take(&[told]);
        }
        drop(socket);
        let mut backoff = Backoff::new(guest.number as u64);
        let mut failures = 0;
        loop {
            tokio::time::sleep(backoff.next()).await;
            match Socket::visit(self.site.server, &self.site.path, guest.number, guest.seen).await {
                Ok((socket, missed)) => {
                    guest.take(&missed);
                    self.back.lock().unwrap_or_else(PoisonError::into_inner).add(self.cut.elapsed());
                    return Ok((guest, socket, failures));
                }
                Err(_) => failures += 1,
            }
        }
    }
}

/// The widget's delays: 0.3 s, doubled up to 30 s, of which a random half is taken off.
#[derive(Debug)]
pub(super) struct Backoff {
    random: Random,
    most: Duration,
}

impl Backoff {
    pub(super) fn new(seed: u64) -> Self {
        Self { random: Random::new(seed), most: Duration::from_millis(300) }
    }

    pub(super) fn next(&mut self) -> Duration {
        let most = self.most;
        self.most = (most * 2).min(Duration::from_secs(30));
        self.random.between(most / 2, most)
    }
}

impl Report {
    /// Whether nothing was lost or doubled.
    pub const fn is_whole(&self) -> bool {
        self.lost == 0 && self.doubled == 0
    }

    /// For the terminal.
    pub fn text(&self) -> String {
        let heading = ["cut", "program ready ms", "p50 ms", "p99 ms", "all back ms", "failed attempts"];
        let mut lines = vec![heading.map(str::to_owned).to_vec()];
        for (number, round) in self.rounds.iter().enumerate() {
            let [p50, p99, _] = round.back.cells();
            lines.push(vec![
                (number + 1).to_string(),
                round.ready_ms.to_string(),
                p50,
                p99,
                round.all_ms.to_string(),
                round.refused.to_string(),
            ]);
        }
        format!("{} sockets\n{}{} lost, {} doubled\n", self.sockets, table(&lines), self.lost, self.doubled)
    }
}
