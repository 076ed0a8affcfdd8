//! `/v1/bots/{bot_id}/nlu/logs`: what the recogniser decided, and what people say of it.

use botbuilder_store::nlu::nlu_logs::TABLE;

use crate::{
    permission::{Area, Verb},
    resource::{Resource, Transition},
    routes::Routes,
};

/// The routes of this resource.
pub fn routes() -> Routes {
    let dismiss =
        Transition { column: "review_state", ..Transition::new("dismiss", &["none", "queued"], "dismissed") };
    Resource::new(&TABLE, "recognition", Area::Nlu, "/v1/bots/{bot_id}/nlu/logs")
        .log()
        .moving(dismiss)
        .unavailable("label", Verb::Write, "texts are not labelled by hand yet")
        .routes()
}
