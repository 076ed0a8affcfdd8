//! `sockets`: what an idle visitor's socket takes of the machine.
//!
//! Memory is what the process has more of than before, once everybody is ready and the allocator has settled; time is
//! what it uses more than while nobody was there. Beside it nginx with Nchan, Bun and node's `ws` hold as
//! many: sockets alone, without sessions and histories.

use std::{
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;
use tokio::{sync::Semaphore, task::JoinSet};

use super::{nchan::Nchan, peers::Peer};
use crate::{
    platform::{Parts, Platform},
    process, program,
    report::table,
    socket::Socket,
};

/// Sockets that are opened at once.
const AT_ONCE: usize = 64;
/// Sockets that are opened and closed before anything is measured: what the first ones need is not theirs.
const WARM_UP: usize = 500;
/// Time for timers of the handshake to run out, and for the allocator to give back what it does not need.
const SETTLE: Duration = Duration::from_secs(12);
/// Nobody is anywhere in this scenario.
const NOWHERE: &str = "http://127.0.0.1:9";

/// What to do.
#[derive(Debug, Clone)]
pub struct Plan<'a> {
    /// The database server's superuser.
    pub server: &'a str,
    /// The program, with the routes for tests or without.
    pub binary: &'a Path,
    /// How many sockets, growing.
    pub counts: Vec<usize>,
    /// How long processor time is measured.
    pub time: Duration,
}

/// What was measured.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Processor time of a second while nobody was there, microseconds.
    pub idle_us: f64,
    /// Bytes in use before anybody came.
    pub bytes_before: u64,
    /// By number of sockets.
    pub program: Vec<Measured>,
    /// The same for those beside it that are installed, by name.
    pub beside: Vec<(&'static str, Vec<Measured>)>,
}

/// With so many sockets.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Measured {
    /// How many there were.
    pub sockets: usize,
    /// Bytes of process memory for each.
    pub bytes: f64,
    /// Microseconds of processor time in a second for each.
    pub micros: f64,
}

/// Measures.
pub async fn run(plan: &Plan<'_>) -> Result<Report> {
    let platform = Platform::assemble(Parts {
        purpose: "sockets",
        server: plan.server,
        binary: plan.binary,
        directory: program::run_directory("sockets")?,
        whatsapp_url: NOWHERE.to_owned(),
        telegram_url: NOWHERE.to_owned(),
        log: "warn",
    })
    .await?;
    let mut running = platform.program.start(&[], &[])?;
    running.ready().await?;
    let id = running.id().context("the program has ended")?;
    let path = format!("/widget/v1/{}/ws", platform.seeded.widget_key);
    let server = platform.program.public;
    let (program, idle_us, bytes_before) = hold(plan, id, Kind::Program, server, &path).await?;
    running.stop().await?;
    let mut beside = Vec::new();
    if let Some(nginx) = Nchan::start(&platform.directory).await? {
        let id = nginx.id().context("nginx has ended")?;
        let (measured, ..) = hold(plan, id, Kind::Other, nginx.address, "/sub/v").await?;
        nginx.stop().await?;
        beside.push(("nginx + nchan", measured));
    }
    for peer in Peer::installed() {
        let peer = Peer::start(peer).await?;
        let id = peer.id().with_context(|| format!("{} has ended", peer.name))?;
        let (measured, ..) = hold(plan, id, Kind::Other, peer.address, "/").await?;
        beside.push((peer.name, measured));
        peer.stop().await?;
    }
    platform.remove().await?;
    Ok(Report { idle_us, bytes_before, program, beside })
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Program,
    Other,
}

/// Holds sockets, more and more, and measures the process that serves them.
async fn hold(
    plan: &Plan<'_>,
    id: u32,
    kind: Kind,
    server: SocketAddr,
    path: &str,
) -> Result<(Vec<Measured>, f64, u64)> {
    {
        let mut crowd = Crowd::new(kind, server, path);
        crowd.grow_to(WARM_UP).await?;
    }
    tokio::time::sleep(SETTLE).await;
    let before = process::memory(id)?;
    let idle_us = micros(id, plan.time).await?;
    let mut measured = Vec::new();
    let mut crowd = Crowd::new(kind, server, path);
    for &count in &plan.counts {
        crowd.grow_to(count).await?;
        tokio::time::sleep(SETTLE).await;
        let memory = process::memory(id)?;
        let busy_us = micros(id, plan.time).await?;
        let lost = count - crowd.here.load(Ordering::Relaxed);
        ensure!(lost == 0, "{lost} of {count} idle sockets ended");
        measured.push(Measured {
            sockets: count,
            bytes: share(memory.saturating_sub(before), count),
            micros: (busy_us - idle_us) / share(count as u64, 1),
        });
    }
    Ok((measured, idle_us, before))
}

#[expect(clippy::cast_precision_loss, reason = "bytes of a process and numbers of sockets fit")]
fn share(total: u64, count: usize) -> f64 {
    total as f64 / count as f64
}

/// Microseconds of processor time that a process uses in a second.
async fn micros(id: u32, time: Duration) -> Result<f64> {
    let before = process::time(id)?;
    tokio::time::sleep(time).await;
    Ok(process::time(id)?.saturating_sub(before).as_secs_f64() * 1e6 / time.as_secs_f64())
}

/// Sockets that are held open.
struct Crowd {
    kind: Kind,
    server: SocketAddr,
    path: Arc<str>,
    here: Arc<AtomicUsize>,
    holders: JoinSet<()>,
}

impl Crowd {
    fn new(kind: Kind, server: SocketAddr, path: &str) -> Self {
        Self { kind, server, path: path.into(), here: Arc::default(), holders: JoinSet::new() }
    }

    async fn grow_to(&mut self, count: usize) -> Result<()> {
        let (kind, server) = (self.kind, self.server);
        let turns = Arc::new(Semaphore::new(AT_ONCE));
        let mut opening = JoinSet::new();
        for number in self.here.load(Ordering::Relaxed)..count {
            let turn = Arc::clone(&turns).acquire_owned().await?;
            let path = Arc::clone(&self.path);
            opening.spawn(async move {
                let opened = match kind {
                    Kind::Program => Socket::visit(server, &path, number, 0).await.map(|(socket, _)| socket),
                    Kind::Other => Socket::open(server, &format!("{path}{number}"), number).await,
                };
                drop(turn);
                opened
            });
        }
        while let Some(opened) = opening.join_next().await {
            let mut socket = opened?.context("a socket cannot be opened")?;
            let here = Arc::clone(&self.here);
            here.fetch_add(1, Ordering::Relaxed);
            self.holders.spawn(async move {
                while matches!(socket.next().await, Ok(crate::socket::Heard::Text(_))) {}
                here.fetch_sub(1, Ordering::Relaxed);
            });
        }
        Ok(())
    }
}

impl Report {
    /// For the terminal.
    pub fn text(&self) -> String {
        let mut lines =
            vec![["server", "sockets", "bytes of each", "µs/s of each"].map(str::to_owned).to_vec()];
        let beside = self.beside.iter().map(|(who, all)| (*who, all));
        for (who, all) in [("botbuilder", &self.program)].into_iter().chain(beside) {
            for Measured { sockets, bytes, micros } in all {
                lines.push(vec![
                    who.to_owned(),
                    sockets.to_string(),
                    format!("{bytes:.0}"),
                    format!("{micros:.2}"),
                ]);
            }
        }
        format!(
            "{}before anybody came: {} MiB, {:.0} µs of each second\n",
            table(&lines),
            self.bytes_before >> 20,
            self.idle_us
        )
    }
}
