//! `/v1/recovery/messages`.

use botbuilder_store::recovery::recovery_messages::TABLE;

use crate::{
    permission::{Area, Verb},
    resource::{Resource, Transition},
    routes::Routes,
};

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "campaign message", Area::Recovery, "/v1/recovery/messages")
        .log()
        .moving(Transition::new("cancel", &["scheduled", "queued"], "skipped"))
        .unavailable("resend", Verb::Execute, "campaigns are not sent yet")
        .routes()
}
