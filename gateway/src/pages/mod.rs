//! Pages for people who try the program.

use axum::{
    Router,
    extract::Path,
    http::header,
    response::{Html, IntoResponse},
    routing::get,
};

use crate::Gateway;

/// The routes of the pages.
pub fn routes() -> Router<Gateway> {
    Router::new()
        .route("/demo/{public_key}", get(chat_page))
        .route("/demo/assets/chat.js", get(|| async { asset("text/javascript; charset=utf-8", SCRIPT) }))
        .route("/demo/assets/chat.css", get(|| async { asset("text/css; charset=utf-8", STYLE) }))
        .route("/demo/assets/icon.svg", get(|| async { asset("image/svg+xml", ICON) }))
}

const PAGE: &str = include_str!("chat.html");
const SCRIPT: &str = include_str!("chat.js");
const STYLE: &str = include_str!("chat.css");
const ICON: &str = include_str!("icon.svg");

/// Nothing from elsewhere, nothing inline.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

async fn chat_page(Path(_public_key): Path<String>) -> impl IntoResponse {
    ([(header::CONTENT_SECURITY_POLICY, POLICY), (header::REFERRER_POLICY, "no-referrer")], Html(PAGE))
}

fn asset(content_type: &'static str, body: &'static str) -> impl IntoResponse {
    (
        [
            (header::CONTENT_TYPE, content_type),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::CACHE_CONTROL, "no-cache"),
        ],
        body,
    )
}
