//! A visitor of a website, over a socket.

use std::collections::VecDeque;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

use super::{PATIENCE, TestPlatform};

/// A frame of the visitor's history.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// Its number.
    pub seq: i64,
    /// What it holds.
    pub content: Value,
}

impl Frame {
    /// The text a person reads in it.
    pub fn text(&self) -> &str {
        let text = self.content.pointer("/text").or_else(|| self.content.pointer("/text/text"));
        text.and_then(Value::as_str).unwrap_or_default()
    }
}

/// A visitor who is connected.
pub struct Visitor {
    /// The secret of the session.
    pub secret: String,
    /// How far the history went when the socket was opened.
    pub ready_at: i64,
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Frames that came while something else was waited for.
    frames: VecDeque<Frame>,
    said: u64,
}

impl Visitor {
    /// Begins a session and opens a socket.
    ///
    /// # Panics
    ///
    /// If either is refused.
    pub async fn begin(platform: &TestPlatform, widget_key: &str) -> Self {
        let answer = platform.post(&format!("/widget/v1/{widget_key}/session"), &[], "").await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let secret = answer.json()["secret"].as_str().expect("a secret").to_owned();
        Self::resume(platform, widget_key, secret, 0).await
    }

    /// Opens a socket for a session that was begun before, from the frame after `last_seq`.
    ///
    /// # Panics
    ///
    /// If it is refused.
    pub async fn resume(platform: &TestPlatform, widget_key: &str, secret: String, last_seq: i64) -> Self {
        let mut visitor = Self::silent(platform, widget_key, secret).await;
        visitor.send(&json!({ "type": "hello", "secret": visitor.secret, "last_seq": last_seq })).await;
        // What was missed comes first.
        loop {
            let answer = visitor.receive().await.expect("an answer to the hello");
            if answer["type"] == "frame" {
                visitor.keep(&answer);
                continue;
            }
            if answer["type"] == "reset" {
                continue;
            }
            assert_eq!(answer["type"], "ready", "{answer}");
            visitor.ready_at = answer["last_seq"].as_i64().expect("a number");
            return visitor;
        }
    }

    /// Opens a socket and says nothing.
    ///
    /// # Panics
    ///
    /// If it is refused.
    pub async fn silent(platform: &TestPlatform, widget_key: &str, secret: String) -> Self {
        let url = format!("{}/widget/v1/{widget_key}/ws", platform.base_url()).replacen("http", "ws", 1);
        let (socket, _) = connect_async(url).await.expect("a socket");
        Self { secret, ready_at: 0, socket, frames: VecDeque::new(), said: 0 }
    }

    /// Sends a frame.
    ///
    /// # Panics
    ///
    /// If the socket is closed.
    pub async fn send(&mut self, frame: &Value) {
        self.socket.send(Message::text(frame.to_string())).await.expect("an open socket");
    }

    /// Sends a frame, unless the socket is closed.
    pub async fn offer(&mut self, frame: &Value) -> bool {
        self.socket.send(Message::text(frame.to_string())).await.is_ok()
    }

    /// Sends a binary frame.
    ///
    /// # Panics
    ///
    /// If the socket is closed.
    pub async fn send_bytes(&mut self, bytes: Vec<u8>) {
        self.socket.send(Message::binary(bytes)).await.expect("an open socket");
    }

    /// Says something; returns once it is durable.
    ///
    /// # Panics
    ///
    /// If it is not accepted.
    pub async fn say(&mut self, text: &str) {
        self.said += 1;
        let id = format!("said-{}-{}", self.ready_at, self.said);
        self.send(&json!({ "type": "message", "client_msg_id": id, "text": text })).await;
        self.accepted(&id).await;
    }

    /// Chooses an option; returns once that is durable.
    ///
    /// # Panics
    ///
    /// If it is not accepted.
    pub async fn choose(&mut self, id: &str, title: &str) {
        self.said += 1;
        let client = format!("said-{}-{}", self.ready_at, self.said);
        self.send(&json!({ "type": "choice", "client_msg_id": client, "id": id, "title": title })).await;
        self.accepted(&client).await;
    }

    /// Waits for the word that something is durable.
    ///
    /// # Panics
    ///
    /// If another answer comes.
    pub async fn accepted(&mut self, client_msg_id: &str) {
        loop {
            let answer = self.receive().await.expect("an answer");
            match answer["type"].as_str() {
                Some("frame") => self.keep(&answer),
                Some("read" | "seen" | "typing") => {}
                Some("accepted") => {
                    assert_eq!(answer["client_msg_id"], client_msg_id);
                    return;
                }
                _ => panic!("{client_msg_id} was not accepted: {answer}"),
            }
        }
    }

    /// The next frame of the history that is not the visitor's own.
    ///
    /// # Panics
    ///
    /// If none comes.
    pub async fn frame(&mut self) -> Frame {
        loop {
            if let Some(frame) = self.frames.pop_front() {
                return frame;
            }
            let answer = self.receive().await.expect("a frame");
            if matches!(answer["type"].as_str(), Some("read" | "seen" | "typing")) {
                continue;
            }
            assert_eq!(answer["type"], "frame", "{answer}");
            self.keep(&answer);
        }
    }

    /// Keeps a frame for later, unless it is what the visitor said.
    fn keep(&mut self, answer: &Value) {
        if answer["role"] == "visitor" {
            return;
        }
        let seq = answer["seq"].as_i64().expect("a number");
        self.frames.push_back(Frame { seq, content: answer["content"].clone() });
    }

    /// Waits until the socket is closed, and tells the code; none if it broke without a word.
    ///
    /// # Panics
    ///
    /// If it stays open.
    pub async fn closed(&mut self) -> Option<u16> {
        loop {
            match timeout(PATIENCE, self.socket.next()).await.expect("the end of the socket") {
                Some(Ok(Message::Close(frame))) => return frame.map(|frame| frame.code.into()),
                Some(Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }

    /// The next thing the socket says; none once it is closed.
    ///
    /// # Panics
    ///
    /// If nothing comes.
    pub async fn receive(&mut self) -> Option<Value> {
        loop {
            match timeout(PATIENCE, self.socket.next()).await.expect("something from the socket") {
                Some(Ok(Message::Text(text))) => return Some(serde_json::from_str(&text).expect("JSON")),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }
}
