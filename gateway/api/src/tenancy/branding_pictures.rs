//! `/v1/branding/logo`: the pictures of an organization's brand, and where everybody sees them.

use axum::{
    body::Bytes,
    extract::{Path, State},
    http::request::Parts,
    response::Response,
};
use botbuilder_domain::OrgId;
use botbuilder_store::{OrgScope, table::rows, tenancy::whitelabel_settings::TABLE};
use serde_json::{Value, json};
use uuid::Uuid;

use super::branding::{self, PATH, current};
use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    input::{query_pairs, unknown},
    permission::{Area, manage},
    pictures,
    resource::{
        Answer,
        act::{at, fields, set},
        answer, broken_rule, changes,
    },
    routes::{Access, Operation, PICTURES, Routes},
};

/// Where pictures are seen.
const SEEN: &str = "/v1/public/pictures";
/// The pictures there are, and the columns of their addresses.
const KINDS: [(&str, &str); 3] =
    [("logo", "logo_url"), ("logo_dark", "logo_dark_url"), ("favicon", "favicon_url")];

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
            .consumes(PICTURES)
            .up_to(pictures::MOST)
            .with_query("kind", json!({ "type": "string", "enum": kinds }), "which picture; the logo if nothing is said")
            .gives(branding::schema()),
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
    pictures::check(&body)?;
    let org = caller.scope.org();
    let mut tx = api.store.begin(&caller.scope).await?;
    let before = current(&mut tx, &caller).await?.ok_or_else(|| {
        ApiError::conflict("no_branding", format!("there is no brand yet; set brand_name at {PATH}"))
    })?;
    let sha256 = pictures::keep(&api, org, body).await?;
    // Until the brand names it, and once it does not any more, it is a file that nobody has.
    api.media.note_upload(org, &sha256).await.map_err(pictures::refused)?;
    let address = format!("{}{SEEN}/{org}/{sha256}", api.outside.base_url);
    let change = set([(column, json!(address))]);
    let row = rows::update(&mut tx, &caller.scope, &TABLE, at(before.id), change)
        .await
        .map_err(|error| broken_rule(&TABLE, error))?
        .ok_or(ApiError::NotFound)?;
    changes::note(&api, &mut tx, &caller, &TABLE, "updated", Some(&before), Some(&row)).await?;
    tx.commit().await?;
    Ok(answer(branding::shown(&api, row)?))
}

/// Only what the brand names is seen: other files of the organization are nobody's business.
async fn show(
    State(api): State<Api>,
    Path((organization, sha256)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let organization: Uuid = organization.parse().map_err(|_| ApiError::NotFound)?;
    if !pictures::is_digest(&sha256) {
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
    pictures::shown(&api, org, &sha256).await
}
