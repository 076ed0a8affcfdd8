//! Natural-language understanding.

pub mod conflicts;
pub mod entities;
pub mod entity_values;
pub mod exchange;
pub mod intent_examples;
pub mod intents;
pub mod nlu_logs;
pub mod nlu_trainings;
pub mod standing;
pub mod suggestions;

use crate::routes::Routes;

/// The routes of this domain.
pub fn routes() -> Routes {
    [
        nlu_logs::routes(),
        nlu_trainings::routes(),
        standing::routes(),
        conflicts::routes(),
        suggestions::routes(),
        entities::routes(),
        entity_values::routes(),
        intent_examples::routes(),
        intents::routes(),
    ]
    .into_iter()
    .fold(Routes::new(), Routes::merge)
}
