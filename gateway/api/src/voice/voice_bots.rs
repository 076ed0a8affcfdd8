//! `/v1/voice-bots`.

use axum::http::Method;
use botbuilder_store::voice::voice_bots::TABLE;

use crate::{
    permission::{Area, Verb, read},
    resource::{Resource, Transition, missing},
    routes::Routes,
};

/// The routes of this resource.
pub fn routes() -> Routes {
    let plain = Resource::new(&TABLE, "voice bot", Area::Voice, "/v1/voice-bots")
        .full()
        .moving(Transition::new("activate", &["draft", "paused"], "active").needing(Verb::Publish))
        .moving(Transition::new("pause", &["active"], "paused").needing(Verb::Publish))
        .unavailable("test-session", Verb::Execute, "the voice engine is not there yet")
        .routes();
    ["voices", "languages"].into_iter().fold(plain, |routes, question| {
        let path = format!("/v1/voice-bots/{question}");
        missing(routes, &Method::GET, path, read(Area::Voice), "the voice engine is not there yet")
    })
}
