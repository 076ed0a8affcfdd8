//! Every answer names its request: `X-Request-Id`, which stands in the log and in the audit entry too.

use axum::{
    extract::{Request, State},
    http::HeaderValue,
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
    if let Ok(value) = HeaderValue::from_str(&id.0.to_string()) {
        response.headers_mut().insert(HEADER, value);
    }
    response
}
