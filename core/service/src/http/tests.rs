use axum::{Router, body::Body, response::Redirect, routing::get};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{
    config::Limits,
    lifecycle::Service as _,
    server::{Server, bind},
};

/// A server on the loopback, and a client that is allowed to call it.
struct Fixture {
    base: String,
    client: Client,
    stop: CancellationToken,
}

impl Drop for Fixture {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn start(router: Router) -> Fixture {
    let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let mut server = Server::new("fake", listener, router, &Limits::default());
    let base = format!("http://{}", server.address().unwrap());
    let stop = CancellationToken::new();
    let token = stop.clone();
    tokio::spawn(async move { server.run(token).await });
    let outbound = Outbound {
        allow: vec![Url::parse(&base).unwrap()],
        timeout: Duration::from_millis(300),
        body_bytes: 1000,
        ..Outbound::default()
    };
    Fixture { base, client: Client::new(&outbound).unwrap(), stop }
}

fn request(url: &str) -> Request {
    Request::new(Method::GET, url).unwrap()
}

#[tokio::test]
async fn an_answer_of_any_status_is_an_answer() {
    let fixture =
        start(Router::new().route("/", get(|| async { (StatusCode::IM_A_TEAPOT, "short and stout") })));
    let answer = fixture.client.send(request(&fixture.base)).await.unwrap();
    assert_eq!((answer.status, &answer.body[..]), (StatusCode::IM_A_TEAPOT, &b"short and stout"[..]));
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let router = Router::new().route("/", get(|| async { Redirect::temporary("http://169.254.169.254/") }));
    let fixture = start(router);
    let answer = fixture.client.send(request(&fixture.base)).await.unwrap();
    assert_eq!(answer.status, StatusCode::TEMPORARY_REDIRECT);
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_not_read() {
    // Once with an announced length, once without.
    let router = Router::new().route("/told", get(|| async { vec![b'x'; 1001] })).route(
        "/untold",
        get(|| async {
            let pieces =
                futures_util::stream::iter((0..11).map(|_| Ok::<_, std::io::Error>(vec![b'x'; 100])));
            Body::from_stream(pieces)
        }),
    );
    let fixture = start(router);
    for path in ["told", "untold"] {
        let error = fixture.client.send(request(&format!("{}/{path}", fixture.base))).await.unwrap_err();
        assert!(matches!(error, Error::TooLarge { limit: 1000 }), "{path}: {error}");
        assert!(error.may_have_arrived());
    }
}

#[tokio::test]
async fn a_slow_answer_may_have_arrived() {
    let router = Router::new().route("/secret-token", get(std::future::pending::<()>));
    let fixture = start(router);
    let error = fixture.client.send(request(&format!("{}/secret-token", fixture.base))).await.unwrap_err();
    assert!(matches!(error, Error::Timeout) && error.may_have_arrived(), "{error}");
}

#[tokio::test]
async fn a_refused_connection_has_not_arrived_and_keeps_the_secret() {
    let fixture = start(Router::new());
    // A port that was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{free}/bot1:secret/send");
    let outbound =
        Outbound { allow: vec![Url::parse(&format!("http://{free}")).unwrap()], ..Outbound::default() };
    let error = Client::new(&outbound).unwrap().send(request(&url)).await.unwrap_err();
    assert!(matches!(error, Error::Connect(_)) && !error.may_have_arrived(), "{error}");
    assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
    drop(fixture);
}

#[tokio::test]
async fn a_connection_that_breaks_may_have_arrived() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            // Takes the request and hangs up.
            let mut first = [0; 64];
            let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut first).await;
        }
    });
    let outbound = Outbound { allow: vec![Url::parse(&base).unwrap()], ..Outbound::default() };
    let error = Client::new(&outbound).unwrap().send(request(&base)).await.unwrap_err();
    assert!(matches!(error, Error::Broken(_)) && error.may_have_arrived(), "{error}");
}

/// A canary on the loopback must see nothing: neither by address, nor by a name that resolves to one.
#[tokio::test]
async fn what_is_not_configured_is_not_connected_to() {
    let canary = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = canary.local_addr().unwrap().port();
    // The port is fine, so that only the address decides.
    let outbound = Outbound { ports: vec![port], ..Outbound::default() };
    let client = Client::new(&outbound).unwrap();
    for host in ["127.0.0.1", "127.1", "0x7f000001", "[::ffff:127.0.0.1]", "localhost", "LOCALHOST"] {
        let error = client.send(request(&format!("http://{host}:{port}/"))).await.unwrap_err();
        assert!(matches!(error, Error::Refused(Refusal::NotPublic(_))), "{host}: {error}");
        assert!(!error.may_have_arrived());
    }
    let touched = tokio::time::timeout(Duration::from_millis(50), canary.accept()).await;
    assert!(touched.is_err(), "somebody connected");
}

#[tokio::test]
async fn headers_and_bodies_arrive() {
    let router = Router::new().route(
        "/",
        axum::routing::post(|headers: HeaderMap, body: String| async move {
            let header =
                |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).unwrap_or("");
            format!("{} {} {body}", header(header::AUTHORIZATION), header(header::CONTENT_TYPE))
        }),
    );
    let fixture = start(router);
    let request =
        Request::new(Method::POST, &fixture.base).unwrap().bearer(&Secret::new("t0ken".to_owned())).unwrap();
    let answer = fixture.client.send(request.json("{}")).await.unwrap();
    assert_eq!(&answer.body[..], b"Bearer t0ken application/json {}");
    assert!(
        Request::new(Method::GET, &fixture.base).unwrap().bearer(&Secret::new("a\nb".to_owned())).is_err()
    );
}
