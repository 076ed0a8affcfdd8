//! Pictures that callers bring along and everybody sees: an organization's brand, a person's face.

use axum::{
    body::{Body, Bytes},
    http::{HeaderValue, header},
    response::{IntoResponse as _, Response},
};
use botbuilder_domain::OrgId;
use botbuilder_media::{Error, kind};

use crate::{Api, error::ApiError};

/// The largest picture, in bytes.
pub const MOST: usize = 1 << 20;
/// The types that are taken: pictures that hold no program, as their first bytes say.
pub const TYPES: [&str; 5] =
    ["image/png", "image/jpeg", "image/webp", "image/gif", "image/vnd.microsoft.icon"];

/// Refuses what is no picture of a type that is taken; says the type.
pub fn check(body: &[u8]) -> Result<String, ApiError> {
    let found = kind::of(body, None);
    if TYPES.contains(&found.as_str()) {
        return Ok(found);
    }
    Err(ApiError::invalid("body", format!("must be one of: {}", TYPES.join(", "))))
}

/// Keeps a picture among the files of `owner`; says its digest.
pub async fn keep(api: &Api, owner: OrgId, body: Bytes) -> Result<String, ApiError> {
    let found = check(&body)?;
    let mut incoming = api.media.begin(owner, api.ids.next(), MOST as u64);
    incoming.write(body).await.map_err(refused)?;
    Ok(incoming.finish(Some(&found)).await.map_err(refused)?.sha256)
}

/// Whether a text is a digest, as addresses of pictures end with one.
pub fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// A picture of `owner` as an answer that browsers show and never run.
pub async fn shown(api: &Api, owner: OrgId, sha256: &str) -> Result<Response, ApiError> {
    let found =
        api.media.read(owner, sha256, None).await.map_err(ApiError::defect)?.ok_or(ApiError::NotFound)?;
    let picture = found.all().await.map_err(ApiError::defect)?;
    let mime_type = check(&picture).map_err(|_| ApiError::NotFound)?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_str(&mime_type).map_err(ApiError::defect)?),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=86400")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox")),
    ];
    Ok((headers, Body::from(picture)).into_response())
}

/// Why a picture is not kept.
pub fn refused(error: Error) -> ApiError {
    match error {
        Error::Empty => ApiError::invalid("body", "must not be empty"),
        Error::TooLarge { limit } => ApiError::invalid("body", format!("must have at most {limit} bytes")),
        other => ApiError::defect(other),
    }
}
