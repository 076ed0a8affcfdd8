//! `/v1/calls`.

use botbuilder_store::voice::calls::TABLE;

use crate::{
    permission::{Area, Verb},
    resource::Resource,
    routes::Routes,
};

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "call", Area::Voice, "/v1/calls")
        .log()
        .unavailable("hangup", Verb::Execute, "the voice engine is not there yet")
        .unavailable("transfer", Verb::Execute, "the voice engine is not there yet")
        .unavailable("erase-recording", Verb::Delete, "the voice engine is not there yet")
        .unanswered("recording", "the voice engine is not there yet")
        .routes()
}
