//! The platform's own surface: `/admin/v1`, for the people who run it, on a listener of its own.
//!
//! Only networks on the list reach it (while none is listed, this machine), only staff with a second factor sign in, a
//! session lasts a working day and is bound to its address, and what is dangerous asks for the second factor again. Every
//! act, reading included, is written to `admin_audit_log`; what is done to an organization stands in its own audit log
//! too. Staff work as the database role `bb_admin`.

mod audit;
pub mod dead_letters;
mod desk;
mod guard;
mod impersonation;
mod keys;
mod networks;
mod organizations;
mod plans;
mod plugin_reviews;
mod queues;
pub mod resealing;
mod review_reports;
mod session;
mod users;

pub use desk::Desk;
pub(crate) use guard::StaffGuard;

use axum::{Router, http::header, response::IntoResponse};
use serde_json::{Value, json};

use crate::{
    Api, openapi,
    routes::{Access, Operation, Routes},
};

/// Where the document is served.
pub const DOCUMENT: &str = "/admin/v1/openapi.json";

/// What an operation asks of a member of staff.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Any staff.
    Staff,
    /// Any staff who showed the second factor again within ten minutes.
    Elevated,
    /// Staff who may do everything, and showed the second factor again within ten minutes.
    Superadmin,
}

impl Need {
    /// The word in the document.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Staff => "staff",
            Self::Elevated => "staff, elevated",
            Self::Superadmin => "superadmin, elevated",
        }
    }
}

impl From<Need> for Access {
    fn from(need: Need) -> Self {
        Self::Staff(need)
    }
}

/// Every route of staff.
pub fn routes() -> Routes {
    Routes::new()
        .add(
            Operation::get(DOCUMENT, Access::Public, "this document").gives(json!({ "type": "object" })),
            async || document_answer(),
        )
        .merge(session::routes())
        .merge(organizations::routes())
        .merge(users::routes())
        .merge(plans::routes())
        .merge(plugin_reviews::routes())
        .merge(review_reports::routes())
        .merge(impersonation::routes())
        .merge(keys::routes())
        .merge(queues::routes())
        .merge(dead_letters::routes())
        .merge(networks::routes())
        .merge(audit::routes())
}

/// The document of these routes.
pub fn document() -> Value {
    openapi::document_of("BotBuilder platform administration", routes().operations())
}

fn document_answer() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], document().to_string())
}

/// The router of the platform's own listener.
pub fn router(api: Api) -> Router {
    routes().into_staff_router(api)
}
