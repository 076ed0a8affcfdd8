//! The database over TLS, as far as it is ours: whom the client trusts, and that it does not go on in the clear. What answers
//! here speaks the beginning of PostgreSQL's protocol.

use std::{path::Path, sync::Arc, time::Duration};

use botbuilder_store::Store;
use rcgen::{CertifiedKey, KeyPair};
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    sync::mpsc,
};
use tokio_rustls::TlsAcceptor;

/// What a server saw of a client.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    /// It asked for TLS, shook hands, and said who it is.
    Protected(String),
    /// It asked for TLS and said no more.
    Nothing,
    /// It said who it is where everybody can read it.
    Clear,
}

fn certificate() -> CertifiedKey<KeyPair> {
    rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate")
}

/// A server that offers TLS, or does not. Gives its port and what it sees.
async fn server(offered: Option<&CertifiedKey<KeyPair>>) -> (u16, mpsc::UnboundedReceiver<Seen>) {
    let acceptor = offered.map(|made| {
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .expect("a certificate with its key");
        TlsAcceptor::from(Arc::new(config))
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let port = listener.local_addr().expect("an address").port();
    let (tell, seen) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            // SSLRequest: its length, and a number that is no version.
            let mut request = [0; 8];
            if stream.read_exact(&mut request).await.is_err() {
                continue;
            }
            let asks = request == [0, 0, 0, 8, 4, 210, 22, 47];
            let what = match &acceptor {
                Some(acceptor) if asks => {
                    stream.write_all(b"S").await.expect("an answer");
                    match acceptor.accept(stream).await {
                        Ok(mut stream) => startup(&mut stream).await.map_or(Seen::Nothing, Seen::Protected),
                        Err(_) => Seen::Nothing,
                    }
                }
                _ if asks => {
                    stream.write_all(b"N").await.expect("an answer");
                    startup(&mut stream).await.map_or(Seen::Nothing, |_| Seen::Clear)
                }
                _ => Seen::Clear,
            };
            if tell.send(what).is_err() {
                return;
            }
        }
    });
    (port, seen)
}

/// Who a client says it is, if it says anything.
async fn startup(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let length = stream.read_u32().await.ok()?;
    let mut rest = vec![0; usize::try_from(length).ok()?.checked_sub(4)?];
    stream.read_exact(&mut rest).await.ok()?;
    Some(String::from_utf8_lossy(&rest).into_owned())
}

async fn seen(port: u16, seen: &mut mpsc::UnboundedReceiver<Seen>, mode: &str, root: &Path) -> Seen {
    let root = root.display();
    let url = format!("postgres://ada:secret@localhost:{port}/x?sslmode={mode}&sslrootcert={root}");
    // Nobody answers it to the end, so it connects in no case; what it said until then counts.
    let connecting = tokio::spawn(async move { Store::connect(&url, 1).await.err() });
    let what = tokio::time::timeout(Duration::from_secs(20), seen.recv()).await;
    connecting.abort();
    what.expect("something is seen").expect("a server")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_is_trusted_by_the_authority_that_is_named_and_never_spoken_to_in_the_clear() {
    let (own, other) = (certificate(), certificate());
    let directory = tempfile::tempdir().expect("a directory");
    let file = |name: &str, made: &CertifiedKey<KeyPair>| {
        let path = directory.path().join(name);
        std::fs::write(&path, made.cert.pem()).expect("a file");
        path
    };
    let (root, other) = (file("own.pem", &own), file("other.pem", &other));
    for (mode, trusted) in [("verify-full", true), ("verify-ca", true), ("verify-full", false)] {
        let (port, mut told) = server(Some(&own)).await;
        let root = if trusted { &root } else { &other };
        match seen(port, &mut told, mode, root).await {
            Seen::Protected(who) => assert!(trusted && who.contains("user\0ada"), "{mode}: {who:?}"),
            other => assert!(!trusted && other == Seen::Nothing, "{mode}: {other:?}"),
        }
    }
    // A server that offers none, or somebody between who says so.
    for mode in ["require", "verify-full"] {
        let (port, mut told) = server(None).await;
        assert_eq!(seen(port, &mut told, mode, &root).await, Seen::Nothing, "{mode}");
    }
}
