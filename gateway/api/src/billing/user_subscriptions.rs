//! `/v1/subscriptions`.

use botbuilder_store::billing::user_subscriptions::TABLE;

use crate::{permission::Area, resource::Resource, routes::Routes};

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "subscription", Area::Billing, "/v1/subscriptions").log().routes()
}
