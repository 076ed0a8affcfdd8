//! `/v1/recovery/messages`.

use botbuilder_store::recovery::recovery_messages::TABLE;

use crate::{
    permission::{Area, Verb},
    resource::Resource,
    routes::Routes,
};

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "campaign message", Area::Recovery, "/v1/recovery/messages")
        .log()
        .unavailable("cancel", Verb::Write, "campaigns are not sent yet")
        .unavailable("resend", Verb::Execute, "campaigns are not sent yet")
        .routes()
}
