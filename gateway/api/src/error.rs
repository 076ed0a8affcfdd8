//! Errors of the API: one type, one form on the wire (RFC 9457).

use std::borrow::Cow;

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::{Value, json};
use tracing::error;
use uuid::Uuid;

use crate::{auth::rate::Rate, permission::Permission};

/// Why a request is not answered with what it asked for.
#[derive(Debug)]
pub enum ApiError {
    /// No valid credentials.
    Unauthenticated,
    /// There is no such thing, or it is another organization's.
    NotFound,
    /// The address exists, the method does not.
    MethodNotAllowed,
    /// The caller may not do this.
    Forbidden(Permission),
    /// Parts of the request cannot be taken. Never empty.
    Invalid(Vec<FieldError>),
    /// Somebody else changed the thing first: `If-Match` names an older state of it.
    Stale,
    /// A change of this thing has to say with `If-Match` which state it changes.
    MatchRequired,
    /// There is no engine for this yet. The text says what is missing.
    NotAvailable(&'static str),
    /// Refused for a reason of its own.
    Refused(Box<Refusal>),
    /// The database is not available: try again.
    Unavailable,
    /// A defect of ours. The log has it under this id.
    Internal(Uuid),
}

/// The code of a refusal, beside its answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Code(pub &'static str);

/// One part of a request that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// Which part: a field of the body, `filter[…]`, a parameter or a header. Below a field with dots.
    pub field: Cow<'static, str>,
    /// What is wrong with it, or what it should be.
    pub detail: Cow<'static, str>,
}

/// A refusal with a code of its own.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// The status.
    pub status: StatusCode,
    /// A stable word for programs.
    pub code: &'static str,
    /// A sentence for people.
    pub detail: Cow<'static, str>,
    /// The part of the request that is meant.
    pub field: Option<Cow<'static, str>>,
    /// When to try again, in seconds.
    pub retry_after: Option<u32>,
    /// What is left of the caller's rate, where that is the reason.
    pub rate: Option<Rate>,
    /// More, for programs: members of the problem beside the usual ones.
    pub more: Value,
}

impl ApiError {
    /// One part of the request cannot be taken.
    pub fn invalid(field: impl Into<Cow<'static, str>>, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::Invalid(vec![FieldError { field: field.into(), detail: detail.into() }])
    }

    /// Refused with a status and a code of its own.
    pub fn refused(status: StatusCode, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        let refusal = Refusal {
            status,
            code,
            detail: detail.into(),
            field: None,
            retry_after: None,
            rate: None,
            more: Value::Null,
        };
        Self::Refused(Box::new(refusal))
    }

    /// The state of things stands against it (409).
    pub fn conflict(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::refused(StatusCode::CONFLICT, code, detail)
    }

    /// The same, about a field.
    #[must_use]
    pub fn about(self, field: impl Into<Cow<'static, str>>) -> Self {
        match self {
            Self::Refused(mut refusal) => {
                refusal.field = Some(field.into());
                Self::Refused(refusal)
            }
            other => other,
        }
    }

    /// The same, with the seconds after which to try again.
    #[must_use]
    pub fn after(self, seconds: u32) -> Self {
        match self {
            Self::Refused(mut refusal) => {
                refusal.retry_after = Some(seconds);
                Self::Refused(refusal)
            }
            other => other,
        }
    }

    /// The same, telling what is left of the caller's rate.
    #[must_use]
    pub fn at_rate(self, rate: Rate) -> Self {
        match self {
            Self::Refused(mut refusal) => {
                refusal.rate = Some(rate);
                Self::Refused(refusal)
            }
            other => other,
        }
    }

    /// The same, with more members for programs. `more` is an object.
    #[must_use]
    pub fn with(self, more: Value) -> Self {
        match self {
            Self::Refused(mut refusal) => {
                refusal.more = more;
                Self::Refused(refusal)
            }
            other => other,
        }
    }

    /// A defect of ours: logs it, and keeps only the id under which it was logged.
    #[expect(clippy::disallowed_methods, reason = "the id only links an answer with a line of the log")]
    pub fn defect(error: impl std::fmt::Display) -> Self {
        let id = Uuid::now_v7();
        error!(error.id = %id, error = %error, "request failed");
        Self::Internal(id)
    }
}

