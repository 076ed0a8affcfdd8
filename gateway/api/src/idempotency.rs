//! `Idempotency-Key`: a call that is made again under the same key gets the answer of the first, and changes nothing.
//!
//! The key is taken before the call. The transaction that makes the change also notes that it was made
//! ([`OrgScope::in_call`]), and the answer is kept after it. If the program dies before the change, the key stays taken
//! until [`LOCK`] is over, and whoever calls again then is let through. If it dies between the change and the answer, the
//! change is not made again: the repeat is told that the answer is lost.

use axum::{
    body::{Body, BodyDataStream},
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use botbuilder_store::{
    OrgScope,
    secret::{Place, Sealed},
    system::idempotency_keys::{self, Claim, New},
    tenancy::organizations,
};
use bytes::Bytes;
use chrono::TimeDelta;
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::{Api, auth::Caller, error::ApiError, routes::Operation};

/// The header of the request.
pub const HEADER: &str = "idempotency-key";
/// The header of an answer that was given before.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// How long an answer is kept.
const KEPT: TimeDelta = TimeDelta::hours(24);
/// How long a call may take before its key is free again.
const LOCK: TimeDelta = TimeDelta::minutes(2);
/// The longest answer that is kept; a longer one is given again by making the call again.
const MOST: usize = 4 * 1024 * 1024;
/// Headers that belong to an answer as much as its body.
const KEPT_HEADERS: [HeaderName; 3] = [header::ETAG, header::LOCATION, header::CONTENT_TYPE];

/// Makes the call, or answers as it was answered before.
pub(crate) async fn answer_once(
    api: &Api,
    caller: &Caller,
    operation: &Operation,
    mut parts: Parts,
    body: Bytes,
    next: Next,
) -> Response {
    let key = match key(&parts.headers) {
        Ok(Some(key)) => key,
        Ok(None) => return next.run(Request::from_parts(parts, Body::from(body))).await,
        Err(error) => return error.into_response(),
    };
    match claim(api, caller, &key, &parts, &body).await {
        Ok(Taken::Ours(id)) => {
            parts.extensions.insert(Keyed(id));
            let response = next.run(Request::from_parts(parts, Body::from(body))).await;
            keep(api, caller.scope, id, operation, response).await
        }
        Ok(Taken::Answered(response)) => response,
        Err(error) => error.into_response(),
    }
}

fn key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let Some(key) = headers.get(HEADER) else { return Ok(None) };
    let legal = |byte: &u8| byte.is_ascii_graphic();
    match key.to_str() {
        Ok(key) if (1..=128).contains(&key.len()) && key.as_bytes().iter().all(legal) => {
            Ok(Some(key.to_owned()))
        }
        _ => Err(ApiError::invalid("Idempotency-Key", "must be 1 to 128 visible ASCII characters")),
    }
}

/// An extension of a request that is made under a key: the row that keeps its answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Keyed(pub Uuid);

enum Taken {
    Ours(Uuid),
    Answered(Response),
}

async fn claim(
    api: &Api,
    caller: &Caller,
    key: &str,
    parts: &Parts,
    body: &Bytes,
) -> Result<Taken, ApiError> {
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let mut digest = Sha256::new();
    for part in [parts.method.as_str().as_bytes(), target.as_bytes()] {
        digest.update(part);
        digest.update([0]);
    }
    digest.update(body);
    let now = api.clock.now();
    let new = New {
        id: api.ids.next(),
        principal: &caller.principal(),
        key,
        method: parts.method.as_str(),
        path: parts.uri.path().get(..300).unwrap_or_else(|| parts.uri.path()),
        request_hash: digest.finalize().into(),
        now,
        locked_until: now + LOCK,
        expires_at: now + KEPT,
    };
    let mut tx = api.store.begin(&caller.scope).await?;
    let claim = idempotency_keys::claim(&mut tx, &caller.scope, &new).await?;
    let kept = match claim {
        Claim::Answered { id, status, body, sealed: Some(sealed) } => {
            let keys = organizations::data_keys(&mut tx, &caller.scope, &api.root).await?;
            let opened = keys
                .open(place(id), &sealed.ciphertext, &sealed.key_id)
                .map_err(botbuilder_store::Error::from)?;
            let opened = serde_json::from_slice(opened.expose()).map_err(ApiError::defect)?;
            Claim::Answered { id, status, body: body.or(Some(opened)), sealed: None }
        }
        other => other,
    };
    tx.commit().await?;
    match kept {
        Claim::Ours(id) => Ok(Taken::Ours(id)),
        Claim::InProgress => Err(ApiError::conflict(
            "idempotency_in_progress",
            "the same call is being made at this moment; try again in a second",
        )
        .after(1)),
        Claim::Lost => Err(ApiError::conflict(
            "idempotency_answer_lost",
            "the call was made, but its answer is lost; read what it changed before you call again with a new key",
        )
        .about("Idempotency-Key")),
        Claim::Other => Err(ApiError::conflict(
            "idempotency_key_reused",
            "this key was used for another call; take a new key for every new call",
        )
        .about("Idempotency-Key")),
        Claim::Answered { status, body, .. } => again(status, body.as_ref()).map(Taken::Answered),
    }
}

