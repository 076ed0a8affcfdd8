//! Redis: what instances tell each other in passing. Nothing that must not be lost goes through here.
//!
//! The connection is made and made again in the background: a program starts without its Redis, and goes on without
//! it. Meanwhile every call fails at once.

use std::time::Duration;

use botbuilder_domain::Secret;
use bytes::Bytes;
use fred::{
    clients::Client,
    error::ErrorKind,
    interfaces::{
        ClientLike as _, EventInterface as _, KeysInterface as _, PubsubInterface as _,
        SortedSetsInterface as _,
    },
    types::{
        Builder, Message,
        config::{Config, ReconnectPolicy, UnresponsiveConfig},
    },
};
use tokio::{
    sync::broadcast::{self, error::RecvError},
    time::{Instant, sleep_until},
};

/// How long a command may take.
const COMMAND: Duration = Duration::from_secs(1);
/// How long it takes to find out that a server says nothing any more.
const UNRESPONSIVE: Duration = Duration::from_secs(5);
/// Between two attempts to connect: the least and the most, in milliseconds.
const RECONNECT: (u32, u32) = (50, 2_000);
/// Between two attempts to listen.
const LISTEN_AGAIN: Duration = Duration::from_millis(500);
/// Messages that may wait for whoever listens. Beyond it some are lost, and the listener is told.
const WAITING: usize = 4096;

/// Why something could not be told or asked.
#[derive(Debug, thiserror::Error)]
#[error("redis: {0}")]
pub struct Error(#[from] fred::error::Error);

/// A connection to tell things by, and one to hear things by.
#[derive(Clone)]
pub struct Redis {
    client: Client,
    subscriber: Client,
    prefix: String,
}

/// What is heard.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    /// Something that was told.
    Told(Bytes),
    /// The connection is there (again): what was told before may not have been heard.
    Connected,
    /// The connection is gone: nothing is heard until it is back.
    Lost,
    /// More was told than was heard.
    Missed,
}

/// What is heard on one topic.
pub struct Ear {
    topic: String,
    subscriber: Client,
    /// When to ask the connection to listen, where it does not yet.
    listen_at: Option<Instant>,
    messages: broadcast::Receiver<Message>,
    connections: broadcast::Receiver<fred::types::config::Server>,
    errors: broadcast::Receiver<(fred::error::Error, Option<fred::types::config::Server>)>,
}

impl Redis {
    /// Begins to connect. An error if the address cannot be read.
    pub fn open(url: &Secret<String>, prefix: &str) -> Result<Self, Error> {
        // A server that is not there at first may be there later.
        let config = Config { fail_fast: false, ..Config::from_url(url.expose())? };
        let mut builder = Builder::from_config(config);
        builder
            .with_performance_config(|performance| {
                performance.default_command_timeout = COMMAND;
                performance.broadcast_channel_capacity = WAITING;
            })
            .with_connection_config(|connection| {
                connection.max_command_attempts = 1;
                connection.unresponsive =
                    UnresponsiveConfig { max_timeout: Some(UNRESPONSIVE), interval: COMMAND };
            })
            .set_policy(ReconnectPolicy::new_exponential(0, RECONNECT.0, RECONNECT.1, 2));
        let client = builder.build()?;
        // What listens to topics can do nothing else.
        let subscriber = builder.build()?;
        // Both go on by themselves until they are told to end.
        drop(client.connect());
        drop(subscriber.connect());
        Ok(Self { client, subscriber, prefix: prefix.to_owned() })
    }

    fn name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// The connection, if there is one now: without it, commands would wait for one.
    fn connected(&self) -> Result<&Client, Error> {
        if self.client.is_connected() {
            return Ok(&self.client);
        }
        Err(Error(fred::error::Error::new(ErrorKind::IO, "no connection")))
    }

    /// Tells everybody who listens to a topic.
    pub async fn tell(&self, topic: &str, what: Bytes) -> Result<(), Error> {
        let _: i64 = self.connected()?.publish(self.name(topic), what).await?;
        Ok(())
    }

    /// Listens to a topic from now on.
    pub fn listen(&self, topic: &str) -> Ear {
        Ear {
            topic: self.name(topic),
            subscriber: self.subscriber.clone(),
            listen_at: Some(Instant::now()),
            messages: self.subscriber.message_rx(),
            connections: self.subscriber.reconnect_rx(),
            errors: self.subscriber.error_rx(),
        }
    }

    /// Notes that somebody holds something for a while, from now (in milliseconds since 1970).
    pub async fn hold(&self, name: &str, who: &str, now: i64, time: Duration) -> Result<(), Error> {
        let name = self.name(name);
        let until = now.saturating_add(i64::try_from(time.as_millis()).unwrap_or(i64::MAX));
        let pipeline = self.connected()?.pipeline();
        let _: () = pipeline.zadd(&name, None, None, false, false, (score(until), who)).await?;
        let _: () = pipeline.expire(&name, i64::try_from(time.as_secs()).unwrap_or(i64::MAX), None).await?;
        let _: () = pipeline.all().await?;
        Ok(())
    }

    /// Notes that somebody does not hold it any more.
    pub async fn let_go(&self, name: &str, who: &str) -> Result<(), Error> {
        let _: i64 = self.connected()?.zrem(self.name(name), who).await?;
        Ok(())
    }

    /// How many hold it now (in milliseconds since 1970).
    pub async fn holders(&self, name: &str, now: i64) -> Result<u64, Error> {
        Ok(self.connected()?.zcount(self.name(name), score(now), f64::INFINITY).await?)
    }

    /// Ends the connections.
    pub async fn close(&self) {
        // What cannot be ended is gone already.
        let _ = self.subscriber.quit().await;
        let _ = self.client.quit().await;
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit for 285 000 years")]
const fn score(millis: i64) -> f64 {
    millis as f64
}

impl Ear {
    /// What is heard next; none once the connections are closed. Nothing is lost when it is not awaited to the end.
    pub async fn hear(&mut self) -> Option<Heard> {
        loop {
            if self.listen_at.is_some_and(|at| at <= Instant::now()) {
                let subscribed = self.subscriber.is_connected()
                    && self.subscriber.subscribe(self.topic.as_str()).await.is_ok();
                // A connection is told of a moment before it takes commands.
                self.listen_at = if subscribed { None } else { Some(Instant::now() + LISTEN_AGAIN) };
                return Some(if subscribed { Heard::Connected } else { Heard::Lost });
            }
            let listen_at = self.listen_at;
            let heard = tokio::select! {
                message = self.messages.recv() => match message {
                    Ok(message) if message.channel == self.topic.as_str() => {
                        message.value.into_bytes().map(Heard::Told)
                    }
                    Ok(_) => None,
                    Err(RecvError::Lagged(_)) => Some(Heard::Missed),
                    Err(RecvError::Closed) => return None,
                },
                server = self.connections.recv() => match server {
                    Ok(_) | Err(RecvError::Lagged(_)) => {
                        self.listen_at = Some(Instant::now());
                        None
                    }
                    Err(RecvError::Closed) => return None,
                },
                () = sleep_until(listen_at.unwrap_or_else(Instant::now)), if listen_at.is_some() => None,
                error = self.errors.recv() => match error {
                    Ok(_) | Err(RecvError::Lagged(_)) => Some(Heard::Lost),
                    Err(RecvError::Closed) => return None,
                },
            };
            if heard.is_some() {
                return heard;
            }
        }
    }
}
