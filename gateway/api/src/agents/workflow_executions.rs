//! `/v1/executions`.

use botbuilder_store::agents::workflow_executions::TABLE;

use crate::{
    permission::{Area, Verb},
    resource::{Resource, Transition},
    routes::Routes,
};

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "execution", Area::Agent, "/v1/executions")
        .log()
        .moving(
            Transition::new("cancel", &["pending", "running", "waiting"], "canceled")
                .needing(Verb::Execute)
                .noting(&["finished_at"]),
        )
        .unavailable("retry", Verb::Execute, "workflows are not run yet")
        .routes()
}
