//! The chat on a website: a visitor's session, the socket, and the same by plain requests.
//!
//! A visitor is whoever holds a session's secret; the address on the channel is a digest of it, so nothing has to be
//! stored to recognise a visitor, and nobody can take an address from a log and write in its name.

mod protocol;
mod socket;

use std::sync::Arc;

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, Query, Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use botbuilder_adapter_kit::Account;
use botbuilder_domain::{Inbound, InboundEvent, Sender};
use botbuilder_store::{
    OrgScope,
    bots::widget_configs::{self, Widget},
};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tracing::warn;

use self::protocol::FromVisitor;
use crate::{
    Gateway,
    accounts::can_be_public,
    ingress::{self, Refusal},
};

/// Most characters of a visitor's text.
const TEXT_MAX: usize = 4000;
/// Most frames of one answer.
const PAGE: usize = 200;

/// The routes of the chat on a website.
pub fn routes() -> Router<Gateway> {
    Router::new()
        .route("/widget/v1/{public_key}/session", post(begin_session))
        .route("/widget/v1/{public_key}/messages", get(history).post(send))
        .route("/widget/v1/{public_key}/ws", get(socket::open))
}

/// A visitor's secret: 256 random bits, in hex.
struct Session {
    visitor: String,
}

impl Session {
    /// The visitor of a secret. None where it has not the form of one.
    fn of(secret: &str) -> Option<Self> {
        let is_secret = secret.len() == 64 && secret.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_secret.then(|| {
            let digest = Sha256::digest(secret.as_bytes());
            Self { visitor: format!("v{}", hex::encode(&digest[..20])) }
        })
    }

    /// The visitor whose secret stands in the `Authorization` header.
    fn of_headers(headers: &HeaderMap) -> Result<Self, Refused> {
        headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
            .and_then(Self::of)
            .ok_or(Refused::NoSession)
    }
}

/// Why a visitor's request is refused.
#[derive(Debug)]
enum Refused {
    UnknownWidget,
    Origin,
    NoSession,
    Bad(String),
    Unavailable,
    Ingress(Refusal),
}

