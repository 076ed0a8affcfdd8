//! `/v1/orchestrations`.

use botbuilder_store::bots::flow_orchestrations::TABLE;

use crate::{
    permission::{Area, Verb},
    resource::{Resource, Transition},
    routes::Routes,
};

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "orchestration", Area::Flow, "/v1/orchestrations")
        .full()
        .moving(Transition::new("activate", &["draft", "paused"], "active").needing(Verb::Publish))
        .moving(Transition::new("pause", &["active"], "paused").needing(Verb::Publish))
        .unavailable("simulate", Verb::Execute, "orchestrations are not run yet")
        .unavailable("execute", Verb::Execute, "orchestrations are not run yet")
        .routes()
}
