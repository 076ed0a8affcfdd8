use axum::{
    body::{Body, Bytes},
    extract::{WebSocketUpgrade, ws::Message},
    routing::{get, post},
};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    sync::Notify,
};

use tokio::time::Instant;

use super::*;

/// A running server on a free port; stopped when dropped.
struct Fixture {
    address: SocketAddr,
    open: Arc<AtomicUsize>,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<Result<(), ServiceError>>,
    release: Arc<Notify>,
    entered: Arc<Notify>,
}

impl Drop for Fixture {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn short() -> Limits {
    Limits {
        header_timeout: Duration::from_millis(200),
        keep_alive: Duration::from_millis(600),
        body_idle_timeout: Duration::from_millis(200),
        body_timeout: Duration::from_millis(300),
        request_timeout: Duration::from_secs(5),
        ..Limits::default()
    }
}

fn start(limits: &Limits) -> Fixture {
    let (release, entered) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (released, enter) = (release.clone(), entered.clone());
    let router = Router::new()
        .route("/", get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.ip().to_string() }))
        .route("/echo", post(|body: Bytes| async move { body }))
        .route("/large", get(|| async { Body::from(vec![b'x'; 64 << 20]) }))
        .route(
            "/held",
            get(|| async move {
                enter.notify_one();
                released.notified().await;
                "done"
            }),
        )
        .route(
            "/ws",
            get(|upgrade: WebSocketUpgrade| async {
                upgrade.on_upgrade(|mut socket| async move {
                    while let Some(Ok(message)) = socket.recv().await {
                        if matches!(message, Message::Text(_)) && socket.send(message).await.is_err() {
                            return;
                        }
                    }
                })
            }),
        );
    let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let mut server = Server::new("test", listener, router, limits);
    let (address, open) = (server.address().unwrap(), server.open_connections());
    let stop = CancellationToken::new();
    let token = stop.clone();
    let task = tokio::spawn(async move { server.run(token).await });
    Fixture { address, open, stop, task, release, entered }
}

async fn connect(fixture: &Fixture) -> TcpStream {
    TcpStream::connect(fixture.address).await.unwrap()
}

/// Everything the server says until it closes.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset is as good an end as any.
    let _ =
        tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut bytes)).await.expect("closed");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads one answer with a short body.
async fn one_answer(stream: &mut TcpStream) -> String {
    let mut bytes = vec![0; 4096];
    let read = stream.read(&mut bytes).await.unwrap();
    String::from_utf8_lossy(&bytes[..read]).into_owned()
}

