//! The accept loop under every listener.
//!
//! Connections are built in this one place, so that none escapes the limits: header size, count and time, idle time,
//! stalled writers, HTTP/2 bounds, a cap on connections, and a shutdown that lets requests in hand finish. WebSocket
//! upgrades pass through; an upgraded connection still counts against the cap, and is told about a shutdown by whoever
//! took it over.
//!
//! The times are kept by [`connection`] and [`body`], not by hyper: its header timeout covers neither a client that
//! connects and says nothing while the protocol is being detected, nor tells an idle connection from a slow header, and
//! it allocates a timer for each request.

mod body;
mod connection;
mod proxies;
mod tls;

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use axum::{Router, extract::ConnectInfo, response::IntoResponse as _};
use hyper::{Request, Response, StatusCode, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;
use tower::Service as _;
use tracing::{debug, info, warn};

use self::{
    body::{Counted, Patient},
    connection::{Connection, Times, Traffic},
};
pub use self::{
    proxies::Proxies,
    tls::{Tls, TlsError},
};
use crate::{
    config::Limits,
    lifecycle::{Service, ServiceError},
};

/// Connections the kernel may hold for us: a storm of reconnecting clients waits there instead of being refused. The
/// kernel cuts it to `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

/// Pause after an accept failed for lack of descriptors or memory, so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// HTTP/2 bounds that nobody needs to change.
const HTTP2_PENDING_RESETS: usize = 20;
const HTTP2_HEADER_LIST: u32 = 64 << 10;
const HTTP2_PING: Duration = Duration::from_secs(20);

/// Opens a listening socket. Done before anything is started, so that a taken address is an error at once.
pub fn bind(address: SocketAddr) -> Result<TcpListener, BindError> {
    open(address).map_err(|source| BindError { address, source })
}

/// An address that cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}")]
pub struct BindError {
    /// The address.
    pub address: SocketAddr,
    /// Why.
    pub source: io::Error,
}

fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restart must not wait for connections of the old process to leave TIME_WAIT.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    // Accepted sockets inherit this. Answers are small and must not wait for an acknowledgement (Nagle).
    socket.set_tcp_nodelay(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// One listener and what it serves.
pub struct Server {
    name: &'static str,
    listener: TcpListener,
    shared: Arc<Shared>,
    open: Arc<AtomicUsize>,
    most: usize,
}

/// What every connection of a server needs.
struct Shared {
    builder: Builder<TokioExecutor>,
    router: Router,
    times: Times,
    body_idle: Duration,
    request: Duration,
    proxies: Proxies,
    tls: Option<Tls>,
}

impl Server {
    /// A server on a socket from [`bind`]. Handlers can ask for `ConnectInfo<SocketAddr>`, which is the client's
    /// address as far as [`Server::behind`] knows it.
    pub fn new(name: &'static str, listener: TcpListener, router: Router, limits: &Limits) -> Self {
        let shared = Shared {
            builder: builder(limits),
            router,
            times: Times {
                header: limits.header_timeout,
                idle: limits.keep_alive,
                write: limits.body_timeout,
            },
            body_idle: limits.body_idle_timeout,
            request: limits.request_timeout,
            proxies: Proxies::default(),
            tls: None,
        };
        Self { name, listener, shared: Arc::new(shared), open: Arc::default(), most: limits.connections }
    }

    /// The same server behind these proxies, whose word on who calls is taken.
    #[must_use]
    pub fn behind(mut self, proxies: Proxies) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            shared.proxies = proxies;
        }
        self
    }

    /// The same server with TLS where there is a certificate: then it speaks nothing else.
    #[must_use]
    pub fn with_tls(mut self, tls: Option<Tls>) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            shared.tls = tls;
        }
        self
    }

    /// The address it listens on, with the real port where 0 was asked for.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// The number of open connections, upgraded ones included, kept up to date.
    pub fn open_connections(&self) -> Arc<AtomicUsize> {
        self.open.clone()
    }
}

