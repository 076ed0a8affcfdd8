//! `fanout`: one message of 200 bytes to many sockets, beside nginx with Nchan doing the same.
//!
//! Both are told by a POST. First as fast as it goes, the two sides in turns: the next message is sent while a few are
//! still on their way. Then at half of the program's rate, for the latency: from when the message was due until each
//! of the sockets had it.

use std::{
    net::SocketAddr,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;
use tokio::{sync::Notify, task::JoinSet};

use super::{
    inserts::rate,
    latency::{Latencies, Summary, median},
    nchan::Nchan,
    pace::Pace,
};
use crate::{
    http::{self, Connection},
    platform::{Parts, Platform},
    program,
    report::table,
    socket::{Heard, Socket, Told, hello, secret},
};

/// Bytes of a message.
const BYTES: usize = 200;
/// Messages that may be on their way at once.
const WINDOW: u64 = 4;
/// How long the last messages may take.
const REST: Duration = Duration::from_secs(20);
/// Nobody is anywhere in this scenario.
const NOWHERE: &str = "http://127.0.0.1:9";

/// What to do.
#[derive(Debug, Clone)]
pub struct Plan<'a> {
    /// The database server's superuser.
    pub server: &'a str,
    /// The program, with the routes for tests.
    pub binary: &'a Path,
    /// Sockets that are told.
    pub sockets: usize,
    /// How often the sides take turns.
    pub rounds: usize,
    /// How long each side's turn is.
    pub slice: Duration,
}

/// What was measured.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Sockets that are told.
    pub sockets: usize,
    /// Messages a second, each to all sockets, in each round.
    pub rounds: Vec<Round>,
    /// The program's rate: the median of the rounds.
    pub rate: f64,
    /// The program's rate by Nchan's: the median of the rounds.
    pub of_nchan: Option<f64>,
    /// At half of the program's rate, until a socket had it.
    pub program: Summary,
    /// The same of Nchan.
    pub nchan: Option<Summary>,
}

/// One round.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Round {
    /// The program's messages a second.
    pub program: f64,
    /// Nchan's.
    pub nchan: Option<f64>,
}

/// Measures.
pub async fn run(plan: &Plan<'_>) -> Result<Report> {
    let platform = Platform::assemble(Parts {
        purpose: "fanout",
        server: plan.server,
        binary: plan.binary,
        directory: program::run_directory("fanout")?,
        whatsapp_url: NOWHERE.to_owned(),
        telegram_url: NOWHERE.to_owned(),
        log: "warn",
    })
    .await?;
    // All sockets are one visitor's: what one visitor is told goes to each of them.
    let bound = plan.sockets.to_string();
    let environment = [("BOTBUILDER__LIMITS__WEBSOCKET__SOCKETS_PER_VISITOR", bound)];
    let mut running = platform.program.start(&[], &environment)?;
    running.ready().await?;
    let widget = format!("/widget/v1/{}", platform.seeded.widget_key);
    let ours = Audience::gather(
        plan.sockets,
        platform.program.public,
        &format!("{widget}/ws"),
        format!("{widget}/signal-for-tests/{}", secret(0)),
        true,
    )
    .await?;
    let nginx = Nchan::start(&platform.directory).await?;
    let theirs = match &nginx {
        Some(nginx) => Some(
            Audience::gather(plan.sockets, nginx.address, "/sub/all", "/pub/all".to_owned(), false).await?,
        ),
        None => None,
    };
    let mut rounds = Vec::new();
    for _ in 0..plan.rounds {
        let program = ours.closed(plan.slice).await?;
        let nchan = match &theirs {
            Some(theirs) => Some(theirs.closed(plan.slice).await?),
            None => None,
        };
        rounds.push(Round { program, nchan });
    }
    let rate = median(rounds.iter().map(|round| round.program).collect());
    let program = ours.open(rate / 2.0, plan.slice * 2).await?;
    let nchan = match &theirs {
        Some(theirs) => Some(theirs.open(rate / 2.0, plan.slice * 2).await?),
        None => None,
    };
    drop((ours, theirs));
    running.stop().await?;
    if let Some(nginx) = nginx {
        nginx.stop().await?;
    }
    platform.remove().await?;
    let of_nchan: Vec<f64> = rounds.iter().filter_map(|round| Some(round.program / round.nchan?)).collect();
    Ok(Report {
        sockets: plan.sockets,
        rate,
        of_nchan: (!of_nchan.is_empty()).then(|| median(of_nchan)),
        rounds,
        program,
        nchan,
    })
}

/// What has come to the sockets of one side.
struct Board {
    sockets: u64,
    began: Instant,
    /// Deliveries.
    came: AtomicU64,
    /// Told whenever all sockets together have got as much as one message is.
    news: Notify,
    /// When each message was due, in microseconds since the beginning; by number.
    due: Mutex<Vec<u64>>,
    latencies: Mutex<Latencies>,
}

impl Board {
    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn note(&self, text: &str) {
        let number: Option<usize> = text.get(5..15).and_then(|digits| digits.parse().ok());
        let due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(&due) = number.and_then(|number| due.get(number)) {
            let span = Duration::from_micros(self.now().saturating_sub(due));
            self.latencies.lock().unwrap_or_else(PoisonError::into_inner).add(span);
        }
        if (self.came.fetch_add(1, Ordering::Relaxed) + 1).is_multiple_of(self.sockets) {
            self.news.notify_one();
        }
    }

