//! Revenue recovery and customer health.

pub mod customer_health_score_history;
pub mod customer_health_scores;
pub mod figures;
pub mod health_import;
pub mod recovery_analytics;
pub mod recovery_campaigns;
pub mod recovery_events;
pub mod recovery_messages;
mod scoring;

use crate::routes::Routes;

/// The routes of this domain.
pub fn routes() -> Routes {
    [
        figures::routes(),
        health_import::routes(),
        recovery_analytics::routes(),
        recovery_events::routes(),
        customer_health_score_history::routes(),
        customer_health_scores::routes(),
        recovery_campaigns::routes(),
        recovery_messages::routes(),
    ]
    .into_iter()
    .fold(Routes::new(), Routes::merge)
}
