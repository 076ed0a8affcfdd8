//! Files of the fake: an id leads to an address, the address to the bytes, both with the token.

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{Inner, refuse, webhook};
use crate::fake::{File, faults, files};

fn has_token(state: &Inner, headers: &HeaderMap) -> bool {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    bearer.and_then(|value| value.strip_prefix("Bearer ")) == Some(&state.options.access_token)
}

/// A person's message with a file: body, signature, the file's id.
pub(super) fn message(
    state: &Inner,
    from: &str,
    file: File,
    caption: Option<&str>,
) -> (String, String, String) {
    let kind = match file.mime_type.split('/').next() {
        Some(kind @ ("image" | "video" | "audio")) => kind.to_owned(),
        _ => "document".to_owned(),
    };
    let mut object =
        json!({ "mime_type": file.mime_type, "sha256": hex::encode(Sha256::digest(&file.bytes)) });
    if kind == "document" {
        object["filename"] = file.name.as_str().into();
    }
    if let Some(caption) = caption {
        object["caption"] = caption.into();
    }
    let id = state.control.files.keep(file);
    object["id"] = id.as_str().into();
    let mut message = json!({ "type": kind });
    message[&kind] = object;
    let (secret, number) = (&state.options.app_secret, state.number());
    let (body, signature) =
        webhook::one_message(secret, number, &state.who(from, false), &Inner::inbound_id(), message);
    (body, signature, id)
}

/// Where a file is. Whoever asks has shown the token.
pub(super) async fn resolve(state: &Inner, id: &str, headers: &HeaderMap) -> Response {
    let fault = state.control.befall().await;
    if let Some(response) = faults::before(&state.control, fault, super::worded).await {
        return response;
    }
    let Some(file) = state.control.files.get(id) else {
        return refuse(
            &state.control,
            StatusCode::BAD_REQUEST,
            100,
            "Unsupported get request. Object does not exist",
        );
    };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    Json(json!({
        "messaging_product": "whatsapp", "id": id, "url": format!("http://{host}/media/{id}"),
        "mime_type": file.mime_type, "sha256": hex::encode(Sha256::digest(&file.bytes)),
        "file_size": file.bytes.len().to_string(),
    }))
    .into_response()
}

pub(super) async fn download(
    State(state): State<Arc<Inner>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    if has_token(&state, &headers) {
        state.control.files.serve(&id)
    } else {
        StatusCode::UNAUTHORIZED.into_response()
    }
}

pub(super) async fn upload(
    State(state): State<Arc<Inner>>,
    Path((_version, _number)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let fault = state.control.befall().await;
    if let Some(response) = faults::before(&state.control, fault, super::worded).await {
        return response;
    }
    let refuse = |details| refuse(&state.control, StatusCode::BAD_REQUEST, 100, details);
    if !has_token(&state, &headers) {
        return refuse("invalid token");
    }
    let Some((fields, files)) = files::multipart(&headers, &body) else {
        return refuse("(#100) The parameter file is required");
    };
    let Some((field, file)) = files.into_iter().next() else {
        return refuse("(#100) The parameter file is required");
    };
    let value = |name: &str| fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    if field != "file" || value("messaging_product") != Some("whatsapp") || value("type").is_none() {
        return refuse("(#100) The parameter messaging_product is required");
    }
    Json(json!({ "id": state.control.files.keep(file) })).into_response()
}

/// Whether an uploaded file that a message names by its id is one that can be sent as that kind.
pub(super) fn is_fit(state: &Inner, kind: &str, body: &Value) -> bool {
    let id = body.get(kind).and_then(|object| object.get("id")).and_then(Value::as_str);
    let Some(file) = id.and_then(|id| state.control.files.get(id)) else { return true };
    let (mime_type, size) = (file.mime_type.as_str(), file.bytes.len());
    match kind {
        // By its bytes, as the phone has to show it.
        "image" => {
            size <= 5 << 20
                && [&b"\x89PNG\r\n\x1a\n"[..], b"\xff\xd8\xff"]
                    .iter()
                    .any(|head| file.bytes.starts_with(head))
        }
        "sticker" => mime_type == "image/webp" && size <= 500 << 10,
        "video" => matches!(mime_type, "video/mp4" | "video/3gpp") && size <= 16 << 20,
        "audio" => {
            matches!(mime_type, "audio/aac" | "audio/amr" | "audio/mpeg" | "audio/mp4" | "audio/ogg")
                && size <= 16 << 20
        }
        _ => size <= 100 << 20,
    }
}
