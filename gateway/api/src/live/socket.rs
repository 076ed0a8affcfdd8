//! Live views on a WebSocket: one JSON object a frame, from the server only.

use std::time::Duration;

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use futures_util::{SinkExt as _, StreamExt as _};
use hyper_util::rt::TokioIo;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        handshake::derive_accept_key,
        protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode},
    },
};
use tracing::debug;

use super::{
    asked,
    watch::{Told, Watch},
};
use crate::{
    Api,
    auth::{Caller, is_same_origin},
    error::ApiError,
};

/// A watcher says nothing, so its frames are short.
const MESSAGE: usize = 4096;
/// A frame that cannot be written within this time ends the socket.
const WRITE_WITHIN: Duration = Duration::from_secs(10);
/// How often the other end is asked whether it is there; one that says nothing from one ping to the next is gone.
const PING: Duration = Duration::from_secs(25);
/// The right is lost.
const LOST: u16 = 4403;

type Socket = WebSocketStream<TokioIo<hyper::upgrade::Upgraded>>;

/// Opens a socket.
pub(super) async fn open(
    State(api): State<Api>,
    caller: Caller,
    mut request: Request,
) -> Result<Response, ApiError> {
    let accept = accept_key(request.headers()).ok_or_else(|| {
        ApiError::refused(StatusCode::UPGRADE_REQUIRED, "upgrade_required", "this address speaks WebSocket")
    })?;
    // Browsers open sockets for any page and send cookies along.
    if !request.headers().contains_key(header::AUTHORIZATION) && !is_same_origin(request.headers()) {
        return Err(ApiError::refused(
            StatusCode::FORBIDDEN,
            "cross_origin",
            "a cookie is taken from pages of this address only",
        ));
    }
    let upgrade = hyper::upgrade::on(&mut request);
    let (parts, _) = request.into_parts();
    let (topics, last) = asked(&parts)?;
    let watch = Watch::begin(&api, parts, caller, topics, last).await?;
    tokio::spawn(async move {
        match upgrade.await {
            Ok(upgraded) => {
                let config = WebSocketConfig::default()
                    .read_buffer_size(MESSAGE)
                    .write_buffer_size(MESSAGE)
                    .max_write_buffer_size(1 << 20)
                    .max_message_size(Some(MESSAGE))
                    .max_frame_size(Some(MESSAGE));
                let io = TokioIo::new(upgraded);
                let socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
                tell(socket, watch).await;
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
    Ok(response)
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

async fn tell(mut socket: Socket, mut watch: Watch) {
    let mut ping = interval(PING);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ping.tick().await;
    let mut heard = true;
    let bye = loop {
        tokio::select! {
            told = watch.next() => match told {
                Some(told) => {
                    let text = told.json().to_string();
                    if !write(&mut socket, Message::Text(text.into())).await {
                        return;
                    }
                    if told == Told::Over {
                        break (CloseCode::from(LOST), "the right is lost");
                    }
                }
                None => break (CloseCode::Again, "come back with the last id"),
            },
            frame = socket.next() => match frame {
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => heard = true,
            },
            _ = ping.tick() => {
                if !heard || !write(&mut socket, Message::Ping(bytes::Bytes::new())).await {
                    return;
                }
                heard = false;
            }
        }
    };
    let frame = CloseFrame { code: bye.0, reason: bye.1.into() };
    // It is over either way.
    let _ = timeout(WRITE_WITHIN, socket.close(Some(frame))).await;
}

async fn write(socket: &mut Socket, message: Message) -> bool {
    matches!(timeout(WRITE_WITHIN, socket.send(message)).await, Ok(Ok(())))
}
