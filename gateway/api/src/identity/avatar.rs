//! `/v1/me/avatar`: a person's picture, and where everybody sees it.

use axum::{
    Json,
    body::Bytes,
    extract::{Path, State},
    http::{StatusCode, request::Parts},
    response::Response,
};
use botbuilder_domain::OrgId;
use botbuilder_store::identity::users::{self, Change};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    Api,
    auth::Account,
    error::ApiError,
    input::{query_pairs, unknown},
    pictures,
    routes::{Access, Operation, PICTURES, Routes},
};

const PATH: &str = "/v1/me/avatar";
/// Where pictures of people are seen.
const SEEN: &str = "/v1/public/avatars";

/// The routes of a person's picture.
pub fn routes() -> Routes {
    Routes::new()
        .add(
            Operation::post(
                PATH,
                Access::Account,
                "keeps a picture of at most 1 MiB (PNG, JPEG, WebP, GIF or ICO) and sets avatar_url to where it is seen; the body is the picture",
            )
            .consumes(PICTURES)
            .up_to(pictures::MOST),
            upload,
        )
        .add(Operation::delete(PATH, Access::Account, "takes the picture away"), remove)
        .add(
            Operation::get(format!("{SEEN}/{{user_id}}/{{sha256}}"), Access::Public, "a picture of a person")
                .produces("image/*"),
            show,
        )
}

/// A person's pictures belong to no organization: they lie below the account's own id, which no organization has.
const fn shelf(user: Uuid) -> OrgId {
    OrgId::new(user)
}

/// The digest in the address of a picture that we keep; none if the address is another's.
fn kept(api: &Api, user: Uuid, url: &str) -> Option<String> {
    let digest = url.strip_prefix(&*api.outside.base_url)?.strip_prefix(&format!("{SEEN}/{user}/"))?;
    pictures::is_digest(digest).then(|| digest.to_owned())
}

/// Names another picture, or none, and says which of ours the account had before.
async fn name(api: &Api, user: Uuid, url: Option<String>) -> Result<(Value, Option<String>), ApiError> {
    let mut tx = api.store.begin_auth().await?;
    let before = users::profile(&mut tx, user).await?.ok_or(ApiError::NotFound)?.avatar_url;
    users::update(&mut tx, user, Change { avatar_url: Some(url), ..Change::default() }).await?;
    let profile = users::profile(&mut tx, user).await?.ok_or(ApiError::NotFound)?;
    tx.commit().await?;
    Ok((json!(profile), before.and_then(|url| kept(api, user, &url))))
}

async fn upload(
    State(api): State<Api>,
    account: Account,
    parts: Parts,
    body: Bytes,
) -> Result<Json<Value>, ApiError> {
    if let Some((name, _)) = query_pairs(&parts).into_iter().next() {
        let hint = unknown(&name, []);
        return Err(ApiError::invalid(name, hint));
    }
    let user = account.user();
    let sha256 = pictures::keep(&api, shelf(user), body).await?;
    let address = format!("{}{SEEN}/{user}/{sha256}", api.outside.base_url);
    let (profile, before) = name(&api, user, Some(address)).await?;
    if let Some(old) = before.filter(|old| *old != sha256) {
        api.media.remove(shelf(user), &old).await.map_err(ApiError::defect)?;
    }
    Ok(Json(json!({ "data": profile })))
}

async fn remove(State(api): State<Api>, account: Account) -> Result<StatusCode, ApiError> {
    let user = account.user();
    let (_, before) = name(&api, user, None).await?;
    if let Some(old) = before {
        api.media.remove(shelf(user), &old).await.map_err(ApiError::defect)?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Removes the picture of an account that is closed.
pub(super) async fn forget(api: &Api, user: Uuid, url: Option<&str>) -> Result<(), ApiError> {
    let Some(digest) = url.and_then(|url| kept(api, user, url)) else { return Ok(()) };
    api.media.remove(shelf(user), &digest).await.map_err(ApiError::defect)
}

/// Only the picture that the account names is seen.
async fn show(
    State(api): State<Api>,
    Path((user, sha256)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let user: Uuid = user.parse().map_err(|_| ApiError::NotFound)?;
    if !pictures::is_digest(&sha256) {
        return Err(ApiError::NotFound);
    }
    let mut tx = api.store.begin_auth().await?;
    let named = users::profile(&mut tx, user).await?.and_then(|profile| profile.avatar_url);
    tx.commit().await?;
    if named.and_then(|url| kept(&api, user, &url)).as_deref() != Some(sha256.as_str()) {
        return Err(ApiError::NotFound);
    }
    pictures::shown(&api, shelf(user), &sha256).await
}
