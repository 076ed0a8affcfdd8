//! Providers' callbacks: cap the body, keep the raw bytes, locate, verify, decode, append; a 2xx only after the stream
//! has everything. No database write is on this path.

pub mod app;
pub mod load;
pub mod refused;

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::any,
};
use botbuilder_adapter_kit::{Account, NotTaken, RawRequest, Received, Reply, Verified, Webhook};
use botbuilder_domain::{
    ChannelId, ChannelKind, ConversationKey, Envelope, Id, InboundEvent, OrgId, Times, TraceContext, envelope,
};
use botbuilder_service::telemetry::trace;
use botbuilder_stream::{AppendError, Record};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde_json::Value;
use tracing::{debug, debug_span, error, warn};

use crate::{Gateway, stamps::is_of_contact};

/// The topic that everything that comes in goes to.
pub const INBOUND: &str = "inbound";

/// The routes of providers' callbacks.
pub fn routes() -> Router<Gateway> {
    Router::new()
        .route("/hooks/{public_id}", any(callback))
        .route("/hooks/app/{provider}", any(app::callback))
}

async fn callback(
    State(gateway): State<Gateway>,
    Path(public_id): Path<String>,
    request: Request,
) -> Response {
    answer(receive(&gateway, public_id, request).await)
}

/// The answer, or the refusal, which is counted.
fn answer(received: Result<Response, Refusal>) -> Response {
    received.unwrap_or_else(|refusal| {
        metrics::counter!("ingress_refused_total", "reason" => refusal.name()).increment(1);
        refusal.into_response()
    })
}

#[tracing::instrument(level = "debug", name = "gateway.webhook.receive", skip_all)]
async fn receive(gateway: &Gateway, public_id: String, request: Request) -> Result<Response, Refusal> {
    let account = gateway
        .accounts
        .by_public_id(&public_id)
        .await
        .map_err(|error| {
            warn!(error = %error, "account of a callback cannot be looked up");
            Refusal::Unavailable
        })?
        .ok_or(Refusal::Unknown)?;
    let webhook = gateway.channels.channel(account.kind).webhook().ok_or(Refusal::Unknown)?;
    // Nothing is read of what there is no room for; and only what is believed takes room.
    if !gateway.load.has_room(account.org) {
        return Err(busy(&account));
    }
    let raw = read(gateway, public_id, request, most(gateway, account.kind)).await?;
    let received_at = raw.received;
    let (received, verified_at) = decode(gateway, webhook, &account, &raw)?;
    let count = received.events.len();
    let inside = gateway.load.enter(account.org).ok_or_else(|| busy(&account))?;
    append(gateway, &account, received.events, &raw.body, received_at, verified_at).await?;
    drop(inside);
    fail::fail_point!("ingress.after_append", |_| std::process::abort());
    metrics::counter!("ingress_events_total", "channel" => account.kind.as_str()).increment(count as u64);

    Ok(respond(received.reply))
}

/// There is no room for a callback of this account now.
fn busy(account: &Account) -> Refusal {
    metrics::counter!("ingress_busy_total", "organization" => account.org.to_string()).increment(1);
    Refusal::Full(1)
}

