//! `/v1/clones`.

use botbuilder_store::clones::work_clones::TABLE;

use crate::{
    permission::{Area, Verb},
    resource::Resource,
    routes::Routes,
};

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "clone", Area::Clone, "/v1/clones")
        .full()
        .unavailable("train", Verb::Execute, "clones are not trained yet")
        .unavailable("generate", Verb::Execute, "clones are not trained yet")
        .unavailable("rewrite", Verb::Execute, "clones are not trained yet")
        .unavailable("analyze-style", Verb::Execute, "clones are not trained yet")
        .routes()
}
