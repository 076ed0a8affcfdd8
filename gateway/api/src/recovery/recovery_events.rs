//! `/v1/recovery/events`.

use botbuilder_store::recovery::recovery_events::TABLE;

use crate::{
    permission::{Area, Verb},
    resource::Resource,
    routes::Routes,
};

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "recovery event", Area::Recovery, "/v1/recovery/events")
        .log()
        .unavailable("enrol", Verb::Write, "campaigns are not sent yet")
        .unavailable("cancel", Verb::Write, "campaigns are not sent yet")
        .unavailable("mark-recovered", Verb::Write, "campaigns are not sent yet")
        .routes()
}