/// Takes a callback in again that was kept as it came, and says how many events it holds. What was done because of them is
/// not done twice: they have the keys that they had.
#[tracing::instrument(level = "debug", name = "gateway.webhook.take_again", skip_all)]
pub async fn take_again(
    gateway: &Gateway,
    org: OrgId,
    channel: ChannelId,
    payload: &Value,
) -> Result<usize, NotTaken> {
    let account = gateway.accounts.by_channel(org, channel).await.map_err(|error| {
        warn!(error = %error, "account of a callback cannot be looked up");
        NotTaken::Later(1)
    })?;
    let account = account.ok_or(NotTaken::NotConnected)?;
    let webhook = gateway.channels.channel(account.kind).webhook().ok_or(NotTaken::NotConnected)?;
    // What was no JSON object is kept as a text.
    let body = payload.get("body").and_then(Value::as_str);
    let body = body.filter(|_| payload.as_object().is_some_and(|all| all.len() == 1));
    let now = gateway.clock.now();
    let raw = RawRequest {
        method: "POST".to_owned(),
        path: account.public_id.clone(),
        query: String::new(),
        headers: Vec::new(),
        body: body.map_or_else(|| payload.to_string(), str::to_owned).into(),
        received: now,
    };
    let read = webhook.decode(&account, Verified::proved(&raw));
    let events = read.map_err(|error| NotTaken::Unreadable(error.to_string()))?.events;
    let count = events.len();
    append(gateway, &account, events, &Bytes::new(), now, now).await.map_err(|refusal| match refusal {
        Refusal::Full(seconds) => NotTaken::Later(u32::try_from(seconds).unwrap_or(u32::MAX)),
        _ => NotTaken::Later(1),
    })?;
    Ok(count)
}

/// Most bytes of a callback of this network (`reliability-security.md` 3).
fn most(gateway: &Gateway, kind: ChannelKind) -> usize {
    let of_kind = match kind {
        ChannelKind::Telegram | ChannelKind::Slack => 1 << 20,
        ChannelKind::Whatsapp | ChannelKind::Instagram | ChannelKind::Web => u64::MAX,
    };
    usize::try_from(gateway.limits.webhook_bytes.min(of_kind)).unwrap_or(usize::MAX)
}

/// What the provider is answered.
fn respond(reply: Reply) -> Response {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::OK);
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(reply.content_type));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Reads the whole request, whose body has at most so many bytes.
async fn read(
    gateway: &Gateway,
    public_id: String,
    request: Request,
    most: usize,
) -> Result<RawRequest, Refusal> {
    let (head, body) = request.into_parts();
    if is_packed(&head.headers) {
        return Err(Refusal::Packed);
    }
    let body = match Limited::new(body, most).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.downcast_ref::<LengthLimitError>().is_some() => return Err(Refusal::TooLarge),
        Err(error) => {
            debug!(error = %error, "body of a callback broke off");
            return Err(Refusal::Broken);
        }
    };
    Ok(RawRequest {
        method: head.method.as_str().to_owned(),
        path: public_id,
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: text_headers(&head.headers),
        body,
        received: gateway.clock.now(),
    })
}

/// Whether the body is compressed. No provider compresses its callbacks, and a small body that unpacks to a large one
/// costs whoever unpacks it, so none is unpacked.
fn is_packed(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::CONTENT_ENCODING)
        .iter()
        .any(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity"))
}

/// Headers whose values are text. Others cannot be a signature of any provider.
fn text_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
        .collect()
}

fn decode(
    gateway: &Gateway,
    webhook: &dyn Webhook,
    account: &Account,
    raw: &RawRequest,
) -> Result<(Received, DateTime<Utc>), Refusal> {
    let verified = webhook.verify(account, raw).map_err(|rejection| {
        debug!(channel.id = %account.channel, reason = %rejection, "callback is not believed");
        gateway.refused.forged(gateway, account, raw, rejection.to_string());
        Refusal::NotBelieved(rejection.status())
    })?;
    let verified_at = gateway.clock.now();
    let received = webhook.decode(account, verified).map_err(|error| {
        warn!(channel.id = %account.channel, error = %error, "callback cannot be read");
        gateway.refused.unreadable(gateway, account, raw, error.to_string());
        Refusal::NotReadable(error.to_string())
    })?;
    Ok((received, verified_at))
}

