//! Revenue recovery and customer health (chapter 4.17 of the schema).

pub mod audience;
pub mod customer_health_score_history;
pub mod customer_health_scores;
pub mod recovery_analytics;
pub mod recovery_campaigns;
pub mod recovery_events;
pub mod recovery_messages;
