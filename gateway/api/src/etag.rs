//! `ETag` and `If-Match`: a change names the state that it changes. Versioned rows (`lock_version`) ask for it.

use std::convert::Infallible;

use axum::{
    extract::FromRequestParts,
    http::{HeaderValue, header, request::Parts},
};

use crate::error::ApiError;

/// What `If-Match` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfMatch {
    /// Nothing.
    Absent,
    /// Any state (`*`).
    Any,
    /// This version.
    Version(i32),
    /// Something that is none of our tags, so it matches nothing.
    Unknown,
}

impl IfMatch {
    /// The version that is to be changed; none for any. Whoever says nothing is asked to.
    pub fn demand(self) -> Result<Option<i32>, ApiError> {
        match self {
            Self::Absent => Err(ApiError::MatchRequired),
            Self::Any => Ok(None),
            Self::Version(version) => Ok(Some(version)),
            Self::Unknown => Err(ApiError::Stale),
        }
    }

    /// The version that is to be changed, where it may be left out.
    pub fn allow(self) -> Result<Option<i32>, ApiError> {
        if self == Self::Absent { Ok(None) } else { self.demand() }
    }

    fn parse(text: &str) -> Self {
        if text.trim() == "*" {
            return Self::Any;
        }
        let version = text.trim().strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        version.and_then(|version| version.parse().ok()).map_or(Self::Unknown, Self::Version)
    }
}

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let Some(value) = parts.headers.get(header::IF_MATCH) else { return Ok(Self::Absent) };
        Ok(value.to_str().map_or(Self::Unknown, Self::parse))
    }
}

/// The tag of a version.
pub fn etag(version: i32) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{version}\"")).unwrap_or_else(|_| HeaderValue::from_static("\"0\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_a_version_in_quotes() {
        assert_eq!(IfMatch::parse(etag(7).to_str().unwrap()), IfMatch::Version(7));
        assert_eq!(IfMatch::parse(" * "), IfMatch::Any);
        for text in ["7", "\"\"", "W/\"7\"", "\"7", ""] {
            assert_eq!(IfMatch::parse(text), IfMatch::Unknown, "{text}");
        }
        assert!(matches!(IfMatch::Absent.demand(), Err(ApiError::MatchRequired)));
        assert!(matches!(IfMatch::Unknown.allow(), Err(ApiError::Stale)));
        assert_eq!(IfMatch::Absent.allow().unwrap(), None);
    }
}