/// Appends events, in order. Resolves when they are durable.
pub(crate) async fn append(
    gateway: &Gateway,
    account: &Arc<Account>,
    events: Vec<InboundEvent>,
    body: &Bytes,
    received: DateTime<Utc>,
    verified: DateTime<Utc>,
) -> Result<(), Refusal> {
    if events.is_empty() {
        return Ok(());
    }
    let mut records = Vec::with_capacity(events.len());
    let of_contact = events.iter().any(|event| is_of_contact(&event.what));
    let asks_for_names = gateway.channels.channel(account.kind).names().is_some();
    for mut event in events {
        if asks_for_names {
            gateway.names.fill(account, &mut event);
        }
        let id = Id::new(gateway.ids.next());
        let key = ConversationKey::new(account.channel, &event.sender.address);
        let span = debug_span!("gateway.event.append", channel.id = %account.channel);
        let trace = TraceContext::starting(id);
        trace::adopt(&span, &trace);
        let trace = trace::context(&span, &trace);
        let record = Envelope {
            schema: envelope::SCHEMA,
            id,
            org: account.org,
            bot: account.bot,
            channel: account.channel,
            kind: account.kind,
            key: key.clone(),
            times: Times { received, verified },
            trace,
            body: event,
        };
        let payload = record.encode().map_err(|error| {
            error!(error = %error, "event cannot be written");
            Refusal::Unavailable
        })?;
        // The first record carries the request as it came, for `channel_webhooks`.
        let headers = match (records.is_empty(), std::str::from_utf8(body)) {
            (true, Ok(text)) if !text.is_empty() => vec![("webhook".to_owned(), text.to_owned())],
            _ => Vec::new(),
        };
        records.push(Record { key: key.as_str().to_owned(), payload, headers });
    }
    fail::fail_point!("ingress.before_append", |_| std::process::abort());
    gateway.stream.append(INBOUND, records).await.map_err(|error| match error {
        AppendError::TooLarge { .. } => Refusal::TooLarge,
        AppendError::Full { retry_after } => Refusal::Full(retry_after.as_secs().max(1)),
        AppendError::Unavailable { .. } | AppendError::UnknownTopic(_) => {
            error!(error = %error, "stream takes nothing");
            Refusal::Unavailable
        }
    })?;
    if of_contact {
        gateway.stamps.came_in(account.org, account.channel, received);
    }
    Ok(())
}

/// Why a callback is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// No account has this address.
    Unknown,
    /// The signature or handshake is not good.
    NotBelieved(u16),
    /// It is signed, and cannot be read.
    NotReadable(String),
    /// It is larger than what is taken.
    TooLarge,
    /// It is compressed.
    Packed,
    /// It ended before it was complete.
    Broken,
    /// The stream is full; come back after so many seconds.
    Full(u64),
    /// The stream or the database is not there.
    Unavailable,
}

impl Refusal {
    const fn name(&self) -> &'static str {
        match self {
            Self::Unknown => "unknown_address",
            Self::NotBelieved(_) => "signature",
            Self::NotReadable(_) => "malformed",
            Self::TooLarge => "too_large",
            Self::Packed => "packed",
            Self::Broken => "broken_off",
            Self::Full(_) => "full",
            Self::Unavailable => "unavailable",
        }
    }

    pub(crate) fn into_response(self) -> Response {
        let name = self.name();
        let text = |status: StatusCode, text: String| (status, text).into_response();
        let later = |seconds: u64| {
            let mut response = text(StatusCode::SERVICE_UNAVAILABLE, "try again later\n".to_owned());
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            response
        };
        match self {
            Self::Unknown => text(StatusCode::NOT_FOUND, "no channel has this address\n".to_owned()),
            Self::NotBelieved(status) => text(
                StatusCode::from_u16(status).unwrap_or(StatusCode::UNAUTHORIZED),
                format!("{name} is not good\n"),
            ),
            Self::NotReadable(reason) => text(StatusCode::BAD_REQUEST, format!("{reason}\n")),
            Self::TooLarge => text(StatusCode::PAYLOAD_TOO_LARGE, "body is too large\n".to_owned()),
            Self::Packed => {
                text(StatusCode::UNSUPPORTED_MEDIA_TYPE, "body must not be compressed\n".to_owned())
            }
            Self::Broken => text(StatusCode::BAD_REQUEST, "body ended early\n".to_owned()),
            Self::Full(seconds) => later(seconds),
            Self::Unavailable => later(2),
        }
    }
}
