//! The internal listener: health, readiness, metrics.

use axum::{Router, extract::State, http::StatusCode, routing::get};

use crate::Gateway;

/// Makes the text of the metrics.
pub type Render = std::sync::Arc<dyn Fn() -> String + Send + Sync>;

/// The routes of the internal listener. `ready` tells whether the program takes work.
pub fn router(gateway: Gateway, render: Render, ready: tokio_util::sync::CancellationToken) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readiness))
        .with_state((gateway, ready))
        .route(
            "/metrics",
            get(move || {
                let text = render();
                async move { text }
            }),
        )
}

/// Ready means: not stopping, and the database answers.
async fn readiness(
    State((gateway, stopping)): State<(Gateway, tokio_util::sync::CancellationToken)>,
) -> (StatusCode, String) {
    if stopping.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n".to_owned());
    }
    match gateway.store.ping().await {
        Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")),
    }
}
