//! `/v1/executions/{execution_id}/steps`.

use botbuilder_store::agents::agent_execution_steps::TABLE;

use crate::{permission::Area, resource::Resource, routes::Routes};

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "execution step", Area::Agent, "/v1/executions/{execution_id}/steps").log().routes()
}
