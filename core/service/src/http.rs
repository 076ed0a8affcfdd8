//! The only way out: calls to providers, to services that users name, to models.
//!
//! Every call has a time limit, a limit on what is read, no redirects and no proxy from the environment, and passes the
//! address [guard](crate::guard). A name is resolved once, all its addresses are checked, and the checked ones are
//! connected to, so a name that changes its mind in between gains nothing. Errors never hold the address called, which
//! may hold a secret, and say whether the other side may have seen the request.

use std::{error::Error as _, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    body::Bytes,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
};
use botbuilder_domain::Secret;
use reqwest::{
    dns::{Addrs, Name, Resolve, Resolving},
    redirect::Policy,
};
use url::Url;

use crate::{
    config::Outbound,
    guard::{self, Guard, Refusal, Verdict},
};

mod socket;

pub use socket::Socket;

/// How the program names itself.
const USER_AGENT: &str = concat!("BotBuilder/", env!("CARGO_PKG_VERSION"));

/// Idle connections kept for one host.
const IDLE_PER_HOST: usize = 64;

/// A request to somebody else.
#[derive(Clone)]
pub struct Request {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Bytes,
    timeout: Option<Duration>,
}

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status; any status is an answer, not an error.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// An answer whose body is read as it comes.
pub struct Opened {
    /// The status; any status is an answer, not an error.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    answer: reqwest::Response,
    limit: u64,
    read: u64,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is not one we call.
    #[error("the call was refused: {0}")]
    Refused(#[from] Refusal),
    /// A header's value has characters that headers cannot carry.
    #[error("the header {0} has an unusable value")]
    Header(HeaderName),
    /// No connection came about.
    #[error("no connection: {0}")]
    Connect(String),
    /// The time was over before the answer was there.
    #[error("no answer in time")]
    Timeout,
    /// The connection broke, or what came was not HTTP.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// The answer is larger than we read.
    #[error("the answer is larger than {limit} bytes")]
    TooLarge {
        /// What is read at most, in bytes.
        limit: u64,
    },
    /// The client could not be made.
    #[error("no HTTP client: {0}")]
    Setup(String),
}

impl Error {
    /// Whether the other side may have acted on the request. If not, it can be sent again without a second effect.
    pub fn may_have_arrived(&self) -> bool {
        match self {
            Self::Refused(_) | Self::Header(_) | Self::Connect(_) | Self::Setup(_) => false,
            Self::Timeout | Self::Broken(_) | Self::TooLarge { .. } => true,
        }
    }
}

impl Request {
    /// A request without headers and body.
    pub fn new(method: Method, url: &str) -> Result<Self, Error> {
        let url = guard::parse(url)?;
        Ok(Self { method, url, headers: HeaderMap::new(), body: Bytes::new(), timeout: None })
    }

    /// A request made of parts.
    #[cfg_attr(
        not(feature = "otlp"),
        expect(dead_code, reason = "the exporter of traces is the one to call it")
    )]
    pub(crate) fn from_parts(
        method: Method,
        url: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Self, Error> {
        Ok(Self { headers, body, ..Self::new(method, url)? })
    }

    /// Sets a header.
    pub fn header(mut self, name: HeaderName, value: &str) -> Result<Self, Error> {
        match HeaderValue::from_str(value) {
            Ok(value) => self.headers.insert(name, value),
            Err(_) => return Err(Error::Header(name)),
        };
        Ok(self)
    }

    /// Sets the `Authorization` header to a bearer token.
    pub fn bearer(mut self, token: &Secret<String>) -> Result<Self, Error> {
        let value = HeaderValue::from_str(&format!("Bearer {}", token.expose()));
        let mut value = value.map_err(|_| Error::Header(header::AUTHORIZATION))?;
        value.set_sensitive(true);
        self.headers.insert(header::AUTHORIZATION, value);
        Ok(self)
    }

    /// Sets a body of JSON text.
    #[must_use]
    pub fn json(self, text: impl Into<Bytes>) -> Self {
        self.body("application/json", text)
    }

    /// Sets a body and its type.
    #[must_use]
    pub fn body(mut self, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        self.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        self.body = body.into();
        self
    }

    /// Sets another time limit for the whole call than the configured one.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }
}

