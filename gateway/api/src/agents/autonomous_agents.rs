//! `/v1/autonomous-agents`.

use botbuilder_store::agents::autonomous_agents::TABLE;

use crate::{
    permission::{Area, Verb},
    resource::{Resource, Transition},
    routes::Routes,
};

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "autonomous agent", Area::Agent, "/v1/autonomous-agents")
        .full()
        .moving(Transition::new("pause", &["active"], "paused"))
        .moving(Transition::new("resume", &["paused"], "active"))
        .unavailable("schedule", Verb::Execute, "autonomous agents are not run yet")
        .routes()
}
