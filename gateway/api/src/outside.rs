//! What the API reaches beyond the database: identity providers, name servers, and how others reach us.

use std::sync::Arc;

use botbuilder_service::http;
use botbuilder_sso::dns::Resolver;

use crate::sso::providers::Providers;

/// Who mails come from.
#[derive(Debug, Clone)]
pub struct Sender {
    /// The platform's own address, with its name.
    pub platform: String,
    /// Whether mails may come from addresses of organizations that have proved their domain.
    pub may_be_theirs: bool,
}

/// The way out, and our own address.
#[derive(Clone)]
pub struct Outside {
    /// Makes calls, behind the guard of addresses. None where nobody may be called.
    pub http: Option<http::Client>,
    /// Looks names up. None where there is no name server.
    pub dns: Option<Resolver>,
    /// What the world calls the public listener, without a slash at the end.
    pub base_url: String,
    /// Who mails come from.
    pub sender: Sender,
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
        let sender = Sender { platform: "no-reply@localhost".to_owned(), may_be_theirs: false };
        Self { http, dns, base_url, sender, providers: Arc::default() }
    }

    /// The same, with mails from there.
    #[must_use]
    pub fn sending(mut self, sender: Sender) -> Self {
        self.sender = sender;
        self
    }
}
