//! `/v1/agents/{agent_id}/knowledge-bases`.

use botbuilder_store::knowledge::agent_knowledge_bases::TABLE;

use crate::{permission::Area, resource::Resource, routes::Routes};

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "knowledge base of an agent", Area::Agent, "/v1/agents/{agent_id}/knowledge-bases")
        .full()
        .routes()
}