fn place(id: Uuid) -> Place {
    Place { table: "idempotency_keys", column: "response", row: id }
}

/// The answer of before, marked as such.
fn again(status: u16, kept: Option<&Value>) -> Result<Response, ApiError> {
    let text = kept.and_then(|kept| kept.get("body")).and_then(Value::as_str).unwrap_or_default();
    let body = STANDARD.decode(text).map_err(ApiError::defect)?;
    let status = StatusCode::from_u16(status).map_err(ApiError::defect)?;
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_TYPE);
    for name in KEPT_HEADERS {
        let value = kept.and_then(|kept| kept.pointer(&format!("/headers/{name}"))).and_then(Value::as_str);
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
            headers.insert(name, value);
        }
    }
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(response)
}

/// Keeps an answer of success or of refusal. A failure of ours is not kept: the call may be made again.
async fn keep(api: &Api, scope: OrgScope, id: Uuid, operation: &Operation, response: Response) -> Response {
    let (parts, body) = response.into_parts();
    let passing = parts.status.is_server_error() && parts.status != StatusCode::NOT_IMPLEMENTED
        || parts.status == StatusCode::TOO_MANY_REQUESTS;
    let (body, rest) = match beginning(body).await {
        Ok(read) => read,
        Err(error) => return ApiError::defect(error).into_response(),
    };
    let kept = if passing || rest.is_some() {
        release(api, scope, id).await
    } else {
        let headers: serde_json::Map<String, Value> = KEPT_HEADERS
            .iter()
            .filter_map(|name| Some((name.to_string(), json!(parts.headers.get(name)?.to_str().ok()?))))
            .collect();
        let answer = json!({ "headers": headers, "body": STANDARD.encode(&body) });
        complete(api, scope, id, parts.status.as_u16(), operation.shows_secret, &answer).await
    };
    if let Err(error) = kept {
        // The change is made; the key is free again when its lock is over.
        tracing::warn!(?error, "an answer could not be kept under its key");
    }
    let body = match rest {
        Some(rest) => Body::from_stream(stream::once(async move { Ok(Bytes::from(body)) }).chain(rest)),
        None => Body::from(body),
    };
    Response::from_parts(parts, body)
}

/// The beginning of an answer; and what follows it, if it is longer than what is kept.
async fn beginning(body: Body) -> Result<(Vec<u8>, Option<BodyDataStream>), axum::Error> {
    let mut pieces = body.into_data_stream();
    let mut read = Vec::new();
    while let Some(piece) = pieces.next().await {
        read.extend_from_slice(&piece?);
        if read.len() > MOST {
            return Ok((read, Some(pieces)));
        }
    }
    Ok((read, None))
}

async fn release(api: &Api, scope: OrgScope, id: Uuid) -> Result<(), ApiError> {
    let mut tx = api.store.begin(&scope).await?;
    idempotency_keys::release(&mut tx, &scope, id).await?;
    Ok(tx.commit().await?)
}

async fn complete(
    api: &Api,
    scope: OrgScope,
    id: Uuid,
    status: u16,
    is_secret: bool,
    answer: &Value,
) -> Result<(), ApiError> {
    let mut tx = api.store.begin(&scope).await?;
    let sealed: Option<Sealed> = if is_secret {
        let keys = organizations::data_keys(&mut tx, &scope, &api.root).await?;
        let sealed = keys.seal(place(id), answer.to_string().as_bytes());
        Some(sealed.map_err(botbuilder_store::Error::from)?)
    } else {
        None
    };
    let clear = sealed.is_none().then_some(answer);
    idempotency_keys::complete(&mut tx, &scope, id, status, clear, sealed.as_ref()).await?;
    Ok(tx.commit().await?)
}
