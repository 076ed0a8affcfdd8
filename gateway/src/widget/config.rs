//! How a widget looks and behaves, for the page that shows it.

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, header},
    response::{IntoResponse as _, Response},
};
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::{Known, Refused, enter, protocol, say::TEXT_MAX};
use crate::Gateway;

/// `GET /widget/v1/{public_key}/config`.
pub(super) async fn read(
    State(gateway): State<Gateway>,
    Path(public_key): Path<String>,
    headers: HeaderMap,
) -> Response {
    match enter(&gateway, &public_key, &headers).await {
        Ok(known) => {
            let answer = config(&known, gateway.media.upload_bytes, gateway.clock.now());
            ([(header::CACHE_CONTROL, "private, max-age=60")], Json(answer)).into_response()
        }
        Err(refused) => Refused::into_response(refused),
    }
}

fn config(known: &Known, upload_bytes: u64, now: DateTime<Utc>) -> Value {
    let looks = &known.appearance;
    // The widget's own hours win over the bot's, the bot's over the organization's.
    let hours = looks.behaviour.get("business_hours").or(looks.business_hours.as_ref());
    json!({
        "v": protocol::VERSION,
        "name": looks.name,
        "locale": looks.locale,
        "greeting": looks.greeting,
        "offline_message": looks.offline_message,
        "email_capture": looks.email_capture,
        "require_identity": looks.require_identity,
        "uploads": known.widget.uploads_enabled,
        "upload_max_bytes": known.widget.max_upload_bytes.min(upload_bytes),
        "text_max": TEXT_MAX,
        "theme": looks.theme,
        "behaviour": looks.behaviour,
        "business_hours": hours,
        "now": now.to_rfc3339_opts(SecondsFormat::Secs, true),
    })
}
