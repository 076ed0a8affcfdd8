//! `chat`: visitors who converse with a bot over their sockets, while the program is killed.
//!
//! Each says something, waits for the answer, thinks, and goes on. What is not acknowledged is said again over the next
//! socket under the same id, as the widget does. In the end every visitor's history has to be exactly the conversation:
//! what was said, its answer, and so on, each once; the bot counts along, so a lost step of its flow would show.

use std::{
    net::SocketAddr,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use serde::Serialize;
use tokio::task::JoinSet;

use super::{
    latency::{Latencies, Summary},
    reconnect::Backoff,
};
use crate::{
    platform::{Parts, Platform},
    program,
    random::Random,
    report::table,
    socket::{Socket, Told},
};

/// What a visitor thinks between two messages.
const THINK: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(3));
/// An answer that takes longer is waited for over another socket, as a person would reload the page.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long the whole may take.
const WHOLE: Duration = Duration::from_mins(10);
/// Nobody is anywhere in this scenario.
const NOWHERE: &str = "http://127.0.0.1:9";

/// What to do.
#[derive(Debug, Clone)]
pub struct Plan<'a> {
    /// The database server's superuser.
    pub server: &'a str,
    /// The program.
    pub binary: &'a Path,
    /// Visitors who converse.
    pub visitors: usize,
    /// What each of them says.
    pub messages: usize,
    /// How often the program is killed meanwhile.
    pub kills: usize,
}

/// What was measured.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Visitors who conversed.
    pub visitors: usize,
    /// What all of them said.
    pub said: usize,
    /// How often the program was killed meanwhile.
    pub kills: usize,
    /// From a message to its answer, where the program was not killed in between.
    pub answer: Summary,
    /// The same across a kill.
    pub across: Summary,
    /// Messages and answers that are not there.
    pub lost: usize,
    /// Messages and answers that are there again.
    pub doubled: usize,
    /// Conversations whose order is another.
    pub disordered: usize,
    /// Times that a visitor had to come back.
    pub reconnects: usize,
}

/// Measures.
pub async fn run(plan: &Plan<'_>) -> Result<Report> {
    let platform = Platform::assemble(Parts {
        purpose: "chat",
        server: plan.server,
        binary: plan.binary,
        directory: program::run_directory("chat")?,
        whatsapp_url: NOWHERE.to_owned(),
        telegram_url: NOWHERE.to_owned(),
        log: "warn",
    })
    .await?;
    sqlx::query("UPDATE widget_configs SET rate_per_minute = 600").execute(platform.database.pool()).await?;
    let mut running = platform.program.start(&[], &[])?;
    running.ready().await?;
    let hall = Arc::new(Hall {
        server: platform.program.public,
        path: format!("/widget/v1/{}/ws", platform.seeded.widget_key),
        messages: plan.messages,
        answered: AtomicUsize::new(0),
        life: AtomicUsize::new(0),
        over: AtomicBool::new(false),
        latencies: Mutex::default(),
    });
    let mut talks = JoinSet::new();
    for number in 0..plan.visitors {
        talks.spawn(Talk::new(Arc::clone(&hall), number).hold());
    }
    let all = plan.visitors * plan.messages;
    for kill in 1..=plan.kills {
        hall.until(all * kill / (plan.kills + 1)).await?;
        hall.life.fetch_add(1, Ordering::Relaxed);
        running.kill().await?;
        running = platform.program.start(&[], &[])?;
        running.ready().await?;
    }
    let ended = tokio::time::timeout(WHOLE, async {
        let mut ended = Vec::new();
        while let Some(talk) = talks.join_next().await {
            ended.push(talk??);
        }
        Ok::<_, anyhow::Error>(ended)
    });
    let ended = ended.await.context("the conversations do not end")??;
    running.stop().await?;
    platform.remove().await?;
    let verdicts: Vec<Verdict> = ended.iter().map(Talk::verdict).collect();
    let (answer, across) = {
        let latencies = hall.latencies.lock().unwrap_or_else(PoisonError::into_inner);
        (latencies.0.summary(), latencies.1.summary())
    };
    Ok(Report {
        visitors: plan.visitors,
        said: all,
        kills: plan.kills,
        answer,
        across,
        lost: verdicts.iter().map(|verdict| verdict.lost).sum(),
        doubled: verdicts.iter().map(|verdict| verdict.doubled).sum(),
        disordered: verdicts.iter().filter(|verdict| verdict.disordered).count(),
        reconnects: ended.iter().map(|talk| talk.reconnects).sum(),
    })
}

