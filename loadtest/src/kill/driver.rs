//! Writes as the providers would: each contact's messages in order, each again until it is taken, and some again
//! although they were taken.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use serde::Serialize;
use tokio::task::JoinSet;

use crate::{
    http::{self, Connection},
    input::{Channel, Contact, Input, Secrets},
    random::Random,
};

/// The pause before a message that was not taken is sent again.
const AGAIN: Duration = Duration::from_millis(25);
/// How many in a hundred are sent again although they were taken.
const REDELIVERED: u64 = 5;

/// Who writes how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Crowd {
    /// Contacts on WhatsApp.
    pub whatsapp: u32,
    /// Contacts on Telegram.
    pub telegram: u32,
    /// Contacts on Slack.
    pub slack: u32,
    /// Contacts on Instagram.
    pub instagram: u32,
    /// Messages a second, of all of them together.
    pub rate: u32,
}

impl Default for Crowd {
    fn default() -> Self {
        Self { whatsapp: 16, telegram: 8, slack: 8, instagram: 8, rate: 60 }
    }
}

impl Crowd {
    /// Everybody.
    pub fn contacts(self) -> impl Iterator<Item = Contact> {
        let of = |channel, count| (0..count).map(move |number| Contact { channel, number });
        of(Channel::Whatsapp, self.whatsapp)
            .chain(of(Channel::Telegram, self.telegram))
            .chain(of(Channel::Slack, self.slack))
            .chain(of(Channel::Instagram, self.instagram))
    }
}

/// What the driver saw.
#[derive(Debug, Default)]
pub struct Log {
    accepted: Mutex<Vec<Input>>,
    attempts: AtomicU64,
    unanswered: AtomicU64,
    refused: AtomicU64,
    redelivered: AtomicU64,
}

/// How often what happened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Requests.
    pub attempts: u64,
    /// Requests that nobody answered.
    pub unanswered: u64,
    /// Requests that were answered with 503.
    pub unavailable: u64,
    /// Messages sent again although they were taken.
    pub redelivered: u64,
}

impl Log {
    /// What was accepted so far.
    pub fn accepted(&self) -> Vec<Input> {
        self.accepted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How often what happened so far.
    pub fn counts(&self) -> Counts {
        Counts {
            attempts: self.attempts.load(Ordering::Relaxed),
            unanswered: self.unanswered.load(Ordering::Relaxed),
            unavailable: self.refused.load(Ordering::Relaxed),
            redelivered: self.redelivered.load(Ordering::Relaxed),
        }
    }
}

/// Where callbacks go.
#[derive(Debug, Clone)]
pub struct Target {
    /// The public listener.
    pub address: SocketAddr,
    /// The path of each channel.
    pub paths: HashMap<Channel, String>,
    /// What callbacks prove themselves with.
    pub secrets: Secrets,
}

/// A crowd that writes.
#[derive(Debug)]
pub struct Driver {
    log: Arc<Log>,
    last: Arc<AtomicBool>,
    writers: JoinSet<Result<()>>,
}

impl Driver {
    /// Starts to write.
    pub fn start(crowd: Crowd, target: Target, random: &mut Random) -> Self {
        let (log, last) = (Arc::new(Log::default()), Arc::new(AtomicBool::new(false)));
        let target = Arc::new(target);
        let contacts = u64::try_from(crowd.contacts().count()).unwrap_or(u64::MAX);
        let pause = Duration::from_secs(contacts) / crowd.rate.max(1);
        let mut writers = JoinSet::new();
        for contact in crowd.contacts() {
            let writer = Writer {
                contact,
                target: Arc::clone(&target),
                log: Arc::clone(&log),
                last: Arc::clone(&last),
                random: random.branch(),
                connection: None,
            };
            writers.spawn(writer.run(pause));
        }
        Self { log, last, writers }
    }

    /// What it saw so far.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Lets everyone write one more message, and waits until it is accepted. Its reply comes after all others of the
    /// contact, so once that is there nothing earlier can be under way.
    pub async fn finish(mut self) -> Result<Arc<Log>> {
        self.last.store(true, Ordering::Relaxed);
        while let Some(ended) = self.writers.join_next().await {
            ended??;
        }
        Ok(self.log)
    }
}

struct Writer {
    contact: Contact,
    target: Arc<Target>,
    log: Arc<Log>,
    last: Arc<AtomicBool>,
    random: Random,
    connection: Option<Connection>,
}

impl Writer {
    async fn run(mut self, pause: Duration) -> Result<()> {
        let path =
            self.target.paths.get(&self.contact.channel).context("nobody listens on this channel")?.clone();
        for number in 1.. {
            let is_last = self.last.load(Ordering::Relaxed);
            if !is_last {
                let pause = self.random.between(Duration::ZERO, pause * 2);
                tokio::time::sleep(pause).await;
            }
            let input = Input { contact: self.contact, number };
            let callback = input.callback(&self.target.secrets);
            let request = http::post_with(&path, &callback.headers, &callback.body);
            self.until_taken(input, &request).await?;
            self.log.accepted.lock().unwrap_or_else(PoisonError::into_inner).push(input);
            if self.random.percent(REDELIVERED) {
                self.log.redelivered.fetch_add(1, Ordering::Relaxed);
                self.until_taken(input, &request).await?;
            }
            if is_last {
                break;
            }
        }
        Ok(())
    }

    async fn until_taken(&mut self, input: Input, request: &[u8]) -> Result<()> {
        loop {
            self.log.attempts.fetch_add(1, Ordering::Relaxed);
            match self.attempt(request).await {
                Ok(200..=299) => return Ok(()),
                Ok(503) => {
                    self.log.refused.fetch_add(1, Ordering::Relaxed);
                }
                Ok(status) => bail!("{input} was answered with {status}"),
                Err(_) => {
                    self.connection = None;
                    self.log.unanswered.fetch_add(1, Ordering::Relaxed);
                }
            }
            let pause = self.random.between(AGAIN / 2, AGAIN * 2);
            tokio::time::sleep(pause).await;
        }
    }

    async fn attempt(&mut self, request: &[u8]) -> std::io::Result<u16> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => none.insert(Connection::open(self.target.address).await?),
        };
        connection.send(request).await
    }
}
