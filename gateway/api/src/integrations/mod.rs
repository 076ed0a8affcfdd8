//! Credentials of programs, connections to services, outgoing webhooks, and mails.

mod api_tokens;
mod email_notifications;
#[expect(clippy::module_inception, reason = "the domain and its main table have the same name")]
mod integrations;
mod webhook_logs;
mod webhooks;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use botbuilder_domain::Secret;

use crate::{error::ApiError, routes::Routes};

/// The routes of this domain.
pub fn routes() -> Routes {
    [
        api_tokens::routes(),
        email_notifications::routes(),
        integrations::routes(),
        webhooks::routes(),
        webhook_logs::routes(),
    ]
    .into_iter()
    .fold(Routes::new(), Routes::merge)
}

/// A new secret that signs outgoing webhooks, in the form that verifiers of Standard Webhooks take: 256 bits.
fn signing_secret() -> Result<Secret<String>, ApiError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(ApiError::defect)?;
    Ok(Secret::new(format!("whsec_{}", STANDARD.encode(bytes))))
}
