//! The audit trail, and the feed of activities.

mod activity_logs;
mod audit_logs;

use crate::routes::Routes;

/// The routes of this domain.
pub fn routes() -> Routes {
    audit_logs::routes().merge(activity_logs::routes())
}