fn builder(limits: &Limits) -> Builder<TokioExecutor> {
    let header_bytes = usize::try_from(limits.header_bytes).unwrap_or(usize::MAX);
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(None)
        .max_headers(limits.header_count)
        // The buffer has to hold a whole header, so its size is the limit; bodies pass through it in pieces.
        .max_buf_size(header_bytes);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.http2_streams)
        .max_pending_accept_reset_streams(HTTP2_PENDING_RESETS)
        .max_header_list_size(HTTP2_HEADER_LIST)
        .keep_alive_interval(HTTP2_PING)
        .keep_alive_timeout(HTTP2_PING);
    builder
}

#[async_trait]
impl Service for Server {
    fn name(&self) -> &'static str {
        self.name
    }

    async fn run(&mut self, stop: CancellationToken) -> Result<(), ServiceError> {
        info!(address = %self.address()?, "{} listens", self.name);
        // Dropping the set ends the connections, so a hard stop of this service leaves none behind.
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                accepted = self.listener.accept() => accepted,
            };
            while connections.try_join_next().is_some() {}
            match accepted {
                Ok((stream, peer)) => self.take(stream, peer, &stop, &mut connections),
                Err(error) if is_about_one_connection(&error) => {}
                Err(error) => {
                    warn!("{} cannot accept: {error}", self.name);
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        while connections.join_next().await.is_some() {}
        Ok(())
    }
}

impl Server {
    fn take(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        stop: &CancellationToken,
        connections: &mut JoinSet<()>,
    ) {
        if self.open.load(Ordering::Relaxed) >= self.most {
            // Closing is cheaper than any answer, and the client's retry finds another node or a freed place.
            warn!(client.address = %peer, "{} is at its limit of {} connections", self.name, self.most);
            return;
        }
        let guard = Open::new(self.open.clone());
        connections.spawn(welcome(self.shared.clone(), stream, peer, guard, stop.clone()));
    }
}

/// Counts an open connection for as long as it lives.
struct Open(Arc<AtomicUsize>);

impl Open {
    fn new(count: Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Errors that tell about the connection that was to be accepted, not about the listener.
fn is_about_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}

/// Serves a connection, after the handshake where there is one.
async fn welcome(
    shared: Arc<Shared>,
    stream: TcpStream,
    peer: SocketAddr,
    open: Open,
    stop: CancellationToken,
) {
    let Some(tls) = shared.tls.clone() else {
        return serve(shared, stream, peer, open, stop).await;
    };
    let shaken = tokio::select! {
        biased;
        shaken = tls.accept(stream, shared.times.header) => shaken,
        () = stop.cancelled() => return,
    };
    match shaken {
        Ok(stream) => serve(shared, stream, peer, open, stop).await,
        Err(error) => debug!(client.address = %peer, "no handshake: {error}"),
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    shared: Arc<Shared>,
    stream: S,
    peer: SocketAddr,
    open: Open,
    stop: CancellationToken,
) {
    let traffic = Arc::new(Traffic::default());
    let io = TokioIo::new(Connection::new(stream, shared.times, traffic.clone(), open));
    let service = service_fn(|request| answer(shared.clone(), peer, traffic.clone(), request));
    let connection = shared.builder.serve_connection_with_upgrades(io, service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        biased;
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // Clients that go away or are too slow are everyday business.
        debug!(client.address = %peer, "connection ended: {error}");
    }
}

async fn answer(
    shared: Arc<Shared>,
    peer: SocketAddr,
    traffic: Arc<Traffic>,
    request: Request<Incoming>,
) -> Result<Response<Counted>, Infallible> {
    let in_hand = traffic.begin(request.version());
    let mut request = request.map(|body| axum::body::Body::new(Patient::new(body, shared.body_idle)));
    let client = shared.proxies.client(peer, request.headers());
    request.extensions_mut().insert(ConnectInfo(client));
    let handled = tokio::time::timeout(shared.request, shared.router.clone().call(request)).await;
    let response = match handled {
        Ok(Ok(response)) => response,
        Err(_elapsed) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    };
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        traffic.upgraded();
    }
    Ok(response.map(|body| Counted::new(body, in_hand)))
}

#[cfg(test)]
mod tests;
