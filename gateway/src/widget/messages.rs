//! The chat by plain requests: for networks that break sockets, and for looking further back.

use std::time::Duration;

use axum::{
    Json,
    body::Bytes,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use serde_json::{json, value::RawValue};
use tokio::time::timeout;

use super::{
    Desk, Refused, enter,
    history::{self, Begun, PAGE, Written},
    protocol::FromVisitor,
    say::Taken,
    session,
};
use crate::Gateway;

/// How long an answer may be held back; a whole request has 30 seconds.
const WAIT_MAX: u64 = 20;

/// `POST /widget/v1/{public_key}/messages`.
pub(super) async fn send(
    State(gateway): State<Gateway>,
    Path(public_key): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let sent = async {
        let known = enter(&gateway, &public_key, &headers).await?;
        let session = session::of_headers(&gateway, &public_key, &known, &headers)?;
        let most = gateway.limits.websocket.message_bytes;
        if body.len() as u64 > most {
            return Err(Refused::Bad(format!("a message has at most {most} bytes")));
        }
        let message: FromVisitor =
            serde_json::from_slice(&body).map_err(|error| Refused::Bad(error.to_string()))?;
        let desk = Desk { gateway: &gateway, known: &known, session: &session, reader: None };
        desk.take(message).await
    };
    match sent.await {
        Ok(Taken::Durable(Some(seq))) => {
            (StatusCode::ACCEPTED, Json(json!({ "accepted": true, "seq": seq }))).into_response()
        }
        Ok(_) => (StatusCode::ACCEPTED, Json(json!({ "accepted": true }))).into_response(),
        Err(refused) => refused.into_response(),
    }
}

#[derive(Deserialize)]
pub(super) struct Span {
    #[serde(default)]
    after: i64,
    #[serde(default)]
    before: Option<i64>,
    #[serde(default)]
    limit: Option<usize>,
    #[serde(default)]
    tail: i64,
    /// Seconds to wait for news.
    #[serde(default)]
    wait: u64,
}

/// `GET /widget/v1/{public_key}/messages`.
pub(super) async fn read(
    State(gateway): State<Gateway>,
    Path(public_key): Path<String>,
    Query(span): Query<Span>,
    headers: HeaderMap,
) -> Response {
    let read = async {
        let known = enter(&gateway, &public_key, &headers).await?;
        let session = session::of_headers(&gateway, &public_key, &known, &headers)?;
        let visitor = &session.visitor;
        if let Some(before) = span.before {
            let limit = span.limit.unwrap_or(PAGE);
            let frames = history::before(&gateway, &known, visitor, before, limit).await?;
            return Ok::<_, Refused>(answer(frames, None));
        }
        let address = (known.widget.channel, visitor.clone());
        let stopping = gateway.hub.stopping();
        // Before the history is read, so that nothing falls between the two.
        let mut reader = (span.wait > 0).then(|| gateway.hub.connect(&address));
        let begun = history::begin(&gateway, &known, visitor, span.after, span.tail).await?;
        let Begun { mut marks, is_other, mut frames } = begun;
        if let Some(reader) = reader.as_mut().filter(|_| frames.is_empty() && !is_other) {
            let wait = Duration::from_secs(span.wait.min(WAIT_MAX));
            tokio::select! {
                news = timeout(wait, reader.recv()) => drop(news),
                () = stopping.cancelled() => {}
            }
            let begun = history::begin(&gateway, &known, visitor, span.after, 0).await?;
            (marks, frames) = (begun.marks, begun.frames);
        }
        if is_other {
            // The number that follows tells the client so; it asks again from the beginning.
            frames.clear();
        }
        drop(reader);
        Ok(answer(frames, Some((marks.last, marks.read))))
    };
    read.await.unwrap_or_else(Refused::into_response)
}

fn answer(frames: Vec<Written>, marks: Option<(i64, i64)>) -> Response {
    let frames: Vec<Box<RawValue>> = frames
        .into_iter()
        .filter_map(|(_, text)| RawValue::from_string(String::from_utf8(text.into()).ok()?).ok())
        .collect();
    let no_store = [(header::CACHE_CONTROL, "no-store")];
    match marks {
        Some((last, read)) => {
            #[derive(serde::Serialize)]
            struct Answer {
                frames: Vec<Box<RawValue>>,
                last_seq: i64,
                read_seq: i64,
            }
            (no_store, Json(Answer { frames, last_seq: last, read_seq: read })).into_response()
        }
        None => (no_store, Json(std::collections::HashMap::from([("frames", frames)]))).into_response(),
    }
}
