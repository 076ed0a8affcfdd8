//! `/v1/calls`.

use axum::http::Method;
use botbuilder_store::voice::calls::TABLE;

use crate::{
    permission::{Area, Verb, execute},
    resource::{Resource, missing},
    routes::Routes,
};

/// The routes of this resource.
pub fn routes() -> Routes {
    let plain = Resource::new(&TABLE, "call", Area::Voice, "/v1/calls")
        .log()
        .unavailable("hangup", Verb::Execute, "the voice engine is not there yet")
        .unavailable("transfer", Verb::Execute, "the voice engine is not there yet")
        .unavailable("erase-recording", Verb::Delete, "the voice engine is not there yet")
        .unanswered("recording", "the voice engine is not there yet")
        .routes();
    let what = "the voice engine is not there yet";
    missing(plain, &Method::POST, "/v1/calls", execute(Area::Voice), what)
}
