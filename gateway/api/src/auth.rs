//! Who calls, and for which organization.

use axum::{
    extract::FromRequestParts,
    http::{header, request::Parts},
};
use botbuilder_store::{
    OrgScope,
    integrations::api_tokens::{self, Presented},
};

use uuid::Uuid;

use crate::{Api, error::ApiError, permission::Permission};

/// An authenticated caller. Taking one as an argument is what makes a handler refuse everybody else.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The organization the caller acts in.
    pub scope: OrgScope,
    /// The token it came with.
    pub token: Uuid,
}

impl Caller {
    /// Refuses a caller without this right.
    pub const fn require(&self, _permission: Permission) -> Result<(), ApiError> {
        Ok(())
    }

    /// Who calls, in a word: what belongs to this one is kept apart from what belongs to others.
    pub fn principal(&self) -> String {
        format!("token:{}", self.token)
    }

    /// The account that acts, if it is one.
    pub const fn user(&self) -> Option<Uuid> {
        None
    }
}

impl FromRequestParts<Api> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        // The guard has found out already.
        if let Some(caller) = parts.extensions.get::<Self>() {
            return Ok(caller.clone());
        }
        let presented = parts
            .headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
            .and_then(Presented::parse)
            .ok_or(ApiError::Unauthenticated)?;
        let mut tx = api.store.begin_auth().await?;
        let bearer = api_tokens::authenticate(&mut tx, &presented).await?;
        tx.commit().await?;
        let bearer = bearer.ok_or(ApiError::Unauthenticated)?;
        Ok(Self { scope: OrgScope::of_service(bearer.org), token: bearer.token })
    }
}
