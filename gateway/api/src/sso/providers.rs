//! What is known of OIDC providers: their description and their keys, kept for a while in the process.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use axum::http::{Method, StatusCode, header};
use botbuilder_domain::Secret;
use botbuilder_service::http::{Client, Error as HttpError, Request};
use botbuilder_sso::oidc::{
    discovery::{self, Provider},
    jws::Keys,
};
use chrono::{DateTime, TimeDelta, Utc};

/// How long a description and keys are good without a reason to look again.
const FRESH: TimeDelta = TimeDelta::hours(1);
/// How soon keys are asked for again when a token names one that is not known: a stranger's tokens make no storm.
const AGAIN: TimeDelta = TimeDelta::seconds(10);
/// Most providers that are kept.
const MOST: usize = 1000;

/// Why a provider does not help.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Calls to others are switched off.
    #[error("this program calls nobody")]
    NoWayOut,
    /// The call failed.
    #[error("the provider cannot be called: {0}")]
    Http(#[from] HttpError),
    /// It answered with something else than success.
    #[error("the provider answers {0} at its {1}")]
    Status(StatusCode, &'static str),
    /// Its description cannot be used.
    #[error(transparent)]
    Discovery(#[from] discovery::Error),
    /// Its keys cannot be read.
    #[error("the provider's keys cannot be read")]
    Keys,
}

/// A provider as it was last seen.
#[derive(Clone)]
pub(crate) struct Known {
    pub provider: Arc<Provider>,
    pub keys: Arc<Keys>,
    fetched_at: DateTime<Utc>,
    forced_at: Option<DateTime<Utc>>,
}

/// Providers by their issuer.
#[derive(Default)]
pub(crate) struct Providers {
    known: Mutex<HashMap<String, Known>>,
}

impl Providers {
    fn get(&self, issuer: &str) -> Option<Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(issuer).cloned()
    }

    fn put(&self, issuer: &str, known: Known) {
        let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST && !all.contains_key(issuer) {
            all.clear();
        }
        all.insert(issuer.to_owned(), known);
    }

    /// The provider, from memory while that is fresh.
    pub async fn find(
        &self,
        http: Option<&Client>,
        issuer: &str,
        now: DateTime<Utc>,
    ) -> Result<Known, Error> {
        match self.get(issuer) {
            Some(known) if known.fetched_at + FRESH > now => Ok(known),
            _ => self.fetch(http, issuer, now).await,
        }
    }

    /// The provider with keys that are new, unless they were asked for just now.
    pub async fn renewed(
        &self,
        http: Option<&Client>,
        issuer: &str,
        now: DateTime<Utc>,
    ) -> Result<Known, Error> {
        match self.get(issuer) {
            Some(known) if known.forced_at.is_some_and(|forced| forced + AGAIN > now) => Ok(known),
            _ => {
                let known = Known { forced_at: Some(now), ..self.fetch(http, issuer, now).await? };
                self.put(issuer, known.clone());
                Ok(known)
            }
        }
    }

    /// The provider as it is now.
    pub async fn fetch(
        &self,
        http: Option<&Client>,
        issuer: &str,
        now: DateTime<Utc>,
    ) -> Result<Known, Error> {
        let body = get(http, &Provider::address(issuer), None, "description").await?;
        let provider = Provider::parse(issuer, &body)?;
        let keys = get(http, &provider.jwks_uri, None, "keys").await?;
        let keys = Keys::parse(&keys).ok_or(Error::Keys)?;
        let forced_at = self.get(issuer).and_then(|known| known.forced_at);
        let known = Known { provider: Arc::new(provider), keys: Arc::new(keys), fetched_at: now, forced_at };
        self.put(issuer, known.clone());
        Ok(known)
    }
}

/// Reads an address of a provider.
pub(crate) async fn get(
    http: Option<&Client>,
    address: &str,
    token: Option<&Secret<String>>,
    what: &'static str,
) -> Result<axum::body::Bytes, Error> {
    let mut request = Request::new(Method::GET, address)?.header(header::ACCEPT, "application/json")?;
    if let Some(token) = token {
        request = request.bearer(token)?;
    }
    send(http, request, what).await
}

/// Sends a request to a provider, which has to answer with success.
pub(crate) async fn send(
    http: Option<&Client>,
    request: Request,
    what: &'static str,
) -> Result<axum::body::Bytes, Error> {
    let answer = http.ok_or(Error::NoWayOut)?.send(request).await?;
    if answer.status.is_success() { Ok(answer.body) } else { Err(Error::Status(answer.status, what)) }
}
