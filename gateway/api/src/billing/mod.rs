//! Plans, subscriptions and usage.

pub(crate) mod limits;
pub mod notices;
pub mod payment_history;
pub mod subscription_plans;
pub mod usage_tracking;
pub mod user_subscriptions;

use crate::routes::Routes;

/// The routes of this domain.
pub fn routes() -> Routes {
    [
        usage_tracking::routes(),
        subscription_plans::routes(),
        payment_history::routes(),
        user_subscriptions::routes(),
    ]
    .into_iter()
    .fold(Routes::new(), Routes::merge)
}