impl Refused {
    fn into_response(self) -> Response {
        let problem = |status: StatusCode, code: &str, detail: String| {
            let body = json!({ "code": code, "detail": detail, "status": status.as_u16() });
            (status, [(header::CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
        };
        match self {
            Self::UnknownWidget => problem(
                StatusCode::NOT_FOUND,
                "widget_unknown",
                "no enabled widget has this public key".to_owned(),
            ),
            Self::Origin => problem(
                StatusCode::FORBIDDEN,
                "origin_not_allowed",
                "this site is not among the widget's allowed origins".to_owned(),
            ),
            Self::NoSession => problem(
                StatusCode::UNAUTHORIZED,
                "session_missing",
                "begin a session first and send its secret as a bearer token".to_owned(),
            ),
            Self::Bad(detail) => problem(StatusCode::BAD_REQUEST, "bad_request", detail),
            Self::Unavailable => {
                problem(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "try again in a moment".to_owned())
            }
            Self::Ingress(refusal) => refusal.into_response(),
        }
    }
}

impl From<botbuilder_store::Error> for Refused {
    fn from(error: botbuilder_store::Error) -> Self {
        warn!(error = %error, "widget request waits for the database");
        Self::Unavailable
    }
}

/// The widget of a public key, if the page that asks may show it, with its channel's account.
async fn enter(
    gateway: &Gateway,
    public_key: &str,
    headers: &HeaderMap,
) -> Result<(Widget, Arc<Account>), Refused> {
    if !can_be_public(public_key) {
        return Err(Refused::UnknownWidget);
    }
    let mut tx = gateway.store.begin_auth().await?;
    let org = widget_configs::lookup(&mut tx, public_key).await?;
    tx.commit().await?;
    let scope = OrgScope::of_service(org.ok_or(Refused::UnknownWidget)?);
    let mut tx = gateway.store.begin(&scope).await?;
    let widget = widget_configs::get(&mut tx, &scope, public_key).await?.ok_or(Refused::UnknownWidget)?;
    tx.commit().await?;
    if !may_show(&widget, headers) {
        return Err(Refused::Origin);
    }
    let account = gateway.accounts.by_channel(widget.org, widget.channel).await?;
    Ok((widget, account.ok_or(Refused::UnknownWidget)?))
}

/// A browser says which site asks. The site must be listed, or be this server's own. A request without an origin
/// comes from no browser's page and proves nothing either way: the session's secret decides.
fn may_show(widget: &Widget, headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    let own = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .is_some_and(|host| origin == format!("http://{host}") || origin == format!("https://{host}"));
    own || widget.allowed_origins.iter().any(|allowed| allowed == origin)
}

async fn begin_session(
    State(gateway): State<Gateway>,
    Path(public_key): Path<String>,
    headers: HeaderMap,
) -> Response {
    if let Err(refused) = enter(&gateway, &public_key, &headers).await {
        return refused.into_response();
    }
    let mut secret = [0_u8; 32];
    if getrandom::fill(&mut secret).is_err() {
        return Refused::Unavailable.into_response();
    }
    Json(json!({ "secret": hex::encode(secret) })).into_response()
}

async fn send(
    State(gateway): State<Gateway>,
    Path(public_key): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let sent = async {
        let (_, account) = enter(&gateway, &public_key, &headers).await?;
        let session = Session::of_headers(&headers)?;
        let most = gateway.limits.websocket.message_bytes;
        if body.len() as u64 > most {
            return Err(Refused::Bad(format!("a message has at most {most} bytes")));
        }
        let message: FromVisitor =
            serde_json::from_slice(&body).map_err(|error| Refused::Bad(error.to_string()))?;
        take(&gateway, &account, &session, message).await
    };
    match sent.await {
        Ok(()) => (StatusCode::ACCEPTED, Json(json!({ "accepted": true }))).into_response(),
        Err(refused) => refused.into_response(),
    }
}

#[derive(Deserialize)]
struct After {
    #[serde(default)]
    after: i64,
}

async fn history(
    State(gateway): State<Gateway>,
    Path(public_key): Path<String>,
    Query(After { after }): Query<After>,
    request: Request,
) -> Response {
    let headers = request.headers();
    let read = async {
        let (widget, _) = enter(&gateway, &public_key, headers).await?;
        let session = Session::of_headers(headers)?;
        Ok::<_, Refused>(refill(&gateway, &widget, &session.visitor, after).await?)
    };
    match read.await {
        Ok(frames) => Json(json!({ "frames": frames })).into_response(),
        Err(refused) => refused.into_response(),
    }
}

/// A visitor's frames after a number, as they go over the wire.
async fn refill(
    gateway: &Gateway,
    widget: &Widget,
    visitor: &str,
    after: i64,
) -> Result<Vec<Value>, botbuilder_store::Error> {
    let scope = OrgScope::of_service(widget.org);
    let mut tx = gateway.store.begin(&scope).await?;
    let limit = i64::try_from(PAGE).unwrap_or(i64::MAX);
    let frames = widget_configs::history(&mut tx, &scope, visitor, after, limit).await?;
    tx.commit().await?;
    Ok(frames.into_iter().map(|frame| protocol::frame(frame.seq, &frame.payload)).collect())
}

/// Takes what a visitor sent. It is durable when this resolves. The same `client_msg_id` counts once.
async fn take(
    gateway: &Gateway,
    account: &Arc<Account>,
    session: &Session,
    message: FromVisitor,
) -> Result<(), Refused> {
    let now = gateway.clock.now();
    let (client_msg_id, what) = match message {
        FromVisitor::Message { client_msg_id, text } => {
            if text.trim().is_empty() || text.chars().count() > TEXT_MAX {
                return Err(Refused::Bad(format!("text has 1 to {TEXT_MAX} characters")));
            }
            let provider_id = format!("{}:{client_msg_id}", session.visitor);
            let content = botbuilder_domain::Content::text(text);
            (client_msg_id, Inbound::Message { provider_id, content, reply_to: None })
        }
        FromVisitor::Choice { client_msg_id, id, title } => {
            let provider_id = format!("{}:{client_msg_id}", session.visitor);
            (client_msg_id, Inbound::Postback { provider_id, payload: id, title, reply_to: None })
        }
        FromVisitor::Opened { client_msg_id } => (client_msg_id, Inbound::Opened { payload: None }),
    };
    if client_msg_id.is_empty() || client_msg_id.len() > 64 {
        return Err(Refused::Bad("client_msg_id has 1 to 64 characters".to_owned()));
    }
    let event = InboundEvent {
        sender: Sender { address: session.visitor.clone(), ..Sender::default() },
        thread: String::new(),
        dedupe: format!("{}:{client_msg_id}", session.visitor),
        occurred_at: Some(now),
        what,
    };
    ingress::append(gateway, account, vec![event], &Bytes::new(), now, gateway.clock.now())
        .await
        .map_err(Refused::Ingress)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;
    use botbuilder_domain::{BotId, ChannelId, OrgId};
    use uuid::Uuid;

    fn widget(allowed: &[&str]) -> Widget {
        Widget {
            org: OrgId::new(Uuid::nil()),
            bot: BotId::new(Uuid::nil()),
            channel: ChannelId::new(Uuid::nil()),
            allowed_origins: allowed.iter().map(|&origin| origin.to_owned()).collect(),
        }
    }

    fn headers(origin: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static("chat.example"));
        headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
        headers
    }

    #[test]
    fn only_listed_sites_and_our_own_may_show_a_widget() {
        let widget = widget(&["https://shop.example"]);
        assert!(may_show(&widget, &headers("https://shop.example")));
        assert!(may_show(&widget, &headers("https://chat.example")));
        for origin in ["http://shop.example", "https://shop.example.evil", "https://evil", "null", ""] {
            assert!(!may_show(&widget, &headers(origin)), "{origin}");
        }
    }

    #[test]
    fn a_secret_leads_to_one_visitor_and_does_not_show_in_the_address() {
        let secret = "0123456789abcdef".repeat(4);
        let session = Session::of(&secret).unwrap();
        assert_eq!(session.visitor, Session::of(&secret).unwrap().visitor);
        assert!(session.visitor.len() <= 64 && !session.visitor.contains("0123456789abcdef"));
        for bad in ["", "abc", &"g".repeat(64), &"a".repeat(63), &"a".repeat(65)] {
            assert!(Session::of(bad).is_none(), "{bad}");
        }
    }
}