#[tokio::test]
async fn answers_over_both_versions_on_one_port() {
    let fixture = start(&Limits::default());
    let mut stream = connect(&fixture).await;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let answer = rest(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("127.0.0.1"), "{answer}");

    let stream = connect(&fixture).await;
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let uri = format!("http://{}/", fixture.address);
    let answer = sender.send_request(Request::get(uri).body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!((answer.status(), answer.version()), (StatusCode::OK, hyper::Version::HTTP_2));
}

#[tokio::test]
async fn a_client_that_says_nothing_is_closed() {
    let fixture = start(&short());
    for begun in [&b""[..], b"P", b"GET / HT", b"GET / HTTP/1.1\r\nhost: x\r\n"] {
        let mut stream = connect(&fixture).await;
        stream.write_all(begun).await.unwrap();
        let started = Instant::now();
        assert_eq!(rest(&mut stream).await, "");
        assert!(started.elapsed() >= Duration::from_millis(150), "closed too early after {begun:?}");
    }
}

/// The slow client of the attack: a header byte now and then must not extend its time.
#[tokio::test]
async fn a_dripping_header_is_closed() {
    let fixture = start(&short());
    let mut stream = connect(&fixture).await;
    let started = Instant::now();
    stream.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    let mut byte = [0];
    loop {
        let wrote = stream.write_all(b"a: b\r\n").await;
        let read = tokio::time::timeout(Duration::from_millis(20), stream.read(&mut byte)).await;
        if wrote.is_err() || matches!(read, Ok(Ok(0) | Err(_))) {
            break;
        }
        assert!(started.elapsed() < Duration::from_secs(5), "still open");
    }
    assert!(started.elapsed() >= Duration::from_millis(150));
}

#[tokio::test]
async fn an_idle_connection_outlives_the_header_time_and_then_ends() {
    let fixture = start(&short());
    let mut stream = connect(&fixture).await;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert!(one_answer(&mut stream).await.ends_with("127.0.0.1"));
    let started = Instant::now();
    assert_eq!(rest(&mut stream).await, "");
    assert!(started.elapsed() >= Duration::from_millis(500), "closed after {:?}", started.elapsed());
}

#[tokio::test]
async fn a_slow_header_on_a_kept_connection_is_closed() {
    let fixture = start(&short());
    let mut stream = connect(&fixture).await;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    one_answer(&mut stream).await;
    let started = Instant::now();
    stream.write_all(b"GET / HT").await.unwrap();
    assert_eq!(rest(&mut stream).await, "");
    let elapsed = started.elapsed();
    assert!(elapsed >= Duration::from_millis(150) && elapsed < Duration::from_millis(550), "{elapsed:?}");
}

#[tokio::test]
async fn a_stalled_body_is_refused() {
    let fixture = start(&short());
    let mut stream = connect(&fixture).await;
    stream.write_all(b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc").await.unwrap();
    let answer = rest(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
}

#[tokio::test]
async fn a_client_that_does_not_read_is_closed() {
    let fixture = start(&short());
    let mut stream = connect(&fixture).await;
    stream.write_all(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let started = Instant::now();
    let open = fixture.open.clone();
    wait_for(|| open.load(Ordering::Relaxed) == 1).await;
    wait_for(|| open.load(Ordering::Relaxed) == 0).await;
    assert!(started.elapsed() >= Duration::from_millis(250));
}

async fn wait_for(condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < deadline, "the condition did not come true");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn headers_are_bounded_in_size_and_number() {
    let fixture = start(&Limits::default());
    let long = format!("GET / HTTP/1.1\r\nhost: x\r\na: {}\r\n\r\n", "y".repeat(17 << 10));
    let many = format!("GET / HTTP/1.1\r\nhost: x\r\n{}\r\n", "a: b\r\n".repeat(101));
    for request in [long, many] {
        let mut stream = connect(&fixture).await;
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = rest(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    }
}

#[tokio::test]
async fn a_stop_finishes_the_request_in_hand_and_closes_idle_connections() {
    let mut fixture = start(&Limits::default());
    let mut idle = connect(&fixture).await;
    idle.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    one_answer(&mut idle).await;
    let mut busy = connect(&fixture).await;
    busy.write_all(b"GET /held HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    fixture.entered.notified().await;
    fixture.stop.cancel();
    assert_eq!(rest(&mut idle).await, "");
    assert!(!fixture.task.is_finished());
    fixture.release.notify_one();
    assert!(rest(&mut busy).await.ends_with("done"));
    (&mut fixture.task).await.unwrap().unwrap();
    assert!(TcpStream::connect(fixture.address).await.is_err(), "still accepting");
}

#[tokio::test]
async fn a_handler_that_takes_too_long_is_answered_for() {
    let fixture = start(&Limits { request_timeout: Duration::from_millis(50), ..Limits::default() });
    let mut stream = connect(&fixture).await;
    stream.write_all(b"GET /held HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    assert!(rest(&mut stream).await.starts_with("HTTP/1.1 503"));
}

#[tokio::test]
async fn connections_beyond_the_cap_are_closed() {
    let fixture = start(&Limits { connections: 1, ..Limits::default() });
    let mut first = connect(&fixture).await;
    first.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    one_answer(&mut first).await;
    assert_eq!(rest(&mut connect(&fixture).await).await, "");
    drop(first);
    let open = fixture.open.clone();
    wait_for(|| open.load(Ordering::Relaxed) == 0).await;
    let mut second = connect(&fixture).await;
    second.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert!(one_answer(&mut second).await.starts_with("HTTP/1.1 200"));
}

/// A socket is idle for longer than a request may be, and still counts as open.
#[tokio::test]
async fn a_websocket_is_not_held_to_the_times_of_requests() {
    let limits = Limits { keep_alive: Duration::from_millis(100), ..short() };
    let fixture = start(&limits);
    let (mut socket, _) =
        tokio_tungstenite::connect_async(format!("ws://{}/ws", fixture.address)).await.unwrap();
    // Longer than every time in `limits` that could apply.
    let silence = tokio::time::timeout(Duration::from_millis(500), socket.next()).await;
    assert!(silence.is_err(), "the server spoke or closed: {silence:?}");
    socket.send("hello".into()).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap().into_text().unwrap(), "hello");
    assert_eq!(fixture.open.load(Ordering::Relaxed), 1);
    drop(socket);
    let open = fixture.open.clone();
    wait_for(|| open.load(Ordering::Relaxed) == 0).await;
}

#[tokio::test]
async fn accepted_sockets_do_not_wait_for_acknowledgements() {
    let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let _client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (accepted, _) = listener.accept().await.unwrap();
    assert!(accepted.nodelay().unwrap());
}

#[tokio::test]
async fn a_taken_address_is_an_error_that_names_it() {
    let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let error = bind(address).unwrap_err().to_string();
    assert!(error.contains(&address.to_string()), "{error}");
}
