//! `/v1/voice-templates`.

use botbuilder_store::voice::voice_bot_templates::TABLE;

use crate::{permission::Area, resource::Resource, routes::Routes};

/// The routes of this resource.
pub fn routes() -> Routes {
    Resource::new(&TABLE, "voice template", Area::Voice, "/v1/voice-templates").full().routes()
}
