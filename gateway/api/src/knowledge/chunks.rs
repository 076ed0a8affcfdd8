//! `/v1/documents/{document_id}/chunks`.

use botbuilder_store::knowledge::chunks::TABLE;

use crate::{permission::Area, resource::Resource, routes::Routes};

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "chunk", Area::Knowledge, "/v1/documents/{document_id}/chunks").log().routes()
}
