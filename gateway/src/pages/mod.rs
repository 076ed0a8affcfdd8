//! Pages for people who try the program: a site with the chat on it, and every message and look of the chat. Only
//! `botbuilder dev` has them.

use axum::{
    Router,
    extract::Path,
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::get,
};

use crate::accounts::can_be_public;

/// The routes of the pages.
pub fn routes() -> Router {
    Router::new()
        .route("/demo/{public_key}", get(async |Path(key): Path<String>| page(DEMO, &key)))
        .route("/playground/{public_key}", get(async |Path(key): Path<String>| page(PLAYGROUND, &key)))
        .route("/demo/assets/page.css", get(async || asset("text/css; charset=utf-8", STYLE)))
        .route("/demo/assets/demo.js", get(async || asset(SCRIPT, DEMO_SCRIPT)))
        .route("/demo/assets/playground.js", get(async || asset(SCRIPT, PLAYGROUND_SCRIPT)))
        .route("/demo/assets/icon.svg", get(async || asset("image/svg+xml", ICON)))
}

const SCRIPT: &str = "text/javascript; charset=utf-8";
const DEMO: &str = include_str!("demo.html");
const DEMO_SCRIPT: &str = include_str!("demo.js");
const PLAYGROUND: &str = include_str!("playground.html");
const PLAYGROUND_SCRIPT: &str = include_str!("playground.js");
const STYLE: &str = include_str!("page.css");
const ICON: &str = include_str!("icon.svg");

/// Stands in the pages for the widget's public key.
const KEY: &str = "{{KEY}}";

/// Nothing from elsewhere but what a bot may show, and nothing inline.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' http: https:; \
                      media-src http: https:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

fn page(page: &str, public_key: &str) -> Response {
    // It is written into the page.
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if !can_be_public(public_key) || !public_key.bytes().all(is_plain) {
        return (StatusCode::NOT_FOUND, "no such page\n").into_response();
    }
    let headers = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, Html(page.replace(KEY, public_key))).into_response()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_would_be_markup_makes_no_page() {
        assert_eq!(page(DEMO, "demo-web").status(), StatusCode::OK);
        for key in ["\"><script>", "a b", "", "a&b", "a'b"] {
            assert_eq!(page(DEMO, key).status(), StatusCode::NOT_FOUND, "{key}");
        }
    }
}
