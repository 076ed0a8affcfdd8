//! `/v1/knowledge-bases`.

use botbuilder_store::knowledge::knowledge_bases::TABLE;

use crate::{
    permission::{Area, Verb},
    resource::Resource,
    routes::Routes,
};

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "knowledge base", Area::Knowledge, "/v1/knowledge-bases")
        .full()
        .unavailable("reindex", Verb::Execute, "documents are not processed yet")
        .unavailable("search", Verb::Read, "documents are not processed yet")
        .unavailable("ask", Verb::Execute, "answers need a model, and none is connected")
        .routes()
}
