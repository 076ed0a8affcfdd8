//! `/v1/autonomous-agents/{agent_id}/tasks` and `/v1/tasks/{id}`.

use botbuilder_store::agents::agent_tasks::TABLE;

use crate::{
    permission::{Area, Verb, execute},
    resource::{Resource, Transition, missing},
    routes::Routes,
};

/// The routes of this resource.
pub fn routes() -> Routes {
    let (path, what) = ("/v1/autonomous-agents/{agent_id}/tasks", "autonomous agents are not run yet");
    let below = Resource::new(&TABLE, "task", Area::Agent, path).log().routes();
    let below = missing(below, &axum::http::Method::POST, path, execute(Area::Agent), what);
    let open = &["queued", "planning", "running", "waiting_approval"];
    let cancel = Transition::new("cancel", open, "canceled").needing(Verb::Execute).noting(&["finished_at"]);
    let own = ["approve", "reject", "retry"].into_iter().fold(
        Resource::new(&TABLE, "task", Area::Agent, "/v1/tasks").log().moving(cancel),
        |resource, action| resource.unavailable(action, Verb::Execute, what),
    );
    below.merge(own.routes())
}