    /// A message that is due at that instant.
    fn message(&self, due: u64) -> String {
        let mut all = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        let number = all.len();
        all.push(due);
        let text = format!(r#"{{"n":{number:010},"text":""#);
        let rest = "x".repeat(BYTES - text.len() - 2);
        format!(r#"{text}{rest}"}}"#)
    }

    /// Waits until that many messages have come everywhere.
    async fn until(&self, messages: u64) -> Result<()> {
        let all = async {
            while self.came.load(Ordering::Relaxed) < messages * self.sockets {
                self.news.notified().await;
            }
        };
        tokio::time::timeout(REST, all).await.context("messages do not come everywhere")
    }
}

/// The sockets of one side, and how they are told.
struct Audience {
    board: Arc<Board>,
    server: SocketAddr,
    publish: String,
    _listeners: JoinSet<()>,
}

impl Audience {
    async fn gather(
        sockets: usize,
        server: SocketAddr,
        path: &str,
        publish: String,
        greeted: bool,
    ) -> Result<Self> {
        let board = Arc::new(Board {
            sockets: sockets as u64,
            began: Instant::now(),
            came: AtomicU64::default(),
            news: Notify::new(),
            due: Mutex::default(),
            latencies: Mutex::default(),
        });
        let mut listeners = JoinSet::new();
        for number in 0..sockets {
            let mut socket = Socket::open(server, path, number).await.context("a socket cannot be opened")?;
            if greeted {
                socket.send(&hello(0, 0)).await?;
                while !matches!(socket.told().await?, Told::Ready { .. }) {}
            }
            let board = Arc::clone(&board);
            listeners.spawn(async move {
                while let Ok(Heard::Text(text)) = socket.next().await {
                    board.note(text);
                }
            });
        }
        Ok(Self { board, server, publish, _listeners: listeners })
    }

    async fn tell(&self, connection: &mut Connection, due: u64) -> Result<()> {
        let body = self.board.message(due);
        let status = connection.send(&http::post(&self.publish, "x-load", "1", &body)).await?;
        ensure!((200..300).contains(&status), "a message was answered with {status}");
        Ok(())
    }

    /// Messages as fast as they go. Gives how many of a second came everywhere.
    async fn closed(&self, time: Duration) -> Result<f64> {
        let mut connection = Connection::open(self.server).await?;
        let before = self.board.came.load(Ordering::Relaxed) / self.board.sockets;
        let began = Instant::now();
        let mut sent = 0_u64;
        while began.elapsed() < time {
            self.tell(&mut connection, self.board.now()).await?;
            sent += 1;
            self.board.until((before + sent).saturating_sub(WINDOW)).await?;
        }
        self.board.until(before + sent).await?;
        Ok(rate(sent, began.elapsed()))
    }

    /// Messages at a fixed rate. Gives how long each took to each socket.
    async fn open(&self, per_second: f64, time: Duration) -> Result<Summary> {
        let mut connection = Connection::open(self.server).await?;
        *self.board.latencies.lock().unwrap_or_else(PoisonError::into_inner) = Latencies::new();
        let before = self.board.came.load(Ordering::Relaxed) / self.board.sockets;
        let pace = Pace::starting(per_second, time);
        for index in 0..pace.count() {
            let due = pace.wait(index).await;
            let due = due.saturating_duration_since(self.board.began);
            self.tell(&mut connection, u64::try_from(due.as_micros())?).await?;
        }
        self.board.until(before + pace.count() as u64).await?;
        Ok(self.board.latencies.lock().unwrap_or_else(PoisonError::into_inner).summary())
    }
}

impl Report {
    /// For the terminal.
    pub fn text(&self) -> String {
        let some = |rate: Option<f64>| rate.map_or_else(|| "-".to_owned(), |rate| format!("{rate:.0}"));
        let mut lines = vec![["round", "messages/s", "nginx + nchan", "ratio"].map(str::to_owned).to_vec()];
        for (number, Round { program, nchan }) in self.rounds.iter().enumerate() {
            let ratio = nchan.map_or_else(|| "-".to_owned(), |nchan| format!("{:.2}x", program / nchan));
            lines.push(vec![(number + 1).to_string(), format!("{program:.0}"), some(*nchan), ratio]);
        }
        let mut latencies =
            vec![["at half of that", "p50 ms", "p99 ms", "max ms"].map(str::to_owned).to_vec()];
        for (who, summary) in [("botbuilder", Some(self.program)), ("nginx + nchan", self.nchan)] {
            if let Some(summary) = summary {
                latencies.push([who.to_owned()].into_iter().chain(summary.cells()).collect());
            }
        }
        let verdict = match self.of_nchan {
            Some(ratio) => format!("{ratio:.2} of nginx + nchan"),
            None => "nginx with nchan is not installed: no yardstick".to_owned(),
        };
        format!(
            "{BYTES} bytes to {} sockets\n{}\n{}\n{:.0} messages/s, {verdict}\n",
            self.sockets,
            table(&lines),
            table(&latencies),
            self.rate
        )
    }
}
