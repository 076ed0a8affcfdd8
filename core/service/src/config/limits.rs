//! `[limits]`: bounds on what callers may send.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Problem, units};

/// Bounds of the listeners. Beyond one the caller gets an answer that says so; nothing grows without limit.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Connections of one listener; beyond it new ones are closed at once.
    pub connections: usize,
    /// Request line and headers.
    #[serde(with = "units::bytes")]
    pub header_bytes: u64,
    /// Number of headers.
    pub header_count: usize,
    /// Time to send all headers.
    #[serde(with = "units::duration")]
    pub header_timeout: Duration,
    /// Time between two pieces of a body.
    #[serde(with = "units::duration")]
    pub body_idle_timeout: Duration,
    /// Time for a whole body.
    #[serde(with = "units::duration")]
    pub body_timeout: Duration,
    /// Time for a whole request, answer included.
    #[serde(with = "units::duration")]
    pub request_timeout: Duration,
    /// How long an idle connection is kept.
    #[serde(with = "units::duration")]
    pub keep_alive: Duration,
    /// HTTP/2: concurrent requests of one connection.
    pub http2_streams: u32,
    /// A provider's webhook. Meta sends up to 3 MB.
    #[serde(with = "units::bytes")]
    pub webhook_bytes: u64,
    /// Sockets of visitors.
    pub websocket: WebSocket,
}

/// Bounds of a visitor's socket.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebSocket {
    /// One message, also where it comes by a plain request.
    #[serde(with = "units::bytes")]
    pub message_bytes: u64,
    /// One frame.
    #[serde(with = "units::bytes")]
    pub frame_bytes: u64,
    /// Read and write buffer of one connection: most of the memory an idle socket needs.
    #[serde(with = "units::bytes")]
    pub buffer_bytes: u64,
    /// Frames waiting for a slow reader; beyond it the reader is disconnected.
    pub queue_messages: usize,
    /// Sockets of one visitor; beyond it the oldest is closed.
    pub sockets_per_visitor: usize,
    /// Messages of any kind that one visitor may send in a second, over all sockets and requests.
    pub visitor_messages_per_second: u32,
    /// How many of them may come at once.
    pub visitor_messages_burst: u32,
    /// Time between pings. A socket that says nothing from one ping to the next is closed.
    #[serde(with = "units::duration")]
    pub ping_interval: Duration,
    /// Time to say hello, the first message.
    #[serde(with = "units::duration")]
    pub handshake_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 20_000,
            header_bytes: 16 << 10,
            header_count: 100,
            header_timeout: Duration::from_secs(5),
            body_idle_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            request_timeout: Duration::from_secs(30),
            keep_alive: Duration::from_secs(75),
            http2_streams: 128,
            webhook_bytes: 4 << 20,
            websocket: WebSocket::default(),
        }
    }
}

impl Default for WebSocket {
    fn default() -> Self {
        Self {
            message_bytes: 64 << 10,
            frame_bytes: 64 << 10,
            buffer_bytes: 2 << 10,
            queue_messages: 256,
            sockets_per_visitor: 5,
            visitor_messages_per_second: 20,
            visitor_messages_burst: 40,
            ping_interval: Duration::from_secs(25),
            handshake_timeout: Duration::from_secs(5),
        }
    }
}

impl Limits {
    pub(super) fn validate(&self, problems: &mut Vec<Problem>) {
        let socket = &self.websocket;
        for (key, value) in [
            ("limits.connections", self.connections as u64),
            ("limits.header_count", self.header_count as u64),
            ("limits.http2_streams", u64::from(self.http2_streams)),
            ("limits.webhook_bytes", self.webhook_bytes),
            ("limits.websocket.message_bytes", socket.message_bytes),
            ("limits.websocket.frame_bytes", socket.frame_bytes),
            ("limits.websocket.buffer_bytes", socket.buffer_bytes),
            ("limits.websocket.sockets_per_visitor", socket.sockets_per_visitor as u64),
            ("limits.websocket.visitor_messages_per_second", u64::from(socket.visitor_messages_per_second)),
            ("limits.websocket.visitor_messages_burst", u64::from(socket.visitor_messages_burst)),
        ] {
            Problem::unless(value > 0, key, "must be at least 1", problems);
        }
        for (key, value) in [
            ("limits.header_timeout", self.header_timeout),
            ("limits.body_idle_timeout", self.body_idle_timeout),
            ("limits.body_timeout", self.body_timeout),
            ("limits.request_timeout", self.request_timeout),
            ("limits.keep_alive", self.keep_alive),
            ("limits.websocket.ping_interval", socket.ping_interval),
            ("limits.websocket.handshake_timeout", socket.handshake_timeout),
        ] {
            Problem::unless(value > Duration::ZERO, key, "must be longer than nothing", problems);
        }
        // What comes by a plain request is held in memory as a whole; a visitor's text is far smaller than this.
        Problem::unless(
            socket.message_bytes <= 1 << 20,
            "limits.websocket.message_bytes",
            "must be at most 1MiB",
            problems,
        );
        Problem::unless(
            (1..=65_536).contains(&socket.queue_messages),
            "limits.websocket.queue_messages",
            "must be between 1 and 65536",
            problems,
        );
        // hyper refuses to read into less than this.
        Problem::unless(
            self.header_bytes >= 8 << 10,
            "limits.header_bytes",
            "must be at least 8KiB",
            problems,
        );
    }
}
