//! Errors of the API: one type, one form on the wire (RFC 9457).

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;
use tracing::error;
use uuid::Uuid;

/// Why a request is not answered with what it asked for.
#[derive(Debug)]
pub enum ApiError {
    /// No valid credentials.
    Unauthenticated,
    /// There is no such thing, or it is another organization's.
    NotFound,
    /// The address exists, the method does not.
    MethodNotAllowed,
    /// A part of the request cannot be understood.
    Invalid {
        /// Which part.
        field: &'static str,
        /// What it should be.
        hint: &'static str,
    },
    /// The database is not available: try again.
    Unavailable,
    /// A defect of ours. The log has it under this id.
    Internal(Uuid),
}

impl From<botbuilder_store::Error> for ApiError {
    #[expect(clippy::disallowed_methods, reason = "the id only links an answer with a line of the log")]
    fn from(error: botbuilder_store::Error) -> Self {
        if error.is_passing() {
            return Self::Unavailable;
        }
        let id = Uuid::now_v7();
        error!(error.id = %id, error = %error, "request failed");
        Self::Internal(id)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, code, detail) = match &self {
            Self::Unauthenticated => (
                StatusCode::UNAUTHORIZED,
                "unauthenticated",
                "send a valid API token as `Authorization: Bearer bb_…`".to_owned(),
            ),
            Self::NotFound => {
                (StatusCode::NOT_FOUND, "not_found", "there is nothing here, or not for you".to_owned())
            }
            Self::MethodNotAllowed => (
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "this address has no such method".to_owned(),
            ),
            Self::Invalid { field, hint } => (StatusCode::BAD_REQUEST, "invalid", format!("{field}: {hint}")),
            Self::Unavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "the database is not available; try again in a moment".to_owned(),
            ),
            Self::Internal(id) => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                format!("something went wrong on our side; the log has it under {id}"),
            ),
        };
        let mut problem = json!({ "status": status.as_u16(), "code": code, "detail": detail });
        if let (Self::Invalid { field, .. }, Some(problem)) = (&self, problem.as_object_mut()) {
            problem.insert("field".to_owned(), json!(field));
        }
        let content_type = [(header::CONTENT_TYPE, "application/problem+json")];
        (status, content_type, problem.to_string()).into_response()
    }
}

/// Answers an address that is none.
pub(crate) async fn not_found() -> ApiError {
    ApiError::NotFound
}

/// Answers a method that an address does not have.
pub(crate) async fn method_not_allowed() -> ApiError {
    ApiError::MethodNotAllowed
}
