//! `/v1/executions`.

use botbuilder_store::agents::workflow_executions::TABLE;

use crate::{
    permission::{Area, Verb},
    resource::Resource,
    routes::Routes,
};

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "execution", Area::Agent, "/v1/executions")
        .log()
        .unavailable("cancel", Verb::Execute, "workflows are not run yet")
        .unavailable("retry", Verb::Execute, "workflows are not run yet")
        .routes()
}
