//! Credentials of programs, and mails.

mod api_tokens;
mod email_notifications;

use crate::routes::Routes;

/// The routes of this domain.
pub fn routes() -> Routes {
    Routes::new().merge(api_tokens::routes()).merge(email_notifications::routes())
}
