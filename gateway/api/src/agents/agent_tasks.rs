//! `/v1/autonomous-agents/{agent_id}/tasks`.

use botbuilder_store::agents::agent_tasks::TABLE;

use crate::{permission::Area, resource::Resource, routes::Routes};

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "task", Area::Agent, "/v1/autonomous-agents/{agent_id}/tasks")
        .log()
        .creatable()
        .routes()
}
