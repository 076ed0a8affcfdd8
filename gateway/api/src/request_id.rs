//! Every answer names its request: `X-Request-Id`, which stands in the log and in the audit entry too; and tells browsers
//! what it is not.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, header},
    middleware::Next,
    response::Response,
};
use tracing::Instrument as _;
use uuid::Uuid;

use crate::Api;

/// The header.
pub const HEADER: &str = "x-request-id";

/// The id of the request at hand; an extension of every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestId(pub Uuid);

/// Names the request and its answer. A caller's own id is not taken over: ids in our log are ours.
pub(crate) async fn set(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    let id = RequestId(api.ids.next());
    request.extensions_mut().insert(id);
    let span = tracing::info_span!("api.request", request.id = %id.0, http.method = %request.method());
    let mut response = next.run(request).instrument(span).await;
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&id.0.to_string()) {
        headers.insert(HEADER, value);
    }
    harden(headers);
    response
}

/// What browsers are told of every answer that does not say otherwise itself: it is no page, nobody keeps it, and it
/// comes by TLS only, once it has come so.
fn harden(headers: &mut HeaderMap) {
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::STRICT_TRANSPORT_SECURITY, "max-age=31536000; includeSubDomains"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    let is_page =
        headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    if !is_page {
        let nothing = "default-src 'none'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'";
        headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(nothing));
    }
}
