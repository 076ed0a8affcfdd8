//! `/v1/orchestrations/{orchestration_id}/transitions`.

use botbuilder_store::bots::flow_transitions::TABLE;

use crate::{permission::Area, resource::Resource, routes::Routes};

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "transition", Area::Flow, "/v1/orchestrations/{orchestration_id}/transitions")
        .full()
        .routes()
}
