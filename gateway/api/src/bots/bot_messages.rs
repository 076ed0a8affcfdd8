//! `/v1/bots/{bot_id}/messages`.

use botbuilder_store::bots::bot_messages::TABLE;

use crate::{
    permission::{Area, write},
    resource::{
        Resource,
        order::{First, reorderable},
    },
    routes::Routes,
};

const PATH: &str = "/v1/bots/{bot_id}/messages";

/// The routes of this resource.
pub fn routes() -> Routes {
    let plain = Resource::new(&TABLE, "bot message", Area::Bot, PATH).full().routes();
    // The more important message is the one with the higher priority.
    reorderable(plain, &TABLE, PATH, write(Area::Bot), First::Highest)
}
