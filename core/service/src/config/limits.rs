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
    /// A webhook of Meta's channels.
    #[serde(with = "units::bytes")]
    pub webhook_bytes: u64,
    /// A webhook of any other channel.
    #[serde(with = "units::bytes")]
    pub small_webhook_bytes: u64,
    /// JSON sent to the API.
    #[serde(with = "units::bytes")]
    pub api_bytes: u64,
    /// A flow definition sent to the API.
    #[serde(with = "units::bytes")]
    pub flow_bytes: u64,
    /// An uploaded picture, sound, video or file.
    #[serde(with = "units::bytes")]
    pub media_bytes: u64,
    /// An uploaded document of a knowledge base.
    #[serde(with = "units::bytes")]
    pub document_bytes: u64,
    /// Nesting of JSON in provider payloads.
    pub json_depth: usize,
    /// Values of JSON in provider payloads.
    pub json_nodes: usize,
    /// Sockets of widgets and dashboards.
    pub websocket: WebSocket,
}

/// Bounds of a WebSocket.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebSocket {
    /// One message.
    #[serde(with = "units::bytes")]
    pub message_bytes: u64,
    /// One frame.
    #[serde(with = "units::bytes")]
    pub frame_bytes: u64,
    /// Read and write buffer of one connection: most of the memory an idle socket needs.
    #[serde(with = "units::bytes")]
    pub buffer_bytes: u64,
    /// Messages waiting for a slow reader.
    pub queue_messages: usize,
    /// Bytes waiting for a slow reader.
    #[serde(with = "units::bytes")]
    pub queue_bytes: u64,
    /// Time between pings.
    #[serde(with = "units::duration")]
    pub ping_interval: Duration,
    /// Time to answer a ping.
    #[serde(with = "units::duration")]
    pub pong_timeout: Duration,
    /// Time to complete the handshake.
    #[serde(with = "units::duration")]
    pub handshake_timeout: Duration,
    /// Messages of any kind a second from one visitor.
    pub messages_per_second: u32,
    /// Messages a visitor may send at once.
    pub burst: u32,
    /// Sockets of one visitor.
    pub sockets_per_visitor: u32,
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
            small_webhook_bytes: 1 << 20,
            api_bytes: 256 << 10,
            flow_bytes: 1 << 20,
            media_bytes: 25 << 20,
            document_bytes: 50 << 20,
            json_depth: 64,
            json_nodes: 100_000,
            websocket: WebSocket::default(),
        }
    }
}

impl Default for WebSocket {
    fn default() -> Self {
        Self {
            message_bytes: 64 << 10,
            frame_bytes: 64 << 10,
            buffer_bytes: 4 << 10,
            queue_messages: 256,
            queue_bytes: 512 << 10,
            ping_interval: Duration::from_secs(25),
            pong_timeout: Duration::from_secs(10),
            handshake_timeout: Duration::from_secs(5),
            messages_per_second: 20,
            burst: 40,
            sockets_per_visitor: 5,
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
            ("limits.small_webhook_bytes", self.small_webhook_bytes),
            ("limits.api_bytes", self.api_bytes),
            ("limits.flow_bytes", self.flow_bytes),
            ("limits.media_bytes", self.media_bytes),
            ("limits.document_bytes", self.document_bytes),
            ("limits.json_depth", self.json_depth as u64),
            ("limits.json_nodes", self.json_nodes as u64),
            ("limits.websocket.message_bytes", socket.message_bytes),
            ("limits.websocket.frame_bytes", socket.frame_bytes),
            ("limits.websocket.buffer_bytes", socket.buffer_bytes),
            ("limits.websocket.queue_messages", socket.queue_messages as u64),
            ("limits.websocket.queue_bytes", socket.queue_bytes),
            ("limits.websocket.messages_per_second", u64::from(socket.messages_per_second)),
            ("limits.websocket.burst", u64::from(socket.burst)),
            ("limits.websocket.sockets_per_visitor", u64::from(socket.sockets_per_visitor)),
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
            ("limits.websocket.pong_timeout", socket.pong_timeout),
            ("limits.websocket.handshake_timeout", socket.handshake_timeout),
        ] {
            Problem::unless(value > Duration::ZERO, key, "must be longer than nothing", problems);
        }
        // hyper refuses to read into less than this.
        Problem::unless(
            self.header_bytes >= 8 << 10,
            "limits.header_bytes",
            "must be at least 8KiB",
            problems,
        );
    }
}
