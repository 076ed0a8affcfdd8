//! Socket Mode: envelopes over sockets that the app opened, until they are acknowledged.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    body::Body,
    extract::{Path, Request, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use futures_util::{SinkExt as _, StreamExt as _};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, handshake::derive_accept_key, protocol::Role},
};

use super::{Error, Inner, lock, webhook::Signed};

/// How long an envelope may wait for its acknowledgement.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(3);

/// The pauses before an envelope comes again. Slack waits a minute and five; nobody has so much time here.
const AGAIN_AFTER: Duration = Duration::from_millis(300);

/// How often an envelope is tried, interactions and commands included, so that a test need not begin at the right moment.
const ATTEMPTS: u64 = 60;

/// How long a socket stays open after its end was announced.
const ENDS_AFTER: Duration = Duration::from_secs(2);

/// The sockets of the app.
#[derive(Debug, Default)]
pub(super) struct Sockets(Mutex<Open>);

#[derive(Debug, Default)]
struct Open {
    last: u64,
    /// Whether a socket was ever asked for: then everything goes by sockets.
    used: bool,
    tickets: HashSet<String>,
    sockets: HashMap<u64, mpsc::UnboundedSender<Message>>,
    waiting: HashMap<String, oneshot::Sender<Value>>,
    /// What was written back with acknowledgements.
    payloads: Vec<Value>,
    sent: u64,
    acknowledged: u64,
}

impl Sockets {
    /// Whether the app has ever asked for a socket.
    pub(super) fn is_used(&self) -> bool {
        lock(&self.0).used
    }

    /// How many sockets are open.
    pub(super) fn count(&self) -> usize {
        lock(&self.0).sockets.len()
    }

    /// How many envelopes were sent.
    pub(super) fn sent(&self) -> u64 {
        lock(&self.0).sent
    }

    /// How many envelopes were acknowledged.
    pub(super) fn acknowledged(&self) -> u64 {
        lock(&self.0).acknowledged
    }

    /// A ticket for one socket.
    pub(super) fn ticket(&self) -> String {
        let mut open = lock(&self.0);
        open.used = true;
        open.last += 1;
        let ticket = format!("t{}", open.last);
        open.tickets.insert(ticket.clone());
        ticket
    }

    /// Announces the end of every socket, and ends them a moment later.
    pub(super) fn disconnect(&self, reason: &str) {
        let frame = json!({ "type": "disconnect", "reason": reason, "debug_info": { "host": "fake" } });
        for socket in lock(&self.0).sockets.values().cloned().collect::<Vec<_>>() {
            // A socket that is gone needs no announcement.
            let _ = socket.send(Message::text(frame.to_string()));
            tokio::spawn(async move {
                tokio::time::sleep(ENDS_AFTER).await;
                let _ = socket.send(Message::Close(None));
            });
        }
    }

    /// Breaks every socket off without a word.
    pub(super) fn cut(&self) {
        lock(&self.0).sockets.clear();
    }

    /// Sends an envelope until it is acknowledged.
    pub(super) async fn send(&self, kind: &str, payload: &Value) -> Result<(), Error> {
        for attempt in 0..ATTEMPTS {
            let (acknowledging, acknowledged) = oneshot::channel();
            let sent = {
                let mut open = lock(&self.0);
                open.last += 1;
                let envelope = format!("envelope-{}", open.last);
                // Slack takes any of them; the newest shows best whether the old one is needed no more.
                let newest = open.sockets.keys().max().copied();
                let mut frame = json!({
                    "type": kind, "envelope_id": envelope, "payload": payload,
                    "accepts_response_payload": kind != "events_api",
                });
                if attempt > 0 {
                    frame["retry_attempt"] = attempt.into();
                    frame["retry_reason"] = "timeout".into();
                }
                open.sent += 1;
                let socket = newest.and_then(|newest| open.sockets.get(&newest).cloned());
                open.waiting.insert(envelope, acknowledging);
                socket.is_some_and(|socket| socket.send(Message::text(frame.to_string())).is_ok())
            };
            if sent && let Ok(Ok(answer)) = tokio::time::timeout(ACKNOWLEDGED_WITHIN, acknowledged).await {
                if let Some(payload) = answer.get("payload") {
                    lock(&self.0).payloads.push(payload.clone());
                }
                return Ok(());
            }
            tokio::time::sleep(AGAIN_AFTER).await;
        }
        Err(Error::NotTaken("no socket acknowledged it".to_owned()))
    }

    fn hear(&self, text: &str) {
        let answer: Value = serde_json::from_str(text).unwrap_or_default();
        let Some(envelope) = answer.get("envelope_id").and_then(Value::as_str) else { return };
        let mut open = lock(&self.0);
        if let Some(waiting) = open.waiting.remove(envelope) {
            open.acknowledged += 1;
            // It comes late where nobody waits any more, and the envelope comes again.
            let _ = waiting.send(answer);
        }
    }
}

/// Sends a callback over a socket.
pub(super) async fn deliver(state: &Inner, signed: &Signed) -> Result<(), Error> {
    state.sockets.send(signed.kind, &signed.payload).await
}

/// Opens a socket for a ticket.
pub(super) async fn open(
    State(state): State<Arc<Inner>>,
    Path(ticket): Path<String>,
    mut request: Request,
) -> Response {
    let Some(key) = request.headers().get(header::SEC_WEBSOCKET_KEY).cloned() else {
        return StatusCode::UPGRADE_REQUIRED.into_response();
    };
    if !lock(&state.sockets.0).tickets.remove(&ticket) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let accept = derive_accept_key(key.as_bytes());
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let Ok(upgraded) = upgrade.await else { return };
        let socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await;
        serve(&state, socket).await;
    });
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::from_str(&accept) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    response
}

async fn serve(state: &Inner, mut socket: WebSocketStream<TokioIo<hyper::upgrade::Upgraded>>) {
    let (writing, mut to_write) = mpsc::unbounded_channel();
    let (number, count) = {
        let mut open = lock(&state.sockets.0);
        open.last += 1;
        let number = open.last;
        open.sockets.insert(number, writing);
        (number, open.sockets.len())
    };
    let hello = json!({
        "type": "hello", "num_connections": count,
        "connection_info": { "app_id": state.options.app_id },
        "debug_info": { "host": "fake", "approximate_connection_time": 18_060 },
    });
    let mut goes_on = socket.send(Message::text(hello.to_string())).await.is_ok();
    while goes_on {
        goes_on = tokio::select! {
            frame = to_write.recv() => match frame {
                Some(frame) => !matches!(frame, Message::Close(_)) && socket.send(frame).await.is_ok(),
                // Cut: the connection goes without a closing frame.
                None => break,
            },
            heard = socket.next() => match heard {
                Some(Ok(Message::Text(text))) => {
                    state.sockets.hear(&text);
                    true
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => false,
                Some(Ok(_)) => true,
            },
        };
    }
    if lock(&state.sockets.0).sockets.remove(&number).is_some() {
        let _ = tokio::time::timeout(ACKNOWLEDGED_WITHIN, socket.close(None)).await;
    }
}
