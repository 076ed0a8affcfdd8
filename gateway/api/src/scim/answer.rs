//! What goes in and out: the forms of SCIM.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use botbuilder_sso::scim::{
    attributes::Object, error::Error as ScimError, patch::Patch, project::Projection, schema::Resource,
};
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::caller::Provisioner;
use crate::error::ApiError;

const TYPE: &str = "application/scim+json";

/// Why nothing is done.
#[derive(Debug)]
pub(crate) enum Refused {
    /// In the words of SCIM.
    Scim(ScimError),
    /// Something of ours went wrong.
    Api(ApiError),
}

impl From<ScimError> for Refused {
    fn from(error: ScimError) -> Self {
        Self::Scim(error)
    }
}

impl From<ApiError> for Refused {
    fn from(error: ApiError) -> Self {
        Self::Api(error)
    }
}

impl From<botbuilder_store::Error> for Refused {
    fn from(error: botbuilder_store::Error) -> Self {
        match error {
            botbuilder_store::Error::Conflict { constraint } if constraint.starts_with("uq_") => {
                Self::Scim(ScimError::uniqueness("there is one like it already"))
            }
            // Whoever is the last owner stays.
            botbuilder_store::Error::Conflict { constraint } if constraint == "last_owner_guard" => {
                Self::Scim(ScimError::status(409, "an organization keeps at least one active owner"))
            }
            other => Self::Api(other.into()),
        }
    }
}

impl Refused {
    /// The status and the body.
    pub fn parts(self) -> (StatusCode, Value, Option<HeaderValue>) {
        match self {
            Self::Scim(error) => {
                let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST);
                (status, error.body(), None)
            }
            Self::Api(error) => {
                let response = error.into_response();
                let after = response.headers().get(header::RETRY_AFTER).cloned();
                let status = response.status();
                let detail = status.canonical_reason().unwrap_or("failed").to_ascii_lowercase();
                (status, ScimError::status(status.as_u16(), detail).body(), after)
            }
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (status, body, after) = self.parts();
        let mut response = with_body(status, &body);
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(after) = after {
            response.headers_mut().insert(header::RETRY_AFTER, after);
        }
        response
    }
}

/// An answer with a body of SCIM.
pub(crate) fn with_body(status: StatusCode, body: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, TYPE)], body.to_string()).into_response()
}

/// The object of a body.
pub(crate) fn object(body: &[u8]) -> Result<Object, ScimError> {
    serde_json::from_slice(body).map_err(|error| ScimError::syntax(format!("not a JSON object: {error}")))
}

/// The changes of a body.
pub(crate) fn patch(body: &[u8]) -> Result<Patch, ScimError> {
    Patch::parse(body)
}

/// What is to be done.
#[derive(Debug)]
pub(crate) enum Change {
    Create(Object),
    Replace(Uuid, Object),
    Patch(Uuid, Patch),
    Delete(Uuid),
}

impl Change {
    /// The resource it is about, if it is there already.
    pub fn id(&self) -> Option<Uuid> {
        match self {
            Self::Create(_) => None,
            Self::Replace(id, _) | Self::Patch(id, _) | Self::Delete(id) => Some(*id),
        }
    }
}

/// A resource as it is shown, with its tag.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    /// The whole of it.
    pub object: Object,
    tag: String,
}

/// What was done.
pub(crate) enum Done {
    Made(Shown),
    Changed(Shown),
    Deleted,
}

impl Shown {
    /// A resource with everything that is the same for all.
    pub fn new(
        by: &Provisioner,
        resource: Resource,
        id: Uuid,
        mut object: Object,
        [created, changed]: [DateTime<Utc>; 2],
    ) -> Self {
        let mut schemas = vec![json!(resource.schema())];
        schemas.extend(object.keys().filter(|name| name.starts_with("urn:")).map(|name| json!(name)));
        object.insert("schemas".to_owned(), Value::Array(schemas));
        object.insert("id".to_owned(), json!(id));
        // The tag is of what is shown, so it changes when a group's name does that a person is in.
        let digest = Sha256::digest(Value::Object(object.clone()).to_string().as_bytes());
        let tag = digest.iter().take(12).fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        let tag = format!("W/\"{tag}\"");
        let instant = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Micros, true);
        let meta = json!({
            "resourceType": resource.name(),
            "created": instant(created),
            "lastModified": instant(changed),
            "location": format!("{}{}/{id}", by.base, resource.endpoint()),
            "version": tag,
        });
        object.insert("meta".to_owned(), meta);
        Self { object, tag }
    }

    /// Whether a header names its tag.
    pub fn has_tag(&self, header: &str) -> bool {
        let bare = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
        header.trim() == "*" || header.split(',').any(|tag| bare(tag) == bare(&self.tag))
    }

    /// Refuses where a change is meant for another state of it.
    pub fn check(&self, if_match: Option<&str>) -> Result<(), ScimError> {
        if if_match.is_none_or(|header| self.has_tag(header)) {
            Ok(())
        } else {
            Err(ScimError::status(412, "it was changed in the meantime"))
        }
    }

    /// Where it is.
    pub fn location(&self) -> &str {
        self.object["meta"]["location"].as_str().unwrap_or_default()
    }

    /// Its tag.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// The answer that it is as it was.
    pub fn unchanged(&self) -> Response {
        (StatusCode::NOT_MODIFIED, [(header::ETAG, self.tag.clone())]).into_response()
    }

    /// The answer.
    pub fn shown(self, by: &Provisioner, projection: Projection) -> Result<Response, Refused> {
        Done::Changed(self).shown(by, projection)
    }
}

impl Done {
    /// The answer.
    #[expect(clippy::needless_pass_by_value, reason = "an answer is the end of both")]
    pub fn shown(self, _by: &Provisioner, projection: Projection) -> Result<Response, Refused> {
        let (status, shown) = match self {
            Self::Made(shown) => (StatusCode::CREATED, shown),
            Self::Changed(shown) => (StatusCode::OK, shown),
            Self::Deleted => return Ok(StatusCode::NO_CONTENT.into_response()),
        };
        let location = HeaderValue::from_str(shown.location()).map_err(ApiError::defect)?;
        let tag = HeaderValue::from_str(&shown.tag).map_err(ApiError::defect)?;
        let mut response = with_body(status, &Value::Object(projection.of(shown.object)));
        response.headers_mut().insert(header::LOCATION, location);
        response.headers_mut().insert(header::ETAG, tag);
        Ok(response)
    }
}
