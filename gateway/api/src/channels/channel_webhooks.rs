//! `/v1/channels/{channel_id}/webhooks`: callbacks as they came in.

use botbuilder_store::channels::channel_webhooks::TABLE;

use crate::{
    permission::{Area, Verb},
    resource::Resource,
    routes::Routes,
};

/// The routes of this resource.
pub fn routes() -> Routes {
    let what = "callbacks are replayed by the command `replay` only";
    Resource::new(&TABLE, "callback", Area::Channel, "/v1/channels/{channel_id}/webhooks")
        .log()
        .unavailable("replay", Verb::Manage, what)
        .routes()
}
