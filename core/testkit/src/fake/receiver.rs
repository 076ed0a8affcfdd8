//! Somebody who takes outgoing webhooks: keeps what comes and answers as it is told.

use std::{
    collections::VecDeque,
    net::Ipv4Addr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

pub use axum::http::StatusCode;
use axum::{Router, body::Bytes, extract::State, http::HeaderMap};
use serde_json::Value;

use super::{
    Error,
    server::{self, Server},
};

/// What came.
#[derive(Debug, Clone)]
pub struct Received {
    /// The headers.
    pub headers: HeaderMap,
    /// The body, as it came.
    pub body: Bytes,
}

impl Received {
    /// A header's value, empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body, as JSON; null where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

#[derive(Debug, Default)]
struct Inner {
    received: Vec<Received>,
    answers: VecDeque<StatusCode>,
}

/// A running receiver. It answers 200 where it is not told otherwise.
#[derive(Debug)]
pub struct Receiver {
    inner: Arc<Mutex<Inner>>,
    server: Server,
}

fn lock(inner: &Mutex<Inner>) -> MutexGuard<'_, Inner> {
    inner.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn take(State(inner): State<Arc<Mutex<Inner>>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let mut inner = lock(&inner);
    inner.received.push(Received { headers, body });
    inner.answers.pop_front().unwrap_or(StatusCode::OK)
}

impl Receiver {
    /// Starts one on loopback.
    pub async fn start() -> Result<Self, Error> {
        let inner = Arc::new(Mutex::new(Inner::default()));
        let router = Router::new().fallback(take).with_state(Arc::clone(&inner));
        let server = server::serve((Ipv4Addr::LOCALHOST, 0).into(), router).await?;
        Ok(Self { inner, server })
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://{}/hook", self.server.address)
    }

    /// What came so far.
    pub fn received(&self) -> Vec<Received> {
        lock(&self.inner).received.clone()
    }

    /// Answers the next request so; told several times, in that order.
    pub fn answer(&self, status: StatusCode) {
        lock(&self.inner).answers.push_back(status);
    }
}
