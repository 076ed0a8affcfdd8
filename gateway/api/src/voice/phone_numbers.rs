//! `/v1/phone-numbers`.

use botbuilder_store::voice::phone_numbers::TABLE;

use crate::{
    permission::{Area, Verb},
    resource::Resource,
    routes::Routes,
};

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "phone number", Area::Voice, "/v1/phone-numbers")
        .full()
        .unavailable("assign", Verb::Write, "numbers are not connected to carriers yet")
        .unavailable("release", Verb::Manage, "numbers are not connected to carriers yet")
        .routes()
}
