//! `/v1/sso/configurations`.

use botbuilder_store::sso::sso_configurations::TABLE;

use crate::{
    permission::{Area, Verb},
    resource::Resource,
    routes::Routes,
};

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "single sign-on configuration", Area::Sso, "/v1/sso/configurations")
        .log()
        .creatable()
        .updatable()
        .deletable()
        .restorable()
        .unavailable("test", Verb::Manage, "single sign-on is not there yet")
        .unavailable("enable", Verb::Manage, "single sign-on is not there yet")
        .unavailable("rotate-certificate", Verb::Manage, "single sign-on is not there yet")
        .unavailable("discover", Verb::Manage, "single sign-on is not there yet")
        .unanswered("metadata", "single sign-on is not there yet")
        .routes()
}
