//! `/v1/channels/{channel_id}/templates`.

use botbuilder_store::channels::channel_templates::TABLE;

use crate::{
    permission::{Area, Verb},
    resource::{Resource, Transition},
    routes::Routes,
};

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "template", Area::Template, "/v1/channels/{channel_id}/templates")
        .full()
        .moving(Transition::new("disable", &["approved", "paused", "rejected", "draft"], "disabled"))
        .unavailable("submit", Verb::Publish, "templates are not sent to providers yet")
        .unavailable("sync", Verb::Write, "templates are not read from providers yet")
        .routes()
}
