//! Who calls, and for which organization.

use axum::{
    extract::FromRequestParts,
    http::{header, request::Parts},
};
use botbuilder_store::{
    OrgScope,
    integrations::api_tokens::{self, Presented},
};

use crate::{Api, error::ApiError};

/// An authenticated caller. Taking one as an argument is what makes a handler refuse everybody else.
#[derive(Debug, Clone, Copy)]
pub struct Caller {
    /// The organization the caller acts in.
    pub scope: OrgScope,
}

impl FromRequestParts<Api> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
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
        Ok(Self { scope: OrgScope::of_service(bearer.org) })
    }
}
