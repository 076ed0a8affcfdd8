//! Organizations and the people in them.

mod branding;
mod branding_pictures;
mod grants;
mod invitations;
mod members;
pub(crate) use members::paging_with_status;
mod organization_export;
mod organizations;
mod roles;
mod team_roles;

use axum::http::StatusCode;
use botbuilder_domain::BotId;
use botbuilder_store::{
    Error,
    tenancy::{organization_members::LAST_OWNER, rights::Permissions},
};

use crate::{auth::Caller, error::ApiError, routes::Routes};

/// The routes of tenancy.
pub fn routes() -> Routes {
    Routes::new()
        .merge(organizations::routes())
        .merge(organization_export::routes())
        .merge(members::routes())
        .merge(roles::routes())
        .merge(team_roles::routes())
        .merge(grants::routes())
        .merge(invitations::routes())
        .merge(branding::routes())
        .merge(branding_pictures::routes())
}

/// Refuses whoever would give away, or act on, more than they have.
pub(crate) fn within(caller: &Caller, permissions: &Permissions, bot: Option<BotId>) -> Result<(), ApiError> {
    if caller.rights().may_grant(permissions, bot) {
        return Ok(());
    }
    Err(ApiError::refused(
        StatusCode::FORBIDDEN,
        "exceeds_own_rights",
        "this holds permissions that you do not have yourself",
    ))
}

/// Reads permissions of a request.
pub(crate) fn permissions(field: &'static str, texts: &[String]) -> Result<Permissions, ApiError> {
    Permissions::parse(texts).map_err(|unknown| ApiError::invalid(field, unknown.to_string()))
}

/// Says in words when an organization would be left without an owner.
pub(crate) fn keep_owner(error: Error) -> ApiError {
    match error {
        Error::Conflict { constraint } if constraint == LAST_OWNER => ApiError::conflict(
            "last_owner",
            "an organization keeps at least one active owner: make somebody else one first",
        ),
        other => other.into(),
    }
}
