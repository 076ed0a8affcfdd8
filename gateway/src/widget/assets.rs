//! What a site's page loads: the script of the pasted line, the application, and its languages. They are built from
//! `widget/` and part of the program.

use std::{collections::BTreeMap, sync::LazyLock};

use axum::{
    Router,
    extract::{Path, RawQuery},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use crate::Gateway;

const SCRIPT: &str = "text/javascript; charset=utf-8";
const JSON: &str = "application/json; charset=utf-8";

/// Asked for with its own version, a file never changes.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// Otherwise an old page may go on with what it has for a while.
const FOR_A_WHILE: &str = "public, max-age=300, stale-while-revalidate=86400";

/// Pages of every site load these.
const FOR_ALL: [(HeaderName, &str); 3] = [
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    (HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
];

struct Asset {
    kind: &'static str,
    plain: Vec<u8>,
    gzip: Option<&'static [u8]>,
    /// The beginning of its digest, as the build writes it into the loader.
    version: String,
}

impl Asset {
    fn new(kind: &'static str, plain: &[u8], gzip: Option<&'static [u8]>) -> Self {
        let version = hex::encode(&Sha256::digest(plain)[..6]);
        Self { kind, plain: plain.to_vec(), gzip, version }
    }
}

static ASSETS: LazyLock<BTreeMap<String, Asset>> = LazyLock::new(|| {
    let loader = Asset::new(
        SCRIPT,
        include_bytes!("../../../widget/dist/loader.js"),
        Some(include_bytes!("../../../widget/dist/loader.js.gz")),
    );
    let app = Asset::new(
        SCRIPT,
        include_bytes!("../../../widget/dist/app.js"),
        Some(include_bytes!("../../../widget/dist/app.js.gz")),
    );
    let mut assets = BTreeMap::from([("loader.js".to_owned(), loader), ("app.js".to_owned(), app)]);
    let languages = include_str!("../../../widget/dist/languages.json");
    // The build wrote it, and a test reads it.
    let languages: BTreeMap<String, Box<RawValue>> = serde_json::from_str(languages).unwrap_or_default();
    for (language, texts) in languages {
        assets.insert(format!("lang-{language}.json"), Asset::new(JSON, texts.get().as_bytes(), None));
    }
    assets
});

/// The routes of the files.
pub(super) fn routes() -> Router<Gateway> {
    Router::new().route("/widget/v1/{file}", get(file))
}

async fn file(Path(name): Path<String>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let Some(asset) = ASSETS.get(&name) else {
        return (StatusCode::NOT_FOUND, FOR_ALL, "no such file\n").into_response();
    };
    let tag = format!("\"{}\"", asset.version);
    let says = |name: HeaderName, word: &str| {
        headers.get(name).and_then(|value| value.to_str().ok()).is_some_and(|value| value.contains(word))
    };
    let is_own_version = query.and_then(|query| query.strip_prefix("v=").map(str::to_owned));
    let caching = if is_own_version.as_ref() == Some(&asset.version) { FOR_EVER } else { FOR_A_WHILE };
    let common = [(header::CACHE_CONTROL, caching), (header::VARY, "accept-encoding")];
    let mut response = if says(header::IF_NONE_MATCH, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        match asset.gzip.filter(|_| says(header::ACCEPT_ENCODING, "gzip")) {
            Some(gzip) => ([(header::CONTENT_ENCODING, "gzip")], gzip).into_response(),
            None => asset.plain.as_slice().into_response(),
        }
    };
    let all = response.headers_mut();
    for (name, value) in common.into_iter().chain(FOR_ALL).chain([(header::CONTENT_TYPE, asset.kind)]) {
        all.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        all.insert(header::ETAG, tag);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loader_asks_for_the_application_that_is_here() {
        let loader = String::from_utf8(ASSETS["loader.js"].plain.clone()).unwrap();
        assert!(loader.contains(&ASSETS["app.js"].version), "dist/ is not the work of one build");
    }

    #[test]
    fn languages_are_there() {
        let languages = ASSETS.keys().filter(|name| name.starts_with("lang-")).count();
        // English is inside the application.
        assert!(languages >= 11, "{languages}");
    }

    #[test]
    fn sizes_are_within_what_a_page_is_promised() {
        let packed = |name: &str| ASSETS[name].gzip.map_or(usize::MAX, <[u8]>::len);
        assert!(packed("loader.js") <= 2 << 10, "{}", packed("loader.js"));
        assert!(packed("app.js") <= 25 << 10, "{}", packed("app.js"));
    }
}
