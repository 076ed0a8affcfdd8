//! A visitor's socket.
//!
//! Nearly all sockets are idle nearly always, so what an idle one needs is kept small: buffers of a few kilobytes, and
//! everything that happens now and then (a hello, a history, something said) in memory of its own while it happens.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use botbuilder_service::config::limits;
use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::time::timeout;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message, Utf8Bytes,
        handshake::derive_accept_key,
        protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode},
    },
};
use tracing::debug;

use super::{
    Desk, Known, Refused, Session, enter,
    history::{self, Begun, PAGE, Written},
    protocol::{self, First, FromVisitor},
    say::Taken,
    session,
};
use crate::{
    Gateway,
    hub::{Push, Reader},
};

/// A frame that cannot be written within this time ends the socket.
const WRITE_WITHIN: Duration = Duration::from_secs(10);
/// Most bytes of a frame to a visitor, beyond the buffer, where visitors may not send larger ones themselves.
const WRITE_MAX: usize = 512 << 10;
/// A visitor who goes on after so many more refusals than frames taken is closed.
const REFUSALS_MAX: u32 = 100;
/// After a restart the visitors come back over this time, in milliseconds.
const RECONNECT_OVER: u32 = 5000;

/// The token is not accepted.
const TOKEN: u16 = 4401;
/// The visitor has opened too many others.
const DISPLACED: u16 = 4409;
/// Too many frames.
const TOO_MANY: u16 = 4429;

/// How a socket is ended, where there is anybody left to hear it.
type Goodbye = (CloseCode, &'static str);

const AGAIN: Goodbye = (CloseCode::Again, "reconnect");

pub(super) type Socket = WebSocketStream<TokioIo<hyper::upgrade::Upgraded>>;

/// Small buffers: by default a socket takes 135 KB after its first message.
fn config(limits: &limits::WebSocket) -> WebSocketConfig {
    let bytes = |limit: u64| usize::try_from(limit).unwrap_or(usize::MAX);
    let buffer = bytes(limits.buffer_bytes);
    WebSocketConfig::default()
        .read_buffer_size(buffer)
        .write_buffer_size(buffer)
        .max_write_buffer_size(buffer.saturating_add(WRITE_MAX.max(bytes(limits.message_bytes))))
        .max_message_size(Some(bytes(limits.message_bytes)))
        .max_frame_size(Some(bytes(limits.frame_bytes)))
}

/// Opens a visitor's socket.
pub(super) async fn open(
    State(gateway): State<Gateway>,
    Path(public_key): Path<String>,
    request: Request,
) -> Response {
    let Some(accept) = accept_key(request.headers()) else {
        return (StatusCode::UPGRADE_REQUIRED, "this address speaks WebSocket\n").into_response();
    };
    let known = match enter(&gateway, &public_key, request.headers()).await {
        Ok(known) => known,
        Err(refused) => return refused.into_response(),
    };
    let is_browser = request.headers().contains_key(header::ORIGIN);
    upgraded(request, accept, move |upgraded| async move {
        let socket = wrap(upgraded, &gateway.limits.websocket).await;
        converse(gateway, public_key, known, is_browser, socket).await;
    })
}

/// Answers a handshake, and goes on with the connection once the answer has been read.
pub(super) fn upgraded<Next>(
    mut request: Request,
    accept: HeaderValue,
    then: impl FnOnce(hyper::upgrade::Upgraded) -> Next + Send + 'static,
) -> Response
where
    Next: Future<Output = ()> + Send,
{
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        match upgrade.await {
            Ok(upgraded) => then(upgraded).await,
            Err(error) => debug!(error = %error, "socket was not opened"),
        }
    });
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    response
}

/// A connection as a socket, within the bounds.
pub(super) async fn wrap(upgraded: hyper::upgrade::Upgraded, limits: &limits::WebSocket) -> Socket {
    WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config(limits))).await
}

/// The answer to a WebSocket handshake (RFC 6455, 4.2.2), or none if this is not one.
pub(super) fn accept_key(headers: &HeaderMap) -> Option<HeaderValue> {
    let says = |name, word: &str| {
        headers
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
            .is_some_and(|value| value.split(',').any(|item| item.trim().eq_ignore_ascii_case(word)))
    };
    let is_handshake = says(header::CONNECTION, "upgrade")
        && says(header::UPGRADE, "websocket")
        && says(header::SEC_WEBSOCKET_VERSION, "13");
    let key = headers.get(header::SEC_WEBSOCKET_KEY).filter(|_| is_handshake)?;
    HeaderValue::from_str(&derive_accept_key(key.as_bytes())).ok()
}