impl From<botbuilder_store::Error> for ApiError {
    fn from(error: botbuilder_store::Error) -> Self {
        if error.is_passing() {
            return Self::Unavailable;
        }
        match error {
            botbuilder_store::Error::Conflict { constraint } => of_constraint(&constraint),
            botbuilder_store::Error::Stale => {
                Self::conflict("busy", "somebody else changed the same thing at the same time; try again")
                    .after(1)
            }
            other => Self::defect(other),
        }
    }
}

/// A violated constraint, where nothing more is known than its name. The names follow the schema: `fk_` refers to
/// something that is not there (or is still referred to), `uq_` is taken, `ck_` is out of bounds.
fn of_constraint(constraint: &str) -> ApiError {
    let more = json!({ "constraint": constraint });
    match constraint.get(..3) {
        Some("fk_") => ApiError::conflict(
            "reference",
            "it refers to something that is not there, or something still refers to it",
        ),
        Some("uq_") => ApiError::conflict("taken", "there is one of that name already"),
        _ => ApiError::refused(StatusCode::BAD_REQUEST, "invalid", "a rule of the data is broken"),
    }
    .with(more)
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let refusal = self.into_refusal();
        let mut problem = json!({
            "type": "about:blank",
            "title": refusal.status.canonical_reason().unwrap_or_default(),
            "status": refusal.status.as_u16(),
            "code": refusal.code,
            "detail": refusal.detail,
        });
        if let Value::Object(problem) = &mut problem {
            if let Some(field) = &refusal.field {
                problem.insert("field".to_owned(), json!(field));
            }
            if let Value::Object(more) = refusal.more {
                problem.extend(more);
            }
        }
        let content_type = [(header::CONTENT_TYPE, "application/problem+json")];
        let mut response = (refusal.status, content_type, problem.to_string()).into_response();
        response.extensions_mut().insert(Code(refusal.code));
        if let Some(seconds) = refusal.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(rate) = refusal.rate {
            rate.tell(response.headers_mut());
        }
        if refusal.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl ApiError {
    /// The one form that every error takes on the wire.
    fn into_refusal(self) -> Refusal {
        let (status, code, detail): (_, _, Cow<'static, str>) = match self {
            Self::Refused(refusal) => return *refusal,
            Self::Invalid(errors) => {
                let first = errors.first();
                let detail = first.map_or_else(
                    || "a part of the request cannot be understood".to_owned(),
                    |error| format!("{}: {}", error.field, error.detail),
                );
                return Refusal {
                    status: StatusCode::BAD_REQUEST,
                    code: "invalid",
                    detail: detail.into(),
                    field: first.map(|error| error.field.clone()),
                    retry_after: None,
                    rate: None,
                    more: json!({ "errors": errors }),
                };
            }
            Self::Unavailable => {
                return Refusal {
                    status: StatusCode::SERVICE_UNAVAILABLE,
                    code: "unavailable",
                    detail: "the database is not available; try again in a moment".into(),
                    field: None,
                    retry_after: Some(1),
                    rate: None,
                    more: Value::Null,
                };
            }
            Self::Forbidden(permission) => {
                return Refusal {
                    status: StatusCode::FORBIDDEN,
                    code: "forbidden",
                    detail: format!("this needs the permission {permission}").into(),
                    field: None,
                    retry_after: None,
                    rate: None,
                    more: json!({ "permission": permission.to_string() }),
                };
            }
            Self::Unauthenticated => (
                StatusCode::UNAUTHORIZED,
                "unauthenticated",
                "send a valid API token as `Authorization: Bearer bb_…`".into(),
            ),
            Self::NotFound => {
                (StatusCode::NOT_FOUND, "not_found", "there is nothing here, or not for you".into())
            }
            Self::MethodNotAllowed => (
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "this address has no such method".into(),
            ),
            Self::Stale => (
                StatusCode::PRECONDITION_FAILED,
                "stale",
                "it was changed in the meantime; read it again and send its new ETag as If-Match".into(),
            ),
            Self::MatchRequired => (
                StatusCode::PRECONDITION_REQUIRED,
                "match_required",
                "send the ETag of what you read as If-Match".into(),
            ),
            Self::NotAvailable(what) => {
                (StatusCode::NOT_IMPLEMENTED, "not_available", format!("not available yet: {what}").into())
            }
            Self::Internal(id) => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                format!("something went wrong on our side; the log has it under {id}").into(),
            ),
        };
        Refusal { status, code, detail, field: None, retry_after: None, rate: None, more: Value::Null }
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
