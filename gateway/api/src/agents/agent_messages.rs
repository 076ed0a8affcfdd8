//! `/v1/executions/{execution_id}/messages`.

use botbuilder_store::agents::agent_messages::TABLE;

use crate::{permission::Area, resource::Resource, routes::Routes};

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "agent message", Area::Agent, "/v1/executions/{execution_id}/messages")
        .log()
        .routes()
}
