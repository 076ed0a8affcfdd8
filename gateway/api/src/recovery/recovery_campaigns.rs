//! `/v1/recovery/campaigns`.

use botbuilder_store::recovery::recovery_campaigns::TABLE;

use crate::{
    permission::{Area, Verb},
    resource::{Resource, Transition},
    routes::Routes,
};

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "campaign", Area::Recovery, "/v1/recovery/campaigns")
        .full()
        .moving(Transition::new("pause", &["active"], "paused").needing(Verb::Publish))
        .moving(Transition::new("complete", &["active", "paused"], "completed").needing(Verb::Publish))
        .moving(Transition::new("archive", &["draft", "paused", "completed"], "archived"))
        .unavailable("activate", Verb::Publish, "campaigns are not sent yet")
        .unavailable("preview", Verb::Read, "campaigns are not sent yet")
        .unavailable("estimate-audience", Verb::Read, "campaigns are not sent yet")
        .routes()
}
