//! `/v1/flows/{flow_id}/variables` and `/v1/orchestrations/{orchestration_id}/variables`: one table, two parents.

use botbuilder_store::bots::flow_variables::{OF_FLOW, OF_ORCHESTRATION};

use crate::{permission::Area, resource::Resource, routes::Routes};

/// The routes of this resource.
pub fn routes() -> Routes {
    let of_flow = Resource::new(&OF_FLOW, "variable of a flow", Area::Flow, "/v1/flows/{flow_id}/variables");
    let path = "/v1/orchestrations/{orchestration_id}/variables";
    let of_orchestration = Resource::new(&OF_ORCHESTRATION, "variable of an orchestration", Area::Flow, path);
    of_flow.full().routes().merge(of_orchestration.full().routes())
}
