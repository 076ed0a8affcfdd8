//! The public listener.

use axum::Router;

use crate::{Gateway, ingress, media, pages, widget};

/// The routes of the public listener. `more` are those of the management API.
pub fn router(gateway: Gateway, more: Router) -> Router {
    Router::new()
        .merge(ingress::routes())
        .merge(widget::routes())
        .merge(media::routes())
        .merge(pages::routes())
        .with_state(gateway)
        .merge(more)
}
