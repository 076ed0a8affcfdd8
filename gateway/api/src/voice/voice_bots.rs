//! `/v1/voice-bots`.

use botbuilder_store::voice::voice_bots::TABLE;

use crate::{
    permission::{Area, Verb},
    resource::{Resource, Transition},
    routes::Routes,
};

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "voice bot", Area::Voice, "/v1/voice-bots")
        .full()
        .moving(Transition::new("activate", &["draft", "paused"], "active").needing(Verb::Publish))
        .moving(Transition::new("pause", &["active"], "paused").needing(Verb::Publish))
        .unavailable("test-session", Verb::Execute, "the voice engine is not there yet")
        .routes()
}
