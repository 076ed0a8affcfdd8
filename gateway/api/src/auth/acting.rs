//! Platform staff who act as a person: what they may do, and how everybody sees it.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use botbuilder_store::identity::user_sessions::Impersonation;

use crate::error::ApiError;

/// Stands in every answer: who acts, and until when.
const HEADER: HeaderName = HeaderName::from_static("x-impersonated-by");

/// A member of staff who acts as the person at hand; an extension of their requests.
#[derive(Debug, Clone)]
pub(crate) struct Acting(pub Impersonation);

impl Acting {
    /// Refuses changes while the session of staff is not elevated, and what is the person's own always.
    /// Ending the session is allowed.
    pub(super) fn check(&self, method: &Method, path: &str) -> Result<(), ApiError> {
        if method.is_safe() || path == "/v1/auth/logout" {
            return Ok(());
        }
        if is_personal(path) {
            return Err(personal());
        }
        if self.0.may_write { Ok(()) } else { Err(read_only()) }
    }

    /// Says so in an answer.
    pub(crate) fn tell(&self, headers: &mut HeaderMap) {
        let text = format!("{}; until={}", self.0.staff_email, self.0.ends_at.to_rfc3339());
        if let Ok(text) = HeaderValue::from_str(&text) {
            headers.insert(HEADER, text);
        }
    }
}

/// Whether something is the person's own: the account, and where they belong.
fn is_personal(path: &str) -> bool {
    let is_account = path == "/v1/me" || path.starts_with("/v1/me/") || path.starts_with("/v1/auth/");
    let organizations = path.strip_prefix("/v1/organizations");
    let is_belonging = organizations.is_some_and(|rest| rest.is_empty() || rest.ends_with("/switch"));
    is_account || is_belonging || path == "/v1/invitations/accept"
}

fn read_only() -> ApiError {
    ApiError::refused(
        StatusCode::FORBIDDEN,
        "impersonation_reads_only",
        "platform staff read only; to change something, show the second factor at /admin/v1/auth/elevate",
    )
}

/// The account is the person's own: staff do not change it, nor what asks for a factor of the person.
pub(super) fn personal() -> ApiError {
    ApiError::refused(
        StatusCode::FORBIDDEN,
        "impersonation_not_allowed",
        "only the person may do this, not platform staff who act for them",
    )
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn staff_read_and_change_only_while_elevated_and_never_the_account() {
        let acting = |may_write| {
            let (staff, staff_email) = (Uuid::nil(), "ada@platform.example".to_owned());
            Acting(Impersonation { staff, staff_email, ends_at: DateTime::UNIX_EPOCH, may_write })
        };
        for (method, path, reading, writing) in [
            (Method::GET, "/v1/bots", true, true),
            (Method::GET, "/v1/me", true, true),
            (Method::POST, "/v1/bots", false, true),
            (Method::DELETE, "/v1/bots/x", false, true),
            (Method::POST, "/v1/me/2fa/enroll", false, false),
            (Method::PATCH, "/v1/me", false, false),
            (Method::POST, "/v1/auth/step-up", false, false),
            (Method::POST, "/v1/auth/logout", true, true),
            (Method::POST, "/v1/organizations", false, false),
            (Method::POST, "/v1/organizations/7/switch", false, false),
            (Method::POST, "/v1/invitations/accept", false, false),
            (Method::PATCH, "/v1/organizations/7", false, true),
            (Method::POST, "/v1/messages/batch", false, true),
        ] {
            assert_eq!(acting(false).check(&method, path).is_ok(), reading, "{method} {path}");
            assert_eq!(acting(true).check(&method, path).is_ok(), writing, "{method} {path}");
        }
    }
}
