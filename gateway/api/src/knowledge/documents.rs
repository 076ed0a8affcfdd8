//! `/v1/knowledge-bases/{knowledge_base_id}/documents`.

use botbuilder_store::knowledge::documents::TABLE;

use crate::{
    permission::{Area, Verb, write},
    resource::{Resource, missing},
    routes::Routes,
};

/// The routes of this resource.
pub fn routes() -> Routes {
    let path = "/v1/knowledge-bases/{knowledge_base_id}/documents";
    let what = "documents are not processed yet";
    let routes = Resource::new(&TABLE, "document", Area::Knowledge, path)
        .log()
        .updatable()
        .deletable()
        .restorable()
        .unavailable("refresh", Verb::Execute, what)
        .unavailable("retry", Verb::Execute, what)
        .routes();
    let post = axum::http::Method::POST;
    let routes = missing(routes, &post, path, write(Area::Knowledge), what);
    missing(routes, &post, format!("{path}/upload"), write(Area::Knowledge), what)
}
