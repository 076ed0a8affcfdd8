//! `/v1/bots/{bot_id}/agents`.

use botbuilder_store::agents::agents::TABLE;

use crate::{
    permission::{Area, Verb},
    resource::Resource,
    routes::Routes,
};

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "agent", Area::Agent, "/v1/bots/{bot_id}/agents")
        .full()
        .unavailable("test", Verb::Execute, "agents are not run yet")
        .unavailable("stream", Verb::Execute, "agents are not run yet")
        .routes()
}
