//! `/v1/bots/{bot_id}/workflows`.

use botbuilder_store::agents::agent_workflows::TABLE;

use crate::{
    permission::{Area, Verb},
    resource::{Resource, Transition},
    routes::Routes,
};

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "workflow", Area::Agent, "/v1/bots/{bot_id}/workflows")
        .full()
        .moving(Transition::new("activate", &["draft", "disabled"], "active").needing(Verb::Publish))
        .moving(Transition::new("disable", &["active"], "disabled").needing(Verb::Publish))
        .unavailable("execute", Verb::Execute, "workflows are not run yet")
        .routes()
}
