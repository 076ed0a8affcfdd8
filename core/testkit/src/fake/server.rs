//! Serves a router on loopback. Unlike the usual way it can close a connection without an answer.

use std::net::SocketAddr;

use axum::{Router, body::Body, response::Response};
use hyper::{Request, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use tokio::{
    net::TcpListener,
    task::{JoinHandle, JoinSet},
};
use tower::ServiceExt as _;

use super::Error;

/// A running server. It stops, and closes its connections, when it is dropped.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// In the extensions of a response: close the connection instead of answering.
#[derive(Debug, Clone, Copy)]
struct HangUp;

/// A response that is never written.
pub(super) fn hang_up() -> Response {
    let mut response = Response::new(Body::empty());
    response.extensions_mut().insert(HangUp);
    response
}

#[derive(Debug, thiserror::Error)]
#[error("the fake closes the connection, as it was told to")]
struct Closed;

pub(super) async fn serve(bind: SocketAddr, router: Router) -> Result<Server, Error> {
    if !bind.ip().is_loopback() {
        return Err(Error::NotLoopback(bind));
    }
    let listener = TcpListener::bind(bind).await?;
    let address = listener.local_addr()?;
    let task = tokio::spawn(accept(listener, router));
    Ok(Server { address, task })
}

async fn accept(listener: TcpListener, router: Router) {
    // Aborts the connections when this task ends.
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, most likely: wait until some are back.
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let router = router.clone();
        connections.spawn(async move {
            let service = service_fn(move |request: Request<Incoming>| answer(router.clone(), request));
            // A client that goes away is its own affair.
            let _ = Builder::new(TokioExecutor::new())
                .serve_connection_with_upgrades(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn answer(router: Router, request: Request<Incoming>) -> Result<Response, Closed> {
    let Ok(response) = router.oneshot(request.map(Body::new)).await;
    if response.extensions().get::<HangUp>().is_some() { Err(Closed) } else { Ok(response) }
}
