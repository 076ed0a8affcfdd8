//! Bots, flows and their versions.

pub mod bot_flows;
pub mod bot_messages;
#[expect(clippy::module_inception, reason = "the domain and its main resource have the same name")]
pub mod bots;
pub mod diff;
pub mod document;
pub mod entity_branches;
pub mod entity_versions;
pub(crate) mod flow_checks;
pub mod flow_events;
pub mod flow_migration;
pub mod flow_orchestrations;
pub mod flow_replay;
pub mod flow_secrets;
pub mod flow_simulation;
pub mod flow_transitions;
pub mod flow_variables;
pub mod import;
mod orchestration_checks;
mod orchestration_parts;

use crate::routes::Routes;

/// The routes of this domain.
pub fn routes() -> Routes {
    [
        bots::routes(),
        bot_messages::routes(),
        bot_flows::routes(),
        import::routes(),
        flow_orchestrations::routes(),
        flow_transitions::routes(),
        flow_variables::routes(),
        entity_versions::routes(),
        entity_branches::routes(),
        flow_events::routes(),
        flow_migration::routes(),
        flow_simulation::routes(),
        flow_replay::routes(),
        flow_secrets::routes(),
    ]
    .into_iter()
    .fold(Routes::new(), Routes::merge)
}
