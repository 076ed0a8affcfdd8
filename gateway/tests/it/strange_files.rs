//! What comes in the place of a file: a page, a way to somewhere else, more than was to be expected.

use std::{
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{Html, IntoResponse as _, Response},
    routing::get,
};
use botbuilder_testkit::platform::{Options, TestPlatform, eventually, execute};
use bytes::Bytes;
use futures_util::stream;
use serde_json::{Value, json};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR of a small picture";
const PAGE: &str = "<!DOCTYPE html><title>Sign in</title>";

/// A server of files that has more than one idea of what a file is.
struct Server {
    port: u16,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    /// The `Authorization` of each call of `/there`, empty where there was none.
    tokens: Mutex<Vec<String>>,
    /// Whether whoever read `/endless` went away.
    left: AtomicBool,
    /// Where `/away` leads.
    away: Mutex<String>,
}

impl Server {
    async fn start() -> Self {
        let seen = Arc::new(Seen::default());
        let router = Router::new()
            .route("/page", get(async || Html(PAGE)))
            // A page that says it is a picture.
            .route("/page.png", get(async || ([(header::CONTENT_TYPE, "image/png")], PAGE)))
            .route("/away", get(away))
            .route("/there", get(there))
            .route("/endless", get(endless))
            .with_state(Arc::clone(&seen));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { port, seen }
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// The same server under another name.
    fn elsewhere(&self, path: &str) -> String {
        format!("http://localhost:{}{path}", self.port)
    }

    async fn platform(&self) -> TestPlatform {
        TestPlatform::with(Options {
            neighbours: vec![self.url(""), self.elsewhere("")],
            fetch_bytes: Some(1 << 20),
            ..Options::default()
        })
        .await
    }
}

async fn away(State(seen): State<Arc<Seen>>, headers: HeaderMap) -> Response {
    seen.note(&headers);
    let to = seen.away.lock().expect("no panic").clone();
    (StatusCode::FOUND, [(header::LOCATION, to)]).into_response()
}

async fn there(State(seen): State<Arc<Seen>>, headers: HeaderMap) -> Response {
    seen.note(&headers);
    ([(header::CONTENT_TYPE, "image/png")], PNG).into_response()
}

impl Seen {
    fn note(&self, headers: &HeaderMap) {
        let token = headers.get(header::AUTHORIZATION).map(|value| value.to_str().expect("text").to_owned());
        self.tokens.lock().expect("no panic").push(token.unwrap_or_default());
    }
}

/// Tells when it is dropped.
struct Reader(Arc<Seen>);

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.left.store(true, Ordering::SeqCst);
    }
}

async fn endless(State(seen): State<Arc<Seen>>) -> Response {
    let pieces = stream::unfold((Reader(seen), PNG), async |(reader, piece)| {
        let next: &[u8] = &[b'x'; 16 << 10];
        Some((Ok::<_, Infallible>(Bytes::from_static(piece)), (reader, next)))
    });
    ([(header::CONTENT_TYPE, "image/png")], Body::from_stream(pieces)).into_response()
}

/// Announces a picture at this address on Slack, whose files want a token.
async fn share(platform: &TestPlatform, url: &str) {
    let ts = "1700000000.000100";
    let file = json!({
        "id": "F1", "name": "cat.png", "mimetype": "image/png", "mode": "hosted", "url_private_download": url,
    });
    let event = json!({
        "type": "message", "subtype": "file_share", "channel": "D0ADA", "channel_type": "im", "user": "U0ADA",
        "text": "", "ts": ts, "event_ts": ts, "files": [file],
    });
    platform.acme().slack.event(&event).await.expect("a webhook");
}

/// What became of the one file that was announced. What waits for another attempt gets it at once.
async fn outcome(platform: &TestPlatform) -> Value {
    eventually("an end", async || {
        execute(
            &platform.pool,
            "UPDATE channel_messages SET next_attempt_at = now() WHERE next_attempt_at IS NOT NULL AND media = '[]'",
        )
        .await;
        let ended = "SELECT media, error_code FROM channel_messages WHERE direction = 'inbound' AND media <> '[]'";
        platform.rows(ended).await.pop()
    })
    .await
}

fn failed_with<'a>(row: &'a Value, status: &str) -> Option<&'a str> {
    assert_eq!(row["media"][0]["status"], status, "{row}");
    assert_eq!(row["media"][0]["sha256"].is_null(), status == "failed", "{row}");
    row["error_code"].as_str()
}

#[tokio::test(flavor = "multi_thread")]
async fn page_in_the_place_of_a_file_is_not_kept() {
    let server = Server::start().await;
    for (path, code) in [("/page", "credentials_refused"), ("/page.png", "not_a_file")] {
        let platform = server.platform().await;
        share(&platform, &server.url(path)).await;
        assert_eq!(failed_with(&outcome(&platform).await, "failed"), Some(code), "{path}");
        platform.settled().await;
    }
    // On a network whose files need no token.
    let platform = server.platform().await;
    let attachments = json!([{ "type": "image", "payload": { "url": server.url("/page") } }]);
    let value = json!({ "mid": "m.page", "attachments": attachments });
    platform.acme().instagram.item("7001", "message", &value).await.expect("a webhook");
    assert_eq!(failed_with(&outcome(&platform).await, "failed"), Some("not_a_file"));
    platform.settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn way_to_a_host_that_is_not_the_networks_is_not_followed() {
    let server = Server::start().await;
    let platform = server.platform().await;
    *server.seen.away.lock().expect("no panic") = server.elsewhere("/there");
    share(&platform, &server.url("/away")).await;
    assert_eq!(failed_with(&outcome(&platform).await, "failed"), Some("host"));
    assert_eq!(server.seen.tokens.lock().expect("no panic").len(), 1, "it was not called there");
    platform.settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn token_stays_at_the_first_host_where_a_way_leads_to_another() {
    let server = Server::start().await;
    let platform = server.platform().await;
    let allow =
        r#"UPDATE channels SET settings = settings || '{"media_hosts": ["localhost"]}' WHERE type = 'slack'"#;
    execute(&platform.pool, allow).await;
    platform.gateway.forget();
    *server.seen.away.lock().expect("no panic") = server.elsewhere("/there");
    share(&platform, &server.url("/away")).await;
    assert_eq!(failed_with(&outcome(&platform).await, "stored"), None);
    let tokens = server.seen.tokens.lock().expect("no panic").clone();
    assert_eq!(tokens.len(), 2);
    assert!(tokens[0].starts_with("Bearer xoxb-") && tokens[1].is_empty(), "{tokens:?}");
    platform.settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn way_in_circles_ends() {
    let server = Server::start().await;
    let platform = server.platform().await;
    *server.seen.away.lock().expect("no panic") = server.url("/away");
    share(&platform, &server.url("/away")).await;
    assert_eq!(failed_with(&outcome(&platform).await, "failed"), Some("redirect"));
    platform.settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn file_that_grows_beyond_the_cap_is_let_go_while_it_comes() {
    let server = Server::start().await;
    let platform = server.platform().await;
    share(&platform, &server.url("/endless")).await;
    assert_eq!(failed_with(&outcome(&platform).await, "failed"), Some("too_large"));
    tokio::time::timeout(Duration::from_mins(1), async {
        while !server.seen.left.load(Ordering::SeqCst) {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("nobody reads it any more");
    platform.settled().await;
}
