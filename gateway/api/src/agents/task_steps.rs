//! `/v1/tasks/{task_id}/steps`.

use botbuilder_store::agents::task_steps::TABLE;

use crate::{permission::Area, resource::Resource, routes::Routes};

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "task step", Area::Agent, "/v1/tasks/{task_id}/steps").log().routes()
}
