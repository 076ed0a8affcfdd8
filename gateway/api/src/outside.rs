//! What the API reaches beyond the database: identity providers, name servers, and how others reach us.

use std::sync::Arc;

use botbuilder_service::http;
use botbuilder_sso::dns::Resolver;

use crate::sso::providers::Providers;

/// The way out, and our own address.
#[derive(Clone)]
pub struct Outside {
    /// Makes calls, behind the guard of addresses. None where nobody may be called.
    pub http: Option<http::Client>,
    /// Looks names up. None where there is no name server.
    pub dns: Option<Resolver>,
    /// What the world calls the public listener, without a slash at the end.
    pub base_url: String,
    /// What is known of identity providers.
    pub(crate) providers: Arc<Providers>,
}

impl Outside {
    /// Nobody is called, and nobody calls from elsewhere.
    pub fn none() -> Self {
        Self::new(None, None, "http://127.0.0.1:8080".to_owned())
    }

    /// This way out, and this address.
    pub fn new(http: Option<http::Client>, dns: Option<Resolver>, base_url: String) -> Self {
        Self { http, dns, base_url, providers: Arc::default() }
    }
}
