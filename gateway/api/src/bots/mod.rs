//! Bots, flows and their versions.

pub mod bot_messages;
pub mod flow_orchestrations;
pub mod flow_transitions;

use crate::routes::Routes;

/// The routes of this domain.
pub fn routes() -> Routes {
    [bot_messages::routes(), flow_orchestrations::routes(), flow_transitions::routes()]
        .into_iter()
        .fold(Routes::new(), Routes::merge)
}
