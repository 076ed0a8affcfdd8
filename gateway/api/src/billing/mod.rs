//! Plans, subscriptions and usage.

pub mod payment_history;
pub mod user_subscriptions;

use crate::routes::Routes;

/// The routes of this domain.
pub fn routes() -> Routes {
    [payment_history::routes(), user_subscriptions::routes()].into_iter().fold(Routes::new(), Routes::merge)
}
