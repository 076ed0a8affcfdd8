//! `/v1/orchestrations/{orchestration_id}/transitions`.

use botbuilder_store::bots::flow_transitions::TABLE;

use crate::{
    permission::{Area, write},
    resource::{
        Resource,
        order::{First, reorderable},
    },
    routes::Routes,
};

const PATH: &str = "/v1/orchestrations/{orchestration_id}/transitions";

/// The routes of this resource.
pub fn routes() -> Routes {
    let plain = Resource::new(&TABLE, "transition", Area::Flow, PATH).full().routes();
    // Transitions are tried by priority, the lowest first.
    reorderable(plain, &TABLE, PATH, write(Area::Flow), First::Lowest)
}
