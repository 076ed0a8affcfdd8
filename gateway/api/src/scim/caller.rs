//! Who provisions: a SCIM token, and the connection whose people it keeps.

use axum::{
    extract::FromRequestParts,
    http::{header, request::Parts},
};
use botbuilder_sso::scim::error::Error as ScimError;
use botbuilder_store::{
    OrgScope, Tx,
    audit::audit_logs::{self, Act, Actor},
    integrations::api_tokens::{self, Presented},
    sso::connections::{self, Connection},
};
use chrono::TimeDelta;
use uuid::Uuid;

use super::answer::Refused;
use crate::{
    Api,
    auth::Client,
    error::ApiError,
    events::{self, By},
};

/// How often it is noted that a token was used.
const NOTED_EVERY: TimeDelta = TimeDelta::minutes(1);

/// Whoever keeps the people of a connection.
#[derive(Debug, Clone)]
pub(crate) struct Provisioner {
    /// The connection.
    pub connection: Connection,
    /// Where its resources are: `https://…/scim/v2`.
    pub base: String,
    token: Uuid,
    name: String,
    client: Client,
}

impl Provisioner {
    /// The organization.
    pub fn scope(&self) -> OrgScope {
        OrgScope::of_service(self.connection.org)
    }

    /// Tells of something that follows of an act that is audited.
    pub async fn tell(&self, api: &Api, tx: &mut Tx, act: &Act) -> Result<(), ApiError> {
        let by = By { user: None, source: "api", request: self.client.request };
        events::tell(api, tx, &self.scope(), &by, act).await
    }

    /// Writes an audit entry in the transaction of the act, and tells of it.
    pub async fn audit(&self, api: &Api, tx: &mut Tx, act: Act) -> Result<(), ApiError> {
        let actor = Actor {
            kind: "scim",
            id: Some(self.token),
            label: Some(self.name.clone()),
            ..self.client.nobody()
        };
        self.tell(api, tx, &act).await?;
        Ok(audit_logs::append(tx, Some(self.connection.org), api.ids.next(), &actor, act).await?)
    }
}

impl FromRequestParts<Api> for Provisioner {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Refused> {
        let client = Client::of(parts);
        let now = api.clock.now();
        let ip = client.ip_text();
        let unknown = || ScimError::status(401, "send a valid SCIM token as a bearer token");
        let text = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let presented = text.and_then(|text| text.split_once(' '));
        let presented = presented.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let presented = presented.and_then(|(_, token)| Presented::parse(token)).ok_or_else(unknown)?;
        let mut tx = api.store.begin_auth().await?;
        let found = connections::provisioner(&mut tx, &presented, ip.as_deref(), now).await?;
        let found = found.ok_or_else(unknown)?;
        if !found.address_allowed {
            return Err(ScimError::status(403, "this token may not be used from this address").into());
        }
        let connection = connections::get(&mut tx, found.connection).await?.ok_or_else(unknown)?;
        if found.last_used_at.is_none_or(|last| last + NOTED_EVERY <= now) {
            api_tokens::used(&mut tx, found.token, ip.as_deref(), now).await?;
        }
        tx.commit().await?;
        api.identity.rates.take_of(connection.org.uuid(), found.token, found.rate_per_minute)?;
        let base = format!("{}/scim/v2", api.outside.base_url);
        Ok(Self { connection, base, token: found.token, name: found.name, client })
    }
}
