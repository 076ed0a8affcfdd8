//! The public listener.

use axum::Router;

use crate::{Gateway, ingress, media, widget};

/// The routes of the public listener. `more` are those of the management API, and pages for who tries the program.
pub fn router(gateway: Gateway, more: Router) -> Router {
    Router::new()
        .merge(ingress::routes())
        .merge(widget::routes())
        .merge(media::routes())
        .with_state(gateway)
        .merge(more)
}
