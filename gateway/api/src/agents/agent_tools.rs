//! `/v1/agents/{agent_id}/tools`.

use botbuilder_store::agents::agent_tools::TABLE;

use crate::{permission::Area, resource::Resource, routes::Routes};

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "tool of an agent", Area::Agent, "/v1/agents/{agent_id}/tools").full().routes()
}
