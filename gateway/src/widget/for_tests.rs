//! Routes that no shipped program has: suites that others wrote, and measurements, reach the socket's own code by them.

use axum::{
    Router,
    body::Bytes,
    extract::{Path, Request, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio_tungstenite::tungstenite::Message;

use super::{Refused, Session, enter, socket};
use crate::Gateway;

pub(super) fn routes() -> Router<Gateway> {
    Router::new()
        .route("/echo-for-tests", get(echo))
        .route("/widget/v1/{public_key}/signal-for-tests/{secret}", post(signal))
}

/// A socket that says what it hears, with the bounds on frames that the suite's largest needs.
async fn echo(State(gateway): State<Gateway>, request: Request) -> Response {
    /// The largest frame of the suite.
    const LARGEST: u64 = 16 << 20;

    let Some(accept) = socket::accept_key(request.headers()) else {
        return StatusCode::UPGRADE_REQUIRED.into_response();
    };
    socket::upgraded(request, accept, move |upgraded| async move {
        let mut limits = gateway.limits.websocket.clone();
        limits.message_bytes = LARGEST;
        limits.frame_bytes = LARGEST;
        let mut socket = socket::wrap(upgraded, &limits).await;
        while let Some(Ok(message)) = socket.next().await {
            if matches!(message, Message::Text(_) | Message::Binary(_)) && socket.send(message).await.is_err()
            {
                break;
            }
        }
    })
}

/// Tells the body, as it is, to every socket of a visitor.
async fn signal(
    State(gateway): State<Gateway>,
    Path((public_key, secret)): Path<(String, String)>,
    request: Request,
) -> Response {
    let known = match enter(&gateway, &public_key, request.headers()).await {
        Ok(known) => known,
        Err(refused) => return refused.into_response(),
    };
    let Some(session) = Session::of_secret(&secret) else { return Refused::NoSession.into_response() };
    let most = usize::try_from(gateway.limits.websocket.message_bytes).unwrap_or(usize::MAX);
    let Ok(text) = axum::body::to_bytes(request.into_body(), most).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let text: Bytes = text;
    gateway.hub.signal_text(&(known.widget.channel, session.visitor), text, None);
    StatusCode::ACCEPTED.into_response()
}
