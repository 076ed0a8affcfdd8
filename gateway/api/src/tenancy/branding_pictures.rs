//! `/v1/branding/logo`: the pictures of an organization's brand, and where everybody sees them.

use axum::{
    body::{Body, Bytes},
    extract::{Path, State},
    http::{HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse as _, Response},
};
use botbuilder_domain::OrgId;
use botbuilder_media::{Error, kind};
use botbuilder_store::{OrgScope, table::rows, tenancy::whitelabel_settings::TABLE};
use serde_json::{Value, json};
use uuid::Uuid;

use super::branding::{PATH, current};
use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    input::{query_pairs, unknown},
    permission::{Area, manage},
    resource::{
        Answer,
        act::{at, fields, set},
        answer, broken_rule, changes, of_row,
    },
    routes::{Access, Operation, Routes},
};

/// Where pictures are seen.
const SEEN: &str = "/v1/public/pictures";
/// The largest picture, in bytes.
const MOST: usize = 1 << 20;
/// The pictures there are, and the columns of their addresses.
const KINDS: [(&str, &str); 3] =
    [("logo", "logo_url"), ("logo_dark", "logo_dark_url"), ("favicon", "favicon_url")];
/// The types that are taken: pictures that hold no program, as their first bytes say.
const TYPES: [&str; 5] = ["image/png", "image/jpeg", "image/webp", "image/gif", "image/vnd.microsoft.icon"];

/// The routes of pictures.
pub fn routes() -> Routes {
    let kinds: Vec<&str> = KINDS.iter().map(|(kind, _)| *kind).collect();
    Routes::new()
        .add(
            Operation::post(
                format!("{PATH}/logo"),
                manage(Area::Organization),
                "keeps a picture of at most 1 MiB (PNG, JPEG, WebP, GIF or ICO) and sets logo_url to where it is seen; the body is the picture",
            )
            .consumes("application/octet-stream")
            .up_to(MOST)
            .with_query("kind", json!({ "type": "string", "enum": kinds }), "which picture; the logo if nothing is said")
            .gives(of_row(&TABLE)),
            upload,
        )
        .add(
            Operation::get(
                format!("{SEEN}/{{organization_id}}/{{sha256}}"),
                Access::Public,
                "a picture of an organization's brand",
            )
            .produces("image/*"),
            show,
        )
}

async fn upload(
    State(api): State<Api>,
    caller: Caller,
    parts: Parts,
    body: Bytes,
) -> Result<Answer, ApiError> {
    let mut column = "logo_url";
    for (name, value) in query_pairs(&parts) {
        if name != "kind" {
            let hint = unknown(&name, ["kind"]);
            return Err(ApiError::invalid(name, hint));
        }
        let known = KINDS.iter().find(|(kind, _)| *kind == value);
        column =
            known.ok_or_else(|| ApiError::invalid("kind", "must be one of: logo, logo_dark, favicon"))?.1;
    }
    let found = kind::of(&body, None);
    if !TYPES.contains(&found.as_str()) {
        return Err(ApiError::invalid("body", format!("must be one of: {}", TYPES.join(", "))));
    }
    let org = caller.scope.org();
    let mut tx = api.store.begin(&caller.scope).await?;
    let before = current(&mut tx, &caller).await?.ok_or_else(|| {
        ApiError::conflict("no_branding", format!("there is no brand yet; set brand_name at {PATH}"))
    })?;
    let mut incoming = api.media.begin(org, api.ids.next(), MOST as u64);
    incoming.write(body).await.map_err(refused)?;
    let stored = incoming.finish(Some(&found)).await.map_err(refused)?;
    // Until the brand names it, and once it does not any more, it is a file that nobody has.
    api.media.note_upload(org, &stored.sha256).await.map_err(refused)?;
    let address = format!("{}{SEEN}/{org}/{}", api.outside.base_url, stored.sha256);
    let change = set([(column, json!(address))]);
    let row = rows::update(&mut tx, &caller.scope, &TABLE, at(before.id), change)
        .await
        .map_err(|error| broken_rule(&TABLE, error))?
        .ok_or(ApiError::NotFound)?;
    changes::note(&api, &mut tx, &caller, &TABLE, "updated", Some(&before), Some(&row)).await?;
    tx.commit().await?;
    Ok(answer(row))
}

fn refused(error: Error) -> ApiError {
    match error {
        Error::Empty => ApiError::invalid("body", "must not be empty"),
        other => ApiError::defect(other),
    }
}

/// Only what the brand names is seen: other files of the organization are nobody's business.
async fn show(
    State(api): State<Api>,
    Path((organization, sha256)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let organization: Uuid = organization.parse().map_err(|_| ApiError::NotFound)?;
    let is_digest =
        sha256.len() == 64 && sha256.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if !is_digest {
        return Err(ApiError::NotFound);
    }
    let org = OrgId::new(organization);
    let scope = OrgScope::of_service(org);
    let mut tx = api.store.begin(&scope).await?;
    let query = rows::Query { fetch: 1, ..rows::Query::default() };
    let brand = rows::list(&mut tx, &scope, &TABLE, &query).await?.pop().ok_or(ApiError::NotFound)?;
    tx.commit().await?;
    let brand = fields(&brand)?;
    let end = format!("{SEEN}/{org}/{sha256}");
    let names =
        |column: &str| brand.get(column).and_then(Value::as_str).is_some_and(|url| url.ends_with(&end));
    if !KINDS.iter().any(|(_, column)| names(column)) {
        return Err(ApiError::NotFound);
    }
    let found =
        api.media.read(org, &sha256, None).await.map_err(ApiError::defect)?.ok_or(ApiError::NotFound)?;
    let picture = found.all().await.map_err(ApiError::defect)?;
    let mime_type = kind::of(&picture, None);
    if !TYPES.contains(&mime_type.as_str()) {
        return Err(ApiError::NotFound);
    }
    let mime_type = HeaderValue::from_str(&mime_type).map_err(ApiError::defect)?;
    let headers = [
        (header::CONTENT_TYPE, mime_type),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=86400")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox")),
    ];
    Ok((StatusCode::OK, headers, Body::from(picture)).into_response())
}
