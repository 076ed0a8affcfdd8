//! `/v1/phone-numbers`.

use axum::http::Method;
use botbuilder_store::voice::phone_numbers::TABLE;

use crate::{
    permission::{Area, Verb, read},
    resource::{Resource, missing},
    routes::Routes,
};

/// The routes of this resource.
pub fn routes() -> Routes {
    let plain = Resource::new(&TABLE, "phone number", Area::Voice, "/v1/phone-numbers")
        .full()
        .unavailable("assign", Verb::Write, "numbers are not connected to carriers yet")
        .unavailable("release", Verb::Manage, "numbers are not connected to carriers yet")
        .routes();
    let what = "numbers are not connected to carriers yet";
    missing(plain, &Method::GET, "/v1/phone-numbers/available", read(Area::Voice), what)
}
