//! `/v1/payments`.

use botbuilder_store::billing::payment_history::TABLE;

use crate::{permission::Area, resource::Resource, routes::Routes};

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "payment", Area::Billing, "/v1/payments")
        .log()
        .unanswered("invoice", "payments are not connected yet")
        .unanswered("receipt", "payments are not connected yet")
        .routes()
}