/// A socket from its first frame to its last.
async fn converse(
    gateway: Gateway,
    public_key: String,
    known: Arc<Known>,
    is_browser: bool,
    mut socket: Socket,
) {
    let ended = match Box::pin(greet(gateway, public_key, known, is_browser, &mut socket)).await {
        Ok(chat) => chat.go_on().await,
        Err(ended) => ended,
    };
    if let Some((code, reason)) = ended {
        close(&mut socket, code, reason).await;
    }
}

/// The first frame, and what was missed.
async fn greet(
    gateway: Gateway,
    public_key: String,
    known: Arc<Known>,
    is_browser: bool,
    socket: &mut Socket,
) -> Result<Box<Chat<'_>>, Option<Goodbye>> {
    let hello = match timeout(gateway.limits.websocket.handshake_timeout, socket.next()).await {
        Ok(Some(Ok(Message::Text(text)))) => serde_json::from_str::<First>(&text).ok(),
        _ => None,
    };
    let presented = hello
        .and_then(|First::Hello { token, secret, last_seq, tail }| Some((token.or(secret)?, last_seq, tail)));
    let Some((presented, last_seq, tail)) = presented else {
        return Err(Some((CloseCode::Policy, "say hello first")));
    };
    let session = match session::of_presented(&gateway, &public_key, &known, &presented, is_browser) {
        Ok(session) => session,
        // What has not the form of either will never be one.
        Err(_) if !presented.contains('.') => return Err(Some((CloseCode::Policy, "say hello first"))),
        Err(_) => return Err(Some((TOKEN.into(), "token is not accepted"))),
    };
    // Subscribed before the history is read, so that nothing falls between the two.
    let reader = gateway.hub.connect(&(known.widget.channel, session.visitor.clone()));
    let mut chat = Box::new(Chat { gateway, known, session, reader, socket, seen: 0, refusals: 0 });
    chat.begin(last_seq, tail).await?;
    Ok(chat)
}

/// A visitor who has said hello. What ends it is how to say goodbye, or none where nobody is left to hear it.
struct Chat<'a> {
    gateway: Gateway,
    known: Arc<Known>,
    session: Session,
    reader: Reader,
    socket: &'a mut Socket,
    /// The number up to which everything was written.
    seen: i64,
    /// Frames refused for their rate, less those taken since.
    refusals: u32,
}

