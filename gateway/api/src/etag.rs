//! `ETag` and `If-Match`: a change names the state that it changes. Versioned rows (`lock_version`) ask for it.

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
    /// A tag that is none of ours, or a weak one, so it matches nothing.
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

    /// Reads the header; none if it holds no tag at all.
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text == "*" {
            return Some(Self::Any);
        }
        let (is_weak, tag) = text.strip_prefix("W/").map_or((false, text), |tag| (true, tag));
        let opaque = tag.strip_prefix('"')?.strip_suffix('"')?;
        if opaque.contains('"') {
            return None;
        }
        Some(if is_weak { Self::Unknown } else { opaque.parse().map_or(Self::Unknown, Self::Version) })
    }
}

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let mut given = parts.headers.get_all(header::IF_MATCH).iter();
        let Some(value) = given.next() else { return Ok(Self::Absent) };
        let read = value.to_str().ok().and_then(Self::parse).filter(|_| given.next().is_none());
        read.ok_or_else(|| ApiError::invalid("If-Match", "must be one tag as an answer had it in ETag, or *"))
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
        assert_eq!(IfMatch::parse(etag(7).to_str().unwrap()), Some(IfMatch::Version(7)));
        assert_eq!(IfMatch::parse(" * "), Some(IfMatch::Any));
        for text in ["\"\"", "W/\"7\"", "\"7a\""] {
            assert_eq!(IfMatch::parse(text), Some(IfMatch::Unknown), "{text}");
        }
        for text in ["7", "\"7", "", "\"", "\"7\", \"8\"", "w/\"7\""] {
            assert_eq!(IfMatch::parse(text), None, "{text}");
        }
        assert!(matches!(IfMatch::Absent.demand(), Err(ApiError::MatchRequired)));
        assert!(matches!(IfMatch::Unknown.allow(), Err(ApiError::Stale)));
        assert_eq!(IfMatch::Absent.allow().unwrap(), None);
    }
}
