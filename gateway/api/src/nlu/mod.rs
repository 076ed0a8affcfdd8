//! Natural-language understanding.

pub mod entities;
pub mod entity_values;
pub mod intent_examples;
pub mod intents;

use crate::routes::Routes;

/// The routes of this domain.
pub fn routes() -> Routes {
    [entities::routes(), entity_values::routes(), intent_examples::routes(), intents::routes()]
        .into_iter()
        .fold(Routes::new(), Routes::merge)
}