/// What the visitors share.
struct Hall {
    server: SocketAddr,
    path: String,
    messages: usize,
    answered: AtomicUsize,
    /// How often the program was killed so far.
    life: AtomicUsize,
    over: AtomicBool,
    /// Undisturbed ones, and those across a kill.
    latencies: Mutex<(Latencies, Latencies)>,
}

impl Hall {
    async fn until(&self, answered: usize) -> Result<()> {
        let since = Instant::now();
        while self.answered.load(Ordering::Relaxed) < answered {
            if since.elapsed() > WHOLE {
                self.over.store(true, Ordering::Relaxed);
                bail!("{} answers after {WHOLE:?}", self.answered.load(Ordering::Relaxed));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }
}

/// A line of a history.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Line {
    /// The visitor's, by its number.
    Said(usize),
    /// The bot's answer to the message of that number.
    Answer(usize),
    /// Something that nobody was to say.
    Strange(String),
}

/// A visitor's conversation.
struct Talk {
    hall: Arc<Hall>,
    number: usize,
    /// The number of the message that is said or waited for.
    turn: usize,
    /// When it was said first, and how often the program had been killed by then.
    said: Option<(Instant, usize)>,
    accepted: bool,
    seen: i64,
    /// Numbers that came again or left one out.
    gaps: usize,
    lines: Vec<Line>,
    reconnects: usize,
    random: Random,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Verdict {
    lost: usize,
    doubled: usize,
    disordered: bool,
}

impl Talk {
    fn new(hall: Arc<Hall>, number: usize) -> Self {
        let random = Random::new(number as u64);
        Self {
            hall,
            number,
            turn: 0,
            said: None,
            accepted: false,
            seen: 0,
            gaps: 0,
            lines: Vec::new(),
            reconnects: 0,
            random,
        }
    }

    /// Converses to the end, over as many sockets as it takes.
    async fn hold(mut self) -> Result<Self> {
        let mut backoff = Backoff::new(self.number as u64);
        // Not all in the same instant.
        tokio::time::sleep(self.random.between(Duration::ZERO, THINK.1)).await;
        while self.turn < self.hall.messages && !self.hall.over.load(Ordering::Relaxed) {
            let hall = &self.hall;
            let opened = Socket::visit(hall.server, &hall.path, self.number, self.seen).await;
            if let Ok((socket, missed)) = opened {
                backoff = Backoff::new(self.number as u64);
                for told in &missed {
                    self.take(told);
                }
                if self.go_on(socket).await.is_ok() {
                    break;
                }
            }
            self.reconnects += 1;
            tokio::time::sleep(backoff.next()).await;
        }
        Ok(self)
    }

    fn text(&self, turn: usize) -> String {
        format!("v{}m{turn}", self.number)
    }

