//! The management API: every `/v1` route, served by the public listener.
//!
//! One folder per domain, one file per resource. A handler takes a scope ([`auth::Caller`]) and so cannot run without
//! one; it answers JSON, or a problem ([`error::ApiError`], `application/problem+json` with a stable code).

pub mod auth;
pub mod channels;
pub mod error;

use std::sync::Arc;

use axum::Router;
use botbuilder_store::Store;

/// What the handlers work with.
#[derive(Clone)]
pub struct Api {
    /// The database.
    pub store: Store,
    /// What each kind of channel can show, in the order they are listed.
    pub capabilities: Arc<[(botbuilder_domain::ChannelKind, botbuilder_domain::Capabilities)]>,
}

/// The routes of the management API.
pub fn router(api: Api) -> Router {
    Router::new()
        .merge(channels::channels::routes())
        .merge(channels::messages::routes())
        .fallback(error::not_found)
        .method_not_allowed_fallback(error::method_not_allowed)
        .with_state(api)
}
