//! `/v1/auth/open`: the page that links in mails open.

use axum::{
    http::header,
    response::{IntoResponse as _, Response},
};

use crate::routes::{Access, Operation, Routes};

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; connect-src 'self'; \
                      frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// The routes of the page.
pub fn routes() -> Routes {
    Routes::new()
        .add(
            Operation::get("/v1/auth/open", Access::Public, "the page that links in mails open")
                .produces("text/html"),
            || async { asset(HTML, include_str!("page/open.html")) },
        )
        .add(
            Operation::get("/v1/auth/open.js", Access::Public, "its script").produces("text/javascript"),
            || async { asset(SCRIPT, include_str!("page/open.js")) },
        )
}

fn asset(content_type: &'static str, text: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, text).into_response()
}
