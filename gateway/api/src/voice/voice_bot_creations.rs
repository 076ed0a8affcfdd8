//! `/v1/voice-creations`.

use botbuilder_store::voice::voice_bot_creations::TABLE;

use crate::{
    permission::{Area, Verb},
    resource::{Resource, Transition},
    routes::Routes,
};

/// The states of a creation that goes on.
const OPEN: &[&str] =
    &["recording", "uploaded", "transcribing", "transcribed", "extracting", "review", "generating"];

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "voice creation", Area::Voice, "/v1/voice-creations")
        .log()
        .creatable()
        .updatable()
        .deletable()
        .unavailable("audio", Verb::Execute, "speech is not understood yet")
        .unavailable("transcribe", Verb::Execute, "speech is not understood yet")
        .unavailable("extract", Verb::Execute, "speech is not understood yet")
        .unavailable("generate", Verb::Execute, "speech is not understood yet")
        .moving(Transition::new("cancel", OPEN, "canceled"))
        .routes()
}
