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

use super::{Inner, lock, methods::refuse};
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

/// Shares uploaded files in a conversation, in one message. A person's id is none of a conversation here.
pub(super) fn complete(state: &Inner, arguments: Map<String, Value>) -> Response {
    let files = arguments.get("files").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let ids: Vec<&str> = files.iter().filter_map(|file| file.get("id").and_then(Value::as_str)).collect();
    let is_there = |id: &&str| state.control.files.get(id).is_some_and(|file| !file.bytes.is_empty());
    if ids.is_empty() || ids.len() != files.len() || !ids.iter().all(is_there) {
        return refuse(&state.control, "file_not_found");
    }
    let text = |name: &str| arguments.get(name).and_then(Value::as_str).map(str::to_owned);
    let Some(channel) = text("channel_id").filter(|id| id.starts_with(['C', 'D', 'G'])) else {
        return refuse(&state.control, "channel_not_found");
    };
    // What is shared with a person alone is found under the person, as messages to them are.
    let person = lock(&state.opened).get(&channel).cloned();
    if channel.starts_with('D') && person.is_none() {
        return refuse(&state.control, "channel_not_found");
    }
    let shared: Vec<Value> = ids.iter().map(|id| json!({ "id": id, "title": id })).collect();
    let answer = json!({ "ok": true, "files": shared });
    let arrived = Arrived {
        to: person.unwrap_or(channel),
        tag: text("thread_ts"),
        kind: if ids.len() > 1 { "files" } else { "file" }.to_owned(),
        text: text("initial_comment"),
        body: Value::Object(arguments),
    };
    let ts = state.next_ts();
    state.control.accept(arrived, |_, _| ts);
    Json(answer).into_response()
}
