//! `/v1/installed-plugins`.

use botbuilder_store::plugins::plugin_installations::TABLE;

use crate::{
    permission::{Area, Verb},
    resource::{Resource, Transition},
    routes::Routes,
};

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "installed plugin", Area::Plugin, "/v1/installed-plugins")
        .log()
        .updatable()
        .moving(Transition::new("enable", &["disabled"], "active").needing(Verb::Manage))
        .moving(Transition::new("disable", &["active", "error"], "disabled").needing(Verb::Manage))
        .unavailable("update", Verb::Manage, "plugins are not run yet")
        .unavailable("approve-permissions", Verb::Manage, "plugins are not run yet")
        .routes()
}