/// Makes calls. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Client {
    guard: Arc<Guard>,
    /// For what configuration names: any address.
    configured: reqwest::Client,
    /// For everything else: public addresses only.
    public: reqwest::Client,
    body_bytes: u64,
    connect_timeout: Duration,
}

impl Client {
    /// A client with the limits of the configuration.
    pub fn new(outbound: &Outbound) -> Result<Self, Error> {
        Ok(Self {
            guard: Arc::new(Guard::new(outbound)),
            configured: build(outbound, None)?,
            public: build(outbound, Some(Arc::new(PublicOnly)))?,
            body_bytes: outbound.body_bytes,
            connect_timeout: outbound.connect_timeout,
        })
    }

    /// Sends a request and reads the answer.
    pub async fn send(&self, request: Request) -> Result<Response, Error> {
        let mut answer = self.open(request, self.body_bytes).await?;
        let mut body = Vec::new();
        while let Some(piece) = answer.next().await? {
            body.extend_from_slice(&piece);
        }
        Ok(Response { status: answer.status, headers: answer.headers, body: body.into() })
    }

    /// Sends a request and reads the answer's head. Its body, of at most `limit` bytes, is read piece by piece.
    pub async fn open(&self, request: Request, limit: u64) -> Result<Opened, Error> {
        let client = match self.guard.check(&request.url)? {
            Verdict::Configured => &self.configured,
            Verdict::IfPublic => &self.public,
        };
        let mut sent =
            client.request(request.method, request.url).headers(request.headers).body(request.body);
        if let Some(timeout) = request.timeout {
            sent = sent.timeout(timeout);
        }
        let answer = sent.send().await.map_err(classify)?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        if answer.content_length().is_some_and(|length| length > limit) {
            return Err(Error::TooLarge { limit });
        }
        Ok(Opened { status, headers, answer, limit, read: 0 })
    }
}

impl Opened {
    /// The next piece of the body; none at its end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        let piece = self.answer.chunk().await.map_err(classify)?;
        self.read += piece.as_ref().map_or(0, |piece| piece.len() as u64);
        // The announced length may be missing or a lie.
        if self.read > self.limit { Err(Error::TooLarge { limit: self.limit }) } else { Ok(piece) }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the client that everything else is given")]
fn build(outbound: &Outbound, resolver: Option<Arc<PublicOnly>>) -> Result<reqwest::Client, Error> {
    let mut builder = reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .connect_timeout(outbound.connect_timeout)
        .timeout(outbound.timeout)
        .redirect(Policy::none())
        .no_proxy()
        .pool_max_idle_per_host(IDLE_PER_HOST)
        .referer(false);
    if let Some(resolver) = resolver {
        builder = builder.dns_resolver(resolver);
    }
    builder.build().map_err(|error| Error::Setup(reasons(&error)))
}

/// Resolves a name and gives out its addresses only if all of them are public.
struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            // The port is put in by the client.
            let addresses: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            guard::all_public(addresses.iter().map(SocketAddr::ip))?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

fn classify(error: reqwest::Error) -> Error {
    if let Some(refusal) = find_refusal(&error) {
        return Error::Refused(refusal);
    }
    let error = error.without_url();
    if error.is_connect() || error.is_builder() {
        Error::Connect(reasons(&error))
    } else if error.is_timeout() {
        Error::Timeout
    } else {
        Error::Broken(reasons(&error))
    }
}

/// A refusal by the resolver comes back wrapped by every layer above it.
fn find_refusal(error: &reqwest::Error) -> Option<Refusal> {
    let mut source = error.source();
    while let Some(inner) = source {
        if let Some(refusal) = inner.downcast_ref::<Refusal>() {
            return Some(refusal.clone());
        }
        source = inner.source();
    }
    None
}

/// The innermost reason: what the layers above say is that something failed.
fn reasons(error: &reqwest::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests;