impl Chat<'_> {
    /// Writes what was missed.
    async fn begin(&mut self, last_seq: i64, tail: i64) -> Result<(), Option<Goodbye>> {
        let Chat { gateway, known, session, .. } = self;
        let begun = history::begin(gateway, known, &session.visitor, last_seq, tail).await;
        let Begun { marks, is_other, frames } = begun.map_err(|_| Some(AGAIN))?;
        if is_other {
            self.write(&protocol::reset()).await?;
        }
        self.seen = marks.last.min(frames.first().map_or(marks.last, |(seq, _)| seq - 1));
        let may_be_more = frames.len() >= PAGE;
        self.write_all(frames).await?;
        if may_be_more {
            self.refill().await?;
        }
        self.write(&protocol::ready(self.seen, marks.read)).await
    }

    /// Writes everything after what was written.
    async fn refill(&mut self) -> Result<(), Option<Goodbye>> {
        loop {
            let missed = history::after(&self.gateway, &self.known, &self.session.visitor, self.seen).await;
            let missed = missed.map_err(|_| Some(AGAIN))?;
            let may_be_more = missed.len() >= PAGE;
            self.write_all(missed).await?;
            if !may_be_more {
                return Ok(());
            }
        }
    }

    async fn write_all(&mut self, frames: Vec<Written>) -> Result<(), Option<Goodbye>> {
        for (seq, text) in frames {
            self.seen = self.seen.max(seq);
            self.write_text(text).await?;
        }
        Ok(())
    }

    /// Talks until one side ends it.
    async fn go_on(mut self: Box<Self>) -> Option<Goodbye> {
        let mut ping = tokio::time::interval(self.gateway.limits.websocket.ping_interval);
        ping.reset();
        let mut awaiting_pong = false;
        let stopping = self.gateway.hub.stopping();
        loop {
            let done = tokio::select! {
                pushed = self.reader.recv() => self.pushed(pushed).await,
                message = self.socket.next() => {
                    awaiting_pong = false;
                    self.heard(message).await
                }
                _ = ping.tick() => {
                    if awaiting_pong {
                        return None;
                    }
                    awaiting_pong = true;
                    self.send(Message::Ping(Bytes::new())).await
                }
                () = stopping.cancelled() => {
                    // If it cannot be written, closing says enough.
                    let _ = self.write(&protocol::reconnect(random_delay())).await;
                    return Some((CloseCode::Restart, "restart"));
                }
            };
            if let Err(ended) = done {
                return ended;
            }
        }
    }

    async fn pushed(&mut self, pushed: Option<Push>) -> Result<(), Option<Goodbye>> {
        match pushed {
            None if self.reader.is_displaced() => Err(Some((DISPLACED.into(), "too many sockets"))),
            // The queue was full and the hub let go: what is missing is in the history.
            None => Err(Some(AGAIN)),
            // Already written from the history.
            Some(Push::Frame { seq, .. }) if seq <= self.seen => Ok(()),
            Some(Push::Frame { seq, text }) if seq == self.seen + 1 => {
                self.seen = seq;
                self.write_text(text).await
            }
            // Two writers push in another order than they wrote, or a push was lost on its way: the history has all.
            Some(Push::Frame { .. } | Push::Refill) => Box::pin(self.refill()).await,
            Some(Push::Signal(text)) => self.write_text(text).await,
        }
    }

    async fn heard(
        &mut self,
        message: Option<Result<Message, tokio_tungstenite::tungstenite::Error>>,
    ) -> Result<(), Option<Goodbye>> {
        match message {
            Some(Ok(Message::Text(text))) => match Box::pin(self.take(&text)).await {
                Some(answer) if self.refusals > REFUSALS_MAX => {
                    self.write(&answer).await?;
                    Err(Some((TOO_MANY.into(), "too many frames")))
                }
                Some(answer) => self.write(&answer).await,
                None => Ok(()),
            },
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Ok(()),
            Some(Ok(Message::Binary(_))) => Err(Some((CloseCode::Unsupported, "text frames only"))),
            Some(Ok(Message::Close(_)) | Err(_)) | None => Err(None),
        }
    }

    /// Takes what the visitor sent; the answer says that it is durable, or what is wrong with it.
    async fn take(&mut self, text: &str) -> Option<Value> {
        let frame: FromVisitor = match serde_json::from_str(text) {
            Ok(frame) => frame,
            Err(error) => return Some(protocol::error(None, "bad_request", &error.to_string())),
        };
        let id = frame.client_msg_id().map(str::to_owned);
        let desk = Desk {
            gateway: &self.gateway,
            known: &self.known,
            session: &self.session,
            reader: Some(self.reader.id()),
        };
        let taken = desk.take(frame).await;
        self.refusals = match taken {
            Err(Refused::TooFast(_)) => self.refusals + 1,
            _ => self.refusals.saturating_sub(1),
        };
        match taken {
            Ok(Taken::Durable(seq)) => Some(protocol::accepted(&id.unwrap_or_default(), seq)),
            Ok(Taken::Pong) => Some(protocol::pong()),
            Ok(Taken::Silently) => None,
            Err(Refused::Bad(detail)) => Some(protocol::error(id.as_deref(), "bad_request", &detail)),
            Err(Refused::TooFast(wait)) => Some(protocol::too_fast(id.as_deref(), wait)),
            Err(_) => Some(protocol::error(id.as_deref(), "unavailable", "try again in a moment")),
        }
    }

    async fn write(&mut self, value: &Value) -> Result<(), Option<Goodbye>> {
        self.send(Message::text(value.to_string())).await
    }

    async fn write_text(&mut self, text: Bytes) -> Result<(), Option<Goodbye>> {
        // What we wrote ourselves is JSON, and so it is text.
        match Utf8Bytes::try_from(text) {
            Ok(text) => self.send(Message::Text(text)).await,
            Err(_) => Err(Some(AGAIN)),
        }
    }

    async fn send(&mut self, message: Message) -> Result<(), Option<Goodbye>> {
        match timeout(WRITE_WITHIN, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(None),
        }
    }
}

/// Somewhere in [`RECONNECT_OVER`], so that a restart is not followed by everybody at once.
fn random_delay() -> Duration {
    let mut bytes = [0_u8; 4];
    // Without randomness all come back at once, which is still better than not at all.
    let _ = getrandom::fill(&mut bytes);
    Duration::from_millis(u64::from(u32::from_le_bytes(bytes) % RECONNECT_OVER))
}

async fn close(socket: &mut Socket, code: CloseCode, reason: &'static str) {
    let frame = CloseFrame { code, reason: reason.into() };
    if let Ok(Err(error)) = timeout(WRITE_WITHIN, socket.close(Some(frame))).await {
        debug!(error = %error, "socket was gone before it was closed");
    }
}
