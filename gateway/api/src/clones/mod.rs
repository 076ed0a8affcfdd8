//! Work clones.

pub mod clone_responses;
pub mod clone_sessions;
pub mod clone_training_data;
pub mod consent;
pub mod stats;
pub mod work_clones;

use crate::routes::Routes;

/// The routes of this domain.
pub fn routes() -> Routes {
    [
        clone_training_data::routes(),
        clone_responses::routes(),
        clone_sessions::routes(),
        consent::routes(),
        stats::routes(),
        work_clones::routes(),
    ]
    .into_iter()
    .fold(Routes::new(), Routes::merge)
}
