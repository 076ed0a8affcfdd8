//! Voice.

pub mod call_segments;
pub mod calls;
pub mod phone_numbers;
pub mod voice_bot_creations;
pub mod voice_bot_templates;
pub mod voice_bots;

use crate::routes::Routes;

/// The routes of this domain.
pub fn routes() -> Routes {
    [
        call_segments::routes(),
        calls::routes(),
        phone_numbers::routes(),
        voice_bot_creations::routes(),
        voice_bot_templates::routes(),
        voice_bots::routes(),
    ]
    .into_iter()
    .fold(Routes::new(), Routes::merge)
}
