//! The chat on a website: a visitor's session, the socket, and the same by plain requests.

mod assets;
mod config;
#[cfg(feature = "for-tests")]
mod for_tests;
mod history;
mod known;
mod messages;
pub(crate) mod protocol;
mod say;
mod session;
mod socket;
mod uploads;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::{Next, from_fn},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use botbuilder_store::bots::widget_configs::Widget;
use serde_json::json;
use tracing::warn;

pub use self::{
    known::{Known, Widgets},
    session::Tokens,
    uploads::Uploads,
};
use self::{say::Desk, session::Session};
use crate::{Gateway, ingress::Refusal};

/// How long a browser keeps the answer to what it may ask.
const PREFLIGHT_SECONDS: &str = "7200";

/// The routes of the chat on a website.
pub fn routes() -> Router<Gateway> {
    let routes = Router::new()
        .route("/widget/v1/{public_key}/config", get(config::read).options(preflight))
        .route("/widget/v1/{public_key}/session", post(session::begin).options(preflight))
        .route(
            "/widget/v1/{public_key}/messages",
            get(messages::read).post(messages::send).options(preflight),
        )
        .route("/widget/v1/{public_key}/uploads", post(uploads::take).options(preflight))
        .layer(from_fn(share))
        .route("/widget/v1/{public_key}/ws", get(socket::open))
        .merge(assets::routes());
    #[cfg(feature = "for-tests")]
    let routes = routes.merge(for_tests::routes());
    routes
}

/// Lets the page that asked read the answer. Whether it gets one is decided before by [`enter`]; a site that is not
/// allowed may read that it is not. No cookie is involved, so an answer depends on nothing that a page could misuse.
async fn share(request: Request, next: Next) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("retry-after"));
    }
    response
}

/// Answers a browser that asks whether its page may ask.
async fn preflight(
    State(gateway): State<Gateway>,
    Path(public_key): Path<String>,
    headers: HeaderMap,
) -> Response {
    if let Err(refused @ (Refused::UnknownWidget | Refused::Unavailable)) =
        enter(&gateway, &public_key, &headers).await
    {
        return refused.into_response();
    }
    let allowed = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type"),
        (header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_SECONDS),
    ];
    (StatusCode::NO_CONTENT, allowed).into_response()
}

/// Why a visitor's request is refused.
#[derive(Debug)]
enum Refused {
    UnknownWidget,
    Origin,
    NoSession,
    Identity,
    Bad(String),
    UploadsOff,
    FileType(String),
    TooLarge { limit: u64 },
    TooFast(Duration),
    Unavailable,
    Ingress(Refusal),
}

impl Refused {
    fn into_response(self) -> Response {
        let problem = |status: StatusCode, code: &str, detail: &str| {
            let body = json!({ "code": code, "detail": detail, "status": status.as_u16() });
            (status, [(header::CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
        };
        match self {
            Self::UnknownWidget => {
                problem(StatusCode::NOT_FOUND, "widget_unknown", "no enabled widget has this public key")
            }
            Self::Origin => problem(
                StatusCode::FORBIDDEN,
                "origin_not_allowed",
                "this site is not among the widget's allowed origins",
            ),
            Self::NoSession => problem(
                StatusCode::UNAUTHORIZED,
                "session_missing",
                "begin a session first and send its token as a bearer token",
            ),
            Self::Identity => problem(
                StatusCode::UNAUTHORIZED,
                "identity_not_accepted",
                "the identity is missing, over, or not signed with the widget's key",
            ),
            Self::Bad(detail) => problem(StatusCode::BAD_REQUEST, "bad_request", &detail),
            Self::UploadsOff => problem(StatusCode::FORBIDDEN, "uploads_off", "this widget takes no files"),
            Self::FileType(kind) => problem(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "file_type_not_allowed",
                &format!("by its content this is {kind}, which is not taken"),
            ),
            Self::TooLarge { limit } => problem(
                StatusCode::PAYLOAD_TOO_LARGE,
                "file_too_large",
                &format!("a file has at most {limit} bytes"),
            ),
            Self::TooFast(wait) => {
                let mut response = problem(StatusCode::TOO_MANY_REQUESTS, "rate_limited", "too much at once");
                let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
                response
            }
            Self::Unavailable => {
                problem(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "try again in a moment")
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

/// The widget of a public key, if the page that asks may show it.
async fn enter(gateway: &Gateway, public_key: &str, headers: &HeaderMap) -> Result<Arc<Known>, Refused> {
    let known = gateway.widgets.find(gateway, public_key).await?.ok_or(Refused::UnknownWidget)?;
    if may_show(&known.widget, headers) { Ok(known) } else { Err(Refused::Origin) }
}

/// A browser says which site asks. A request without an origin comes from no browser's page and proves nothing either way:
/// the session decides.
fn may_show(widget: &Widget, headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(|value| value.to_str().ok());
    match text(header::ORIGIN) {
        None => true,
        Some(origin) => {
            origin.is_some_and(|origin| widget.may_be_shown_by(origin, text(header::HOST).flatten()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;
    use botbuilder_domain::{BotId, ChannelId, OrgId};
    use uuid::Uuid;

    fn widget(allowed: &[&str]) -> Widget {
        Widget {
            id: Uuid::nil(),
            org: OrgId::new(Uuid::nil()),
            bot: BotId::new(Uuid::nil()),
            channel: ChannelId::new(Uuid::nil()),
            allowed_origins: allowed.iter().map(|&origin| origin.to_owned()).collect(),
            require_identity: false,
            rate_per_minute: 30,
            uploads_enabled: false,
            max_upload_bytes: 0,
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
}
