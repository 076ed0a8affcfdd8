//! `/v1/widget-sessions/{session_id}/messages`: what went over one socket session of a visitor, in order.

use botbuilder_store::widget::widget_messages::TABLE;

use crate::{permission::Area, resource::Resource, routes::Routes};

/// The routes of this resource.
pub fn routes() -> Routes {
    let path = "/v1/widget-sessions/{session_id}/messages";
    Resource::new(&TABLE, "message of a widget session", Area::Conversation, path)
        .narrowed_by("session_id")
        .listable()
        .routes()
}
