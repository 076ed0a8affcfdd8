//! Where a call comes from.

use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{header, request::Parts},
};
use botbuilder_store::{audit::audit_logs::Actor, identity::user_sessions::Holder};
use uuid::Uuid;

use crate::request_id::RequestId;

/// The other end of a request.
#[derive(Debug, Clone, Default)]
pub struct Client {
    /// Its address.
    pub ip: Option<IpAddr>,
    /// What it calls itself, at most 512 characters.
    pub user_agent: Option<String>,
    /// The request.
    pub request: Option<Uuid>,
}

impl Client {
    /// The client of a request.
    pub fn of(parts: &Parts) -> Self {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let agent = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        Self {
            ip: peer.map(|ConnectInfo(peer)| peer.ip().to_canonical()),
            user_agent: agent.map(|agent| agent.chars().take(512).collect()),
            request: parts.extensions.get::<RequestId>().map(|id| id.0),
        }
    }

    /// The address as the database takes it.
    pub fn ip_text(&self) -> Option<String> {
        self.ip.map(|ip| ip.to_string())
    }

    /// An actor of whom nothing is known but where the call came from.
    pub fn nobody(&self) -> Actor {
        Actor {
            kind: "system",
            id: None,
            label: None,
            session: None,
            ip: self.ip_text(),
            user_agent: self.user_agent.clone(),
            request: self.request,
        }
    }

    /// An account as the actor, outside of any session.
    pub fn account(&self, user: Uuid, email: &str) -> Actor {
        Actor { kind: "user", id: Some(user), label: Some(email.to_owned()), ..self.nobody() }
    }

    /// A signed-in person as the actor; or the member of staff who acts as that person.
    pub fn person(&self, holder: &Holder) -> Actor {
        if let Some(acting) = &holder.impersonation {
            let label = format!("platform staff: {}, as {}", acting.staff_email, holder.email);
            return Actor {
                kind: "admin",
                id: Some(acting.staff),
                label: Some(label),
                session: Some(holder.session),
                ..self.nobody()
            };
        }
        Actor { session: Some(holder.session), ..self.account(holder.user, &holder.email) }
    }
}

impl<S: Sync> FromRequestParts<S> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(parts))
    }
}
