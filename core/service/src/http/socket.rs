//! WebSockets to others, by the same rules as calls.

use std::net::SocketAddr;

use botbuilder_domain::Secret;
use tokio::{
    net::{TcpStream, lookup_host},
    time::timeout,
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, client_async_tls_with_config, tungstenite::protocol::WebSocketConfig,
};
use url::Url;

use super::{Client, Error};
use crate::guard::{self, Refusal, Verdict};

/// A socket to somebody else.
pub type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Largest message that is read.
const MESSAGE_MAX: usize = 4 << 20;

/// How many times as long as a connection a handshake may take: it is a connection, TLS and an upgrade.
const STEPS: u32 = 3;

impl Client {
    /// Opens a socket. `ws` is taken for addresses that the configuration names, and for no others.
    pub async fn socket(&self, url: &Secret<String>) -> Result<Socket, Error> {
        let url = guard::parse(url.expose())?;
        let opening = self.open_socket(&url);
        timeout(self.connect_timeout * STEPS, opening).await.map_err(|_| Error::Timeout)?
    }

    async fn open_socket(&self, url: &Url) -> Result<Socket, Error> {
        // The guard judges the request that opens the socket.
        let scheme = match url.scheme() {
            "wss" => "https",
            "ws" => "http",
            _ => return Err(Refusal::Scheme.into()),
        };
        let request = format!("{scheme}{}", &url.as_str()[url.scheme().len()..]);
        let verdict = self.guard.check(&guard::parse(&request)?)?;
        if verdict == Verdict::IfPublic && url.scheme() != "wss" {
            return Err(Refusal::Scheme.into());
        }
        let host = url.host_str().ok_or(Refusal::NoAddress)?.trim_matches(['[', ']']);
        let port = url.port_or_known_default().ok_or(Refusal::NoAddress)?;
        let unreachable = |error: std::io::Error| Error::Connect(error.to_string());
        let addresses: Vec<SocketAddr> = lookup_host((host, port)).await.map_err(unreachable)?.collect();
        if verdict == Verdict::IfPublic {
            guard::all_public(addresses.iter().map(SocketAddr::ip))?;
        }
        let stream = TcpStream::connect(addresses.as_slice()).await.map_err(unreachable)?;
        let _ = stream.set_nodelay(true);
        let config =
            WebSocketConfig::default().max_message_size(Some(MESSAGE_MAX)).max_frame_size(Some(MESSAGE_MAX));
        let opened = client_async_tls_with_config(url.as_str(), stream, Some(config), None).await;
        // What went wrong may name the address, which may hold a secret.
        let (socket, _) = opened.map_err(|error| Error::Broken(kind(&error).to_owned()))?;
        Ok(socket)
    }
}

fn kind(error: &tokio_tungstenite::tungstenite::Error) -> &'static str {
    use tokio_tungstenite::tungstenite::Error as Reason;
    match error {
        Reason::Http(_) => "the other side did not agree to a socket",
        Reason::Tls(_) => "no TLS connection",
        Reason::Io(_) => "the connection broke during the handshake",
        Reason::Protocol(_) => "the other side does not speak WebSocket",
        _ => "the socket was not opened",
    }
}
