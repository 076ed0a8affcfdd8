//! Plans, subscriptions and usage (chapter 4.13 of the schema).

pub mod limits;
pub mod notices;
pub mod payment_history;
pub mod subscription_plans;
pub mod usage_tracking;
pub mod user_subscriptions;
