//! `/v1/bots/{id}/widget/embed-code`: the line that a site's owner pastes.

use std::net::IpAddr;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, header},
};
use botbuilder_domain::BotId;
use botbuilder_store::bots::widget_configs;
use serde_json::{Value, json};

use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    input::Id,
    permission::{Area, read as may_read},
    routes::{Operation, Routes},
};

/// The routes of this resource.
pub fn routes() -> Routes {
    Routes::new().add(
        Operation::get(
            "/v1/bots/{id}/widget/embed-code",
            may_read(Area::Widget),
            "the line that shows a bot's chat on a site",
        ),
        read,
    )
}

async fn read(
    State(api): State<Api>,
    caller: Caller,
    Id(bot): Id<BotId>,
    headers: HeaderMap,
) -> Result<Json<Value>, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let public_key = widget_configs::public_key(&mut tx, &caller.scope, bot).await?;
    tx.commit().await?;
    let public_key = public_key.ok_or(ApiError::NotFound)?;
    let origin = origin(&headers);
    let source = format!("{origin}/widget/v1/loader.js");
    let html = format!(
        "<script async src=\"{}\" data-widget=\"{}\"></script>",
        escaped(&source),
        escaped(&public_key)
    );
    Ok(Json(json!({ "data": { "public_key": public_key, "source": source, "html": html } })))
}

/// This server, as the caller has called it. Sites are served over TLS, and so must be what they load; only on the
/// caller's own machine there is none.
fn origin(headers: &HeaderMap) -> String {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let address = name.trim_matches(['[', ']']).parse::<IpAddr>();
    let is_own = name == "localhost" || address.is_ok_and(|address| address.is_loopback());
    format!("{}://{host}", if is_own { "http" } else { "https" })
}

/// A text as it stands in an attribute's quotes.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn a_site_loads_over_tls_unless_it_is_on_this_machine() {
        for (host, expected) in [
            ("chat.example", "https://chat.example"),
            ("chat.example:8443", "https://chat.example:8443"),
            ("127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("localhost:8080", "http://localhost:8080"),
            ("127.example", "https://127.example"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static(host));
            assert_eq!(origin(&headers), expected);
        }
    }

    #[test]
    fn what_would_end_the_attribute_does_not() {
        assert_eq!(escaped("a\"><b>&"), "a&quot;&gt;&lt;b&gt;&amp;");
    }
}
