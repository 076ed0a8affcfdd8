//! Stands between the platform and its database, so that the database can be lost.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use sqlx::postgres::PgConnectOptions;
use tokio::{
    io::{AsyncRead, AsyncWrite, copy_bidirectional},
    net::{TcpListener, TcpStream, UnixStream},
    sync::watch,
    task::JoinHandle,
};

use crate::local_client::Url;

/// Passes connections on until it is cut.
pub(super) struct Proxy {
    address: SocketAddr,
    url: String,
    open: Arc<watch::Sender<bool>>,
    accepting: JoinHandle<()>,
}

#[derive(Clone)]
enum Server {
    Tcp(String, u16),
    Unix(PathBuf),
}

impl Proxy {
    /// One in front of the server of this address.
    pub(super) async fn start(url: &str) -> Self {
        let options: PgConnectOptions = url.parse().expect("a database url");
        let server = match options.get_socket() {
            Some(directory) => Server::Unix(directory.join(format!(".s.PGSQL.{}", options.get_port()))),
            None if options.get_host().starts_with('/') => Server::Unix(
                PathBuf::from(options.get_host()).join(format!(".s.PGSQL.{}", options.get_port())),
            ),
            None => Server::Tcp(options.get_host().to_owned(), options.get_port()),
        };
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let open = Arc::new(watch::Sender::new(true));
        let accepting = tokio::spawn(accept(listener, server, Arc::clone(&open)));
        Self { address, url: url.to_owned(), open, accepting }
    }

    /// The address of the database, through here.
    pub(super) fn url(&self) -> String {
        let mut url = Url::parse(&self.url).expect("a database url");
        url.set_host(Some("127.0.0.1")).expect("a host");
        url.set_port(Some(self.address.port())).expect("a port");
        // What named a socket would name it still.
        let others: Vec<(String, String)> = url
            .query_pairs()
            .filter(|(name, _)| name != "host")
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        url.query_pairs_mut().clear().extend_pairs(others).append_pair("sslmode", "disable");
        url.into()
    }

    /// Breaks every connection and refuses new ones.
    pub(super) fn cut(&self) {
        self.open.send_replace(false);
    }

    /// Passes connections on again.
    pub(super) fn restore(&self) {
        self.open.send_replace(true);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, server: Server, open: Arc<watch::Sender<bool>>) {
    loop {
        let Ok((client, _)) = listener.accept().await else { continue };
        // A connection that is dropped at once is what a server that is gone looks like from here.
        if *open.borrow() {
            tokio::spawn(pass(client, server.clone(), open.subscribe()));
        }
    }
}

async fn pass(client: TcpStream, server: Server, open: watch::Receiver<bool>) {
    // A server that is not there ends the client's connection, which is all there is to say.
    match server {
        Server::Tcp(host, port) => {
            if let Ok(server) = TcpStream::connect((host, port)).await {
                let _ = client.set_nodelay(true).and_then(|()| server.set_nodelay(true));
                between(client, server, open).await;
            }
        }
        Server::Unix(path) => {
            if let Ok(server) = UnixStream::connect(path).await {
                let _ = client.set_nodelay(true);
                between(client, server, open).await;
            }
        }
    }
}

async fn between(
    mut client: TcpStream,
    mut server: impl AsyncRead + AsyncWrite + Unpin,
    mut open: watch::Receiver<bool>,
) {
    tokio::select! {
        _ = copy_bidirectional(&mut client, &mut server) => {}
        _ = open.wait_for(|open| !open) => {}
    }
}
