//! Natural-language understanding.

pub mod entities;
pub mod entity_values;
pub mod intent_examples;
pub mod intents;
pub mod nlu_logs;

use crate::routes::Routes;

/// The routes of this domain.
pub fn routes() -> Routes {
    [
        nlu_logs::routes(),
        entities::routes(),
        entity_values::routes(),
        intent_examples::routes(),
        intents::routes(),
    ]
    .into_iter()
    .fold(Routes::new(), Routes::merge)
}
