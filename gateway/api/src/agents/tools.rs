//! `/v1/tools`.

use botbuilder_store::agents::tools::TABLE;

use crate::{
    permission::{Area, Verb},
    resource::Resource,
    routes::Routes,
};

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "tool", Area::Tool, "/v1/tools")
        .full()
        .unavailable("test", Verb::Execute, "tools are not run yet")
        .routes()
}