    /// Converses over one socket until everything is said, or it ends.
    async fn go_on(&mut self, mut socket: Socket) -> std::io::Result<()> {
        while self.turn < self.hall.messages {
            let turn = self.turn;
            if self.said.is_none() {
                let think = self.random.between(THINK.0, THINK.1);
                // Pings and news come meanwhile.
                let until = tokio::time::Instant::now() + think;
                while let Ok(told) = tokio::time::timeout_at(until, socket.told()).await {
                    self.take(&told?);
                }
                self.said = Some((Instant::now(), self.hall.life.load(Ordering::Relaxed)));
            }
            if !self.accepted {
                let text = self.text(turn);
                let message = format!(r#"{{"type":"message","client_msg_id":"m{turn}","text":"{text}"}}"#);
                socket.send(&message).await?;
            }
            let answered = async {
                while self.turn == turn {
                    let told = socket.told().await?;
                    if let Told::Error { retry_after_ms, .. } = told {
                        tokio::time::sleep(Duration::from_millis(retry_after_ms.max(200))).await;
                        return Ok(());
                    }
                    self.take(&told);
                }
                Ok::<_, std::io::Error>(())
            };
            tokio::time::timeout(PATIENCE, answered).await.map_err(|_| std::io::ErrorKind::TimedOut)??;
        }
        Ok(())
    }

    fn take(&mut self, told: &Told) {
        match told {
            Told::Accepted { client_msg_id } if *client_msg_id == format!("m{}", self.turn) => {
                self.accepted = true;
            }
            Told::Frame { seq, role, content, client_msg_id } => {
                if *seq != self.seen + 1 {
                    self.gaps += 1;
                }
                self.seen = self.seen.max(*seq);
                let text = content.get("text").and_then(serde_json::Value::as_str).unwrap_or_default();
                let line = self.line(role, text, client_msg_id.as_deref());
                if line == Line::Answer(self.turn) {
                    self.answered();
                }
                self.lines.push(line);
            }
            _ => {}
        }
    }

    fn line(&self, role: &str, text: &str, client_msg_id: Option<&str>) -> Line {
        let strange = || Line::Strange(format!("{role}: {text}"));
        if role == "visitor" {
            let number = client_msg_id.and_then(|id| id.strip_prefix('m')?.parse().ok());
            return number.filter(|number| text == self.text(*number)).map_or_else(strange, Line::Said);
        }
        let counted: Option<usize> =
            text.rsplit_once(", message ").and_then(|(_, rest)| rest.strip_suffix(')')?.parse().ok());
        let Some(turn) = counted.and_then(|counted| counted.checked_sub(1)) else { return strange() };
        let said = self.text(turn);
        let expected = format!("You said: {said} ({} characters, message {})", said.len(), turn + 1);
        if text == expected { Line::Answer(turn) } else { strange() }
    }

    fn answered(&mut self) {
        if let Some((at, life)) = self.said.take() {
            let mut latencies = self.hall.latencies.lock().unwrap_or_else(PoisonError::into_inner);
            let kept = if life == self.hall.life.load(Ordering::Relaxed) {
                &mut latencies.0
            } else {
                &mut latencies.1
            };
            kept.add(at.elapsed());
        }
        self.hall.answered.fetch_add(1, Ordering::Relaxed);
        self.turn += 1;
        self.accepted = false;
    }

    /// What the history is, beside what it should be.
    fn verdict(&self) -> Verdict {
        let expected: Vec<Line> =
            (0..self.hall.messages).flat_map(|turn| [Line::Said(turn), Line::Answer(turn)]).collect();
        let mut verdict = Verdict::default();
        for line in &expected {
            match self.lines.iter().filter(|found| *found == line).count() {
                0 => verdict.lost += 1,
                count => verdict.doubled += count - 1,
            }
        }
        verdict.disordered = self.lines != expected || self.gaps > 0;
        if verdict.disordered {
            eprintln!("visitor {}: {} numbers out of order, {:?}", self.number, self.gaps, self.lines);
        }
        verdict
    }
}

impl Report {
    /// Whether every conversation is what it should be.
    pub const fn is_whole(&self) -> bool {
        self.lost == 0 && self.doubled == 0 && self.disordered == 0
    }

    /// For the terminal.
    pub fn text(&self) -> String {
        let mut lines = vec![
            ["message, until its answer is there", "count", "p50 ms", "p99 ms", "max ms"]
                .map(str::to_owned)
                .to_vec(),
        ];
        for (what, summary) in [("undisturbed", self.answer), ("across a kill", self.across)] {
            let mut line = vec![what.to_owned(), summary.count.to_string()];
            line.extend(summary.cells());
            lines.push(line);
        }
        format!(
            "{} visitors, {} messages, {} kills, {} reconnections\n{}{} lost, {} doubled, {} conversations out of order\n",
            self.visitors,
            self.said,
            self.kills,
            self.reconnects,
            table(&lines),
            self.lost,
            self.doubled,
            self.disordered
        )
    }
}
