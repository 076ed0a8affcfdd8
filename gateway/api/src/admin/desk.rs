//! A member of staff at work: what every handler takes.

use axum::{extract::FromRequestParts, http::request::Parts};
use botbuilder_domain::OrgId;
use botbuilder_store::{
    OrgScope, Tx,
    audit::audit_logs::{self, Actor},
    platform::{
        admin_audit_log::{self, Act, From as Origin},
        admin_sessions::Staff,
    },
};
use uuid::Uuid;

use crate::{
    Api,
    auth::Client,
    error::ApiError,
    events::{self, By},
};

/// A member of staff whom the guard let in. Taking one as an argument is what makes a handler refuse everybody else.
#[derive(Debug, Clone)]
pub struct Desk {
    /// Who it is.
    pub staff: Staff,
    /// Where the call comes from.
    pub client: Client,
}

impl Desk {
    /// Writes down what was done, in the transaction of the act.
    pub(crate) async fn note(&self, api: &Api, tx: &mut Tx, act: Act) -> Result<(), ApiError> {
        Ok(admin_audit_log::append(tx, api.ids.next(), &self.staff, &origin(&self.client), act).await?)
    }

    /// The same, and once more where the organization it was done to reads it.
    pub(crate) async fn note_to(
        &self,
        api: &Api,
        tx: &mut Tx,
        scope: &OrgScope,
        act: Act,
    ) -> Result<(), ApiError> {
        let mut told = audit_logs::Act::new(
            format!("platform.{}", act.action),
            act.resource_type.unwrap_or("organization"),
            act.resource.or(Some(scope.org().uuid())),
        )
        .metadata(act.details.clone());
        if let (Some(reason), Some(metadata)) = (&act.reason, told.metadata.as_object_mut()) {
            metadata.insert("reason".to_owned(), reason.clone().into());
        }
        let by = By { user: None, source: "system", request: self.client.request };
        events::tell(api, tx, scope, &by, &told).await?;
        audit_logs::append(tx, Some(scope.org()), api.ids.next(), &self.actor(), told).await?;
        self.note(api, tx, act.within(scope.org().uuid())).await
    }

    /// Staff, as the organizations' audit logs name them. Where they sit is the platform's business.
    fn actor(&self) -> Actor {
        Actor {
            kind: "admin",
            id: Some(self.staff.user),
            label: Some(format!("platform staff: {}", self.staff.email)),
            session: None,
            ip: None,
            user_agent: None,
            request: self.client.request,
        }
    }
}

/// Where a call comes from, as the audit log keeps it.
pub(super) fn origin(client: &Client) -> Origin {
    Origin { ip: client.ip_text(), user_agent: client.user_agent.clone(), request: client.request }
}

/// The scope of the organization that an address names. Whether there is such a one, the store says.
pub(super) fn scope(id: Uuid) -> OrgScope {
    OrgScope::of_service(OrgId::new(id))
}

impl FromRequestParts<Api> for Desk {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, ApiError> {
        // Put there by the guard; without it nobody gets as far as here.
        parts.extensions.get::<Self>().cloned().ok_or(ApiError::Unauthenticated)
    }
}
