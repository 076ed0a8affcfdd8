//! A sign-in that waits for its browser to come back: sealed, in a cookie of that browser.

use axum::http::{HeaderMap, HeaderValue, header};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use botbuilder_store::secret::Place;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use uuid::Uuid;

use crate::{Api, auth::cookie, error::ApiError};

/// How long a sign-in may take.
pub(crate) const PATIENCE: TimeDelta = TimeDelta::minutes(10);
const COOKIE: &str = "__Host-botbuilder-sso";
const PLACE: Place = Place { table: "sso_login_logs", column: "started", row: Uuid::nil() };

/// What waits.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Started<T> {
    /// The identity provider.
    pub connection: Uuid,
    /// Where the browser goes in the end: a path of ours.
    pub return_to: String,
    /// Until when.
    pub until: DateTime<Utc>,
    /// What the protocol has to keep.
    pub kept: T,
}

impl<T: Serialize + DeserializeOwned> Started<T> {
    /// The cookie. `None` for `SameSite` lets it come along when the provider's page posts to us.
    pub fn cookie(&self, api: &Api, same_site: &str) -> Result<HeaderValue, ApiError> {
        let text = serde_json::to_vec(self).map_err(ApiError::defect)?;
        let sealed = api.identity.keys.seal(PLACE, &text).map_err(botbuilder_store::Error::from)?;
        let value = format!(
            "{COOKIE}={}; Path=/; Secure; HttpOnly; SameSite={same_site}; Max-Age={}",
            URL_SAFE_NO_PAD.encode(sealed.ciphertext),
            PATIENCE.num_seconds(),
        );
        let mut value = HeaderValue::from_str(&value).map_err(ApiError::defect)?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// What the browser brought back, if it is ours and not over.
    pub fn open(api: &Api, headers: &HeaderMap) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(cookie(headers, COOKIE)?).ok()?;
        let opened = api.identity.keys.open(PLACE, &bytes, "p1").ok()?;
        let started: Self = serde_json::from_slice(opened.expose()).ok()?;
        (started.until > api.clock.now()).then_some(started)
    }
}

/// Takes the cookie away.
pub(crate) fn forget(headers: &mut HeaderMap) {
    let value = "__Host-botbuilder-sso=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0";
    headers.append(header::SET_COOKIE, HeaderValue::from_static(value));
}

/// A path of ours to return to; anything else is the front page.
pub(crate) fn path_of_ours(wanted: Option<&str>) -> String {
    let is_ours = |path: &&str| {
        path.starts_with('/')
            && !path.starts_with("//")
            && path.len() <= 1024
            && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
    };
    wanted.filter(is_ours).unwrap_or("/").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_returns_to_a_page_of_ours_only() {
        assert_eq!(path_of_ours(Some("/bots?x=1#a")), "/bots?x=1#a");
        for other in [
            "https://evil.example",
            "//evil.example",
            "/\\evil.example",
            "evil",
            "",
            "/a\r\nset-cookie: x",
            "/é",
        ] {
            assert_eq!(path_of_ours(Some(other)), "/", "{other}");
        }
    }
}
