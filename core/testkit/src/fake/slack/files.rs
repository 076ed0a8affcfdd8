//! Files of the fake: given out for the token, taken at an address that was given out before, then shared.

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, header},
    response::{Html, IntoResponse as _, Response},
};
use serde_json::{Map, Value, json};

use super::{Inner, methods::refuse};
use crate::fake::{File, journal::Arrived};

/// Without the token Slack answers with a page to sign in, and 200.
pub(super) async fn download(
    State(state): State<Arc<Inner>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if bearer.and_then(|value| value.strip_prefix("Bearer ")) == Some(&state.options.bot_token) {
        state.control.files.serve(&id)
    } else {
        Html("<!DOCTYPE html><title>Sign in</title>").into_response()
    }
}

pub(super) fn upload_url(state: &Inner, arguments: &Map<String, Value>, host: &str) -> Response {
    let text = |name: &str| arguments.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let (Some(name), Some(length)) =
        (text("filename"), text("length").and_then(|length| length.parse().ok()))
    else {
        return refuse(&state.control, "invalid_arguments");
    };
    // Empty until the bytes come; the announced length is remembered in place of a type.
    let announced: usize = length;
    let file = File::new(name, &announced.to_string(), Bytes::new());
    let id = format!("F{}", state.control.files.keep(file.clone()));
    state.control.files.put(&id, file);
    let url = format!("http://{host}/api/files-up/{id}");
    Json(json!({ "ok": true, "upload_url": url, "file_id": id })).into_response()
}

pub(super) async fn upload(
    State(state): State<Arc<Inner>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let files = &state.control.files;
    let announced = files.get(&id).filter(|file| file.mime_type == body.len().to_string());
    let Some(file) = announced else { return refuse(&state.control, "file_size_mismatch") };
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    files.put(&id, File::new(&file.name, kind, body));
    "OK - 1".into_response()
}

/// Shares an uploaded file in a conversation.
pub(super) fn complete(state: &Inner, arguments: Map<String, Value>) -> Response {
    let id = arguments.get("files").and_then(|files| files.pointer("/0/id")).and_then(Value::as_str);
    let Some(id) = id.filter(|id| state.control.files.get(id).is_some_and(|file| !file.bytes.is_empty()))
    else {
        return refuse(&state.control, "file_not_found");
    };
    let text = |name: &str| arguments.get(name).and_then(Value::as_str).map(str::to_owned);
    let Some(to) = text("channel_id") else { return refuse(&state.control, "channel_not_found") };
    let answer = json!({ "ok": true, "files": [{ "id": id, "title": id }] });
    let arrived = Arrived {
        to,
        tag: text("thread_ts"),
        kind: "file".to_owned(),
        text: text("initial_comment"),
        body: Value::Object(arguments),
    };
    let ts = state.next_ts();
    state.control.accept(arrived, |_, _| ts);
    Json(answer).into_response()
}
