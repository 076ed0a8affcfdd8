use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{WebSocketUpgrade, ws::Message},
    routing::get,
};
use futures_util::{SinkExt as _, StreamExt as _};
use rustls::{ClientConfig, ProtocolVersion, RootCertStore, SupportedProtocolVersion, pki_types::ServerName};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::{TlsConnector, client};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{
    config::Limits,
    lifecycle::Service as _,
    server::{Server, bind},
};

/// A server with a certificate of its own, stopped when dropped.
struct Fixture {
    address: SocketAddr,
    certificate: CertificateDer<'static>,
    stop: CancellationToken,
}

impl Drop for Fixture {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Certificate and key as files, and the certificate as it is.
fn files(directory: &Path) -> (PathBuf, PathBuf, CertificateDer<'static>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificates, key) = (directory.join("cert.pem"), directory.join("key.pem"));
    fs::write(&certificates, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    (certificates, key, made.cert.der().clone())
}

async fn echo(upgrade: WebSocketUpgrade) -> axum::response::Response {
    upgrade.on_upgrade(|mut socket| async move {
        while let Some(Ok(message @ Message::Text(_))) = socket.recv().await {
            if socket.send(message).await.is_err() {
                return;
            }
        }
    })
}

fn start(limits: &Limits) -> Fixture {
    let directory = tempfile::tempdir().unwrap();
    let (certificates, key, certificate) = files(directory.path());
    let tls = Tls::open(&certificates, &key).unwrap();
    let router = Router::new().route("/", get(|| async { "hello" })).route("/ws", get(echo));
    let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let mut server = Server::new("test", listener, router, limits).with_tls(Some(tls));
    let address = server.address().unwrap();
    let stop = CancellationToken::new();
    let token = stop.clone();
    tokio::spawn(async move { server.run(token).await });
    Fixture { address, certificate, stop }
}

async fn connect(
    fixture: &Fixture,
    versions: &[&'static SupportedProtocolVersion],
    alpn: &[u8],
) -> client::TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(fixture.certificate.clone()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![alpn.to_vec()];
    let stream = TcpStream::connect(fixture.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
}

/// Everything that comes until the end.
async fn rest(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> Vec<u8> {
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut bytes)).await;
    // A reset is as good an end as any.
    let _ = read.expect("the end");
    bytes
}

#[tokio::test]
async fn both_versions_are_spoken_and_the_newer_one_is_preferred() {
    let fixture = start(&Limits::default());
    let (new, old) = (&rustls::version::TLS13, &rustls::version::TLS12);
    for (offered, spoken) in [
        (&[old, new][..], ProtocolVersion::TLSv1_3),
        (&[new][..], ProtocolVersion::TLSv1_3),
        (&[old][..], ProtocolVersion::TLSv1_2),
    ] {
        let mut stream = connect(&fixture, offered, b"http/1.1").await;
        assert_eq!(stream.get_ref().1.protocol_version(), Some(spoken));
        let suite = format!("{:?}", stream.get_ref().1.negotiated_cipher_suite().unwrap().suite());
        assert!(suite.starts_with("TLS13_") || suite.starts_with("TLS_ECDHE_"), "{suite}");
        assert!(suite.contains("_GCM_") || suite.contains("_POLY1305_"), "{suite}");
        stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.unwrap();
        let answer = String::from_utf8(rest(&mut stream).await).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("hello"), "{answer}");
    }
}

#[tokio::test]
async fn a_client_of_http2_is_answered_so() {
    let fixture = start(&Limits::default());
    let stream = connect(&fixture, rustls::ALL_VERSIONS, b"h2").await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let executor = hyper_util::rt::TokioExecutor::new();
    let io = hyper_util::rt::TokioIo::new(stream);
    let (mut sender, connection) = hyper::client::conn::http2::handshake(executor, io).await.unwrap();
    tokio::spawn(connection);
    let request = hyper::Request::get("https://localhost/").body(axum::body::Body::empty()).unwrap();
    assert_eq!(sender.send_request(request).await.unwrap().status(), 200);
}

#[tokio::test]
async fn sockets_go_through_it() {
    let fixture = start(&Limits::default());
    let stream = connect(&fixture, rustls::ALL_VERSIONS, b"http/1.1").await;
    let (mut socket, _) = tokio_tungstenite::client_async("wss://localhost/ws", stream).await.unwrap();
    socket.send("hello".into()).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap().into_text().unwrap(), "hello");
}

/// There is no way around it: neither plain HTTP nor TLS 1.1 is answered.
#[tokio::test]
async fn plain_text_and_older_versions_are_refused() {
    let fixture = start(&Limits::default());
    let mut plain = TcpStream::connect(fixture.address).await.unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let answer = rest(&mut plain).await;
    assert!(!answer.windows(5).any(|part| part == b"hello" || part == b"HTTP/"), "{answer:?}");

    // A ClientHello (RFC 5246 7.4.1.2) that asks for TLS 1.1, and for nothing else that is not known here.
    let mut hello = vec![3, 2];
    hello.extend([7; 32]);
    let suites = [0, 0, 4, 0xc0, 0x2f, 0xc0, 0x2b, 1, 0];
    let algorithms = [0, 13, 0, 6, 0, 4, 4, 1, 4, 3];
    let (groups, points) = ([0, 10, 0, 6, 0, 4, 0, 0x1d, 0, 0x17], [0, 11, 0, 2, 1, 0]);
    hello.extend(suites);
    hello.extend([0, 26]);
    hello.extend(algorithms.into_iter().chain(groups).chain(points));
    let length = u8::try_from(hello.len()).unwrap();
    let mut record = vec![22, 3, 1, 0, length + 4, 1, 0, 0, length];
    record.extend(hello);
    let mut old = TcpStream::connect(fixture.address).await.unwrap();
    old.write_all(&record).await.unwrap();
    let answer = rest(&mut old).await;
    // An alert: fatal, protocol_version.
    assert_eq!((answer.first(), answer.get(5..7)), (Some(&21), Some(&[2, 70][..])), "{answer:?}");
}

#[tokio::test]
async fn a_client_that_does_not_shake_hands_is_closed() {
    let fixture = start(&Limits { header_timeout: Duration::from_millis(200), ..Limits::default() });
    let mut silent = TcpStream::connect(fixture.address).await.unwrap();
    assert_eq!(rest(&mut silent).await, b"");
}

#[test]
fn files_that_do_not_fit_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let (certificates, key, _) = files(directory.path());
    let other = tempfile::tempdir().unwrap();
    let (_, other_key, _) = files(other.path());
    let missing = directory.path().join("missing.pem");
    let said = |certificates: &Path, key: &Path| match Tls::open(certificates, key) {
        Ok(_) => panic!("it is taken"),
        Err(error) => error.to_string(),
    };
    assert!(said(&missing, &key).contains("cannot read") && said(&missing, &key).contains("missing.pem"));
    assert!(said(&key, &key).contains("holds no certificate"));
    assert!(said(&certificates, &certificates).contains("holds no private key"));
    assert!(said(&certificates, &other_key).starts_with("certificate and key cannot be used"));
}
