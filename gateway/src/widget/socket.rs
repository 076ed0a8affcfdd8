//! A visitor's socket.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use botbuilder_adapter_kit::Account;
use botbuilder_service::config::limits;
use botbuilder_store::bots::widget_configs::Widget;
use futures_util::{SinkExt as _, StreamExt as _};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::time::timeout;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        handshake::derive_accept_key,
        protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode},
    },
};
use tracing::debug;

use super::{FromVisitor, PAGE, Refused, Session, enter, protocol, refill, take};
use crate::Gateway;

/// A frame that cannot be written within this time ends the socket.
const WRITE_WITHIN: Duration = Duration::from_secs(10);
/// Most bytes of a frame to a visitor, beyond the buffer.
const WRITE_MAX: usize = 512 << 10;

type Socket = WebSocketStream<TokioIo<hyper::upgrade::Upgraded>>;

/// Small buffers: by default a socket takes 135 KB after its first message.
fn config(limits: &limits::WebSocket) -> WebSocketConfig {
    let bytes = |limit: u64| usize::try_from(limit).unwrap_or(usize::MAX);
    let buffer = bytes(limits.buffer_bytes);
    WebSocketConfig::default()
        .read_buffer_size(buffer)
        .write_buffer_size(buffer)
        .max_write_buffer_size(buffer.saturating_add(WRITE_MAX))
        .max_message_size(Some(bytes(limits.message_bytes)))
        .max_frame_size(Some(bytes(limits.frame_bytes)))
}

/// Opens a visitor's socket.
pub(super) async fn open(
    State(gateway): State<Gateway>,
    Path(public_key): Path<String>,
    mut request: Request,
) -> Response {
    let Some(accept) = accept_key(request.headers()) else {
        return (StatusCode::UPGRADE_REQUIRED, "this address speaks WebSocket\n").into_response();
    };
    let (widget, account) = match enter(&gateway, &public_key, request.headers()).await {
        Ok(entered) => entered,
        Err(refused) => return refused.into_response(),
    };
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        match upgrade.await {
            Ok(upgraded) => {
                let io = TokioIo::new(upgraded);
                let config = config(&gateway.limits.websocket);
                let socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
                converse(gateway, widget, account, socket).await;
            }
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

/// The answer to a WebSocket handshake (RFC 6455, 4.2.2), or none if this is not one.
fn accept_key(headers: &HeaderMap) -> Option<HeaderValue> {
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

async fn converse(gateway: Gateway, widget: Widget, account: Arc<Account>, mut socket: Socket) {
    let hello = match timeout(gateway.limits.websocket.handshake_timeout, socket.next()).await {
        Ok(Some(Ok(Message::Text(text)))) => serde_json::from_str::<protocol::First>(&text).ok(),
        _ => None,
    };
    let greeted =
        hello.and_then(|protocol::First::Hello { secret, last_seq }| Some((Session::of(&secret)?, last_seq)));
    let Some((session, last_seq)) = greeted else {
        close(&mut socket, CloseCode::Policy, "say hello first").await;
        return;
    };
    // Subscribed before the history is read, so that nothing falls between the two.
    let mut pushed = gateway.hub.connect(widget.channel, &session.visitor);
    let ended = chat(&gateway, &widget, &account, &session, last_seq, &mut pushed, &mut socket).await;
    drop(pushed);
    gateway.hub.disconnect(widget.channel, &session.visitor);
    if let Some((code, reason)) = ended {
        close(&mut socket, code, reason).await;
    }
}

/// Talks until one side ends it. Returns how to say goodbye, where there is anybody left to hear it.
async fn chat(
    gateway: &Gateway,
    widget: &Widget,
    account: &Arc<Account>,
    session: &Session,
    mut seen: i64,
    pushed: &mut tokio::sync::mpsc::Receiver<crate::hub::Frame>,
    socket: &mut Socket,
) -> Option<(CloseCode, &'static str)> {
    const AGAIN: (CloseCode, &str) = (CloseCode::Again, "reconnect");
    // A number that the history does not have is one of another history: the data was replaced. All of it is sent then.
    if seen > 0 {
        let Ok(known) = refill(gateway, widget, &session.visitor, seen - 1).await else { return Some(AGAIN) };
        let first = known.first().and_then(|frame| frame.get("seq")).and_then(Value::as_i64);
        if first != Some(seen) {
            seen = 0;
        }
    }
    loop {
        let Ok(missed) = refill(gateway, widget, &session.visitor, seen).await else { return Some(AGAIN) };
        let may_be_more = missed.len() >= PAGE;
        for frame in missed {
            seen = frame.get("seq").and_then(Value::as_i64).map_or(seen, |seq| seen.max(seq));
            if !write(socket, &frame).await {
                return None;
            }
        }
        if !may_be_more {
            break;
        }
    }
    if !write(socket, &protocol::ready(seen)).await {
        return None;
    }
    let mut ping = tokio::time::interval(gateway.limits.websocket.ping_interval);
    ping.reset();
    let mut awaiting_pong = false;
    loop {
        tokio::select! {
            frame = pushed.recv() => match frame {
                // The queue was full and the hub let go: what is missing is in the history.
                None => return Some(AGAIN),
                // Already written from the history.
                Some(frame) if frame.seq <= seen => {}
                Some(frame) => {
                    seen = frame.seq;
                    if !write(socket, &protocol::frame(frame.seq, &frame.payload)).await {
                        return None;
                    }
                }
            },
            message = socket.next() => {
                awaiting_pong = false;
                match message {
                    Some(Ok(Message::Text(text))) => {
                        let answer = hear(gateway, account, session, &text).await;
                        if !write(socket, &answer).await {
                            return None;
                        }
                    }
                    Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                    Some(Ok(Message::Binary(_))) => return Some((CloseCode::Unsupported, "text frames only")),
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                }
            }
            _ = ping.tick() => {
                if awaiting_pong || !send(socket, Message::Ping(Vec::new().into())).await {
                    return None;
                }
                awaiting_pong = true;
            }
        }
    }
}

/// Takes what the visitor sent; the answer says that it is durable, or what is wrong with it.
async fn hear(gateway: &Gateway, account: &Arc<Account>, session: &Session, text: &str) -> Value {
    let message: FromVisitor = match serde_json::from_str(text) {
        Ok(message) => message,
        Err(error) => return protocol::error(None, "bad_request", &error.to_string()),
    };
    let client_msg_id = message.client_msg_id().to_owned();
    match take(gateway, account, session, message).await {
        Ok(()) => protocol::accepted(&client_msg_id),
        Err(Refused::Bad(detail)) => protocol::error(Some(&client_msg_id), "bad_request", &detail),
        Err(_) => protocol::error(Some(&client_msg_id), "unavailable", "try again in a moment"),
    }
}

async fn write(socket: &mut Socket, value: &Value) -> bool {
    send(socket, Message::Text(value.to_string().into())).await
}

async fn send(socket: &mut Socket, message: Message) -> bool {
    matches!(timeout(WRITE_WITHIN, socket.send(message)).await, Ok(Ok(())))
}

async fn close(socket: &mut Socket, code: CloseCode, reason: &'static str) {
    let frame = CloseFrame { code, reason: reason.into() };
    if let Ok(Err(error)) = timeout(WRITE_WITHIN, socket.close(Some(frame))).await {
        debug!(error = %error, "socket was gone before it was closed");
    }
}
