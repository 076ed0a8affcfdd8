//! Revenue recovery and customer health.

mod audience;
pub mod customer_health_score_history;
pub mod customer_health_scores;
pub mod figures;
pub mod health_import;
mod recalculation;
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
        audience::routes(),
        health_import::routes(),
        recalculation::routes(),
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
