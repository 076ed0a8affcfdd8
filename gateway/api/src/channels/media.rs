//! `/v1/media`: files of operators. What is uploaded can be sent, or stand in a flow; what is neither within a day is
//! removed.

use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    http::{StatusCode, header, request::Parts},
};
use botbuilder_domain::{Content, Media as File};
use botbuilder_media::{Error, Stored, kind, reference, referred};
use botbuilder_store::{audit::audit_logs::Act, table::rows::Row};
use futures_util::StreamExt as _;
use serde_json::{Value, json};

use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    input::{query_pairs, unknown},
    permission::{Area, read, write},
    routes::{FILES, Operation, Routes},
};

const PATH: &str = "/v1/media";
/// Largest file: it is read whole by the guard, so that a repeated call can be told from another. The configuration may
/// allow less.
const MOST: usize = 100 << 20;

/// The routes of files.
pub fn routes() -> Routes {
    let file = json!({ "type": "object" });
    Routes::new()
        .add(
            Operation::post(
                PATH,
                write(Area::Conversation),
                "keeps a file that can be sent; the body is the file, and it is removed after a day if nothing has it",
            )
            .answers(201)
            .consumes(FILES)
            .up_to(MOST)
            .with_query("name", json!({ "type": "string", "maxLength": 200 }), "the file's name")
            .gives(file.clone()),
            upload,
        )
        .add(
            Operation::get(
                format!("{PATH}/{{sha256}}"),
                read(Area::Conversation),
                "a link to a file that is kept, good for a while",
            )
            .gives(file),
            link,
        )
}

async fn upload(
    State(api): State<Api>,
    caller: Caller,
    parts: Parts,
    body: Body,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let mut name = None;
    for (parameter, value) in query_pairs(&parts) {
        if parameter != "name" {
            let hint = unknown(&parameter, ["name"]);
            return Err(ApiError::invalid(parameter, hint));
        }
        name = kind::name(&value);
    }
    let declared = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let org = caller.scope.org();
    let mut incoming = api.media.begin(org, api.ids.next(), api.media.upload_bytes);
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|_| ApiError::invalid("body", "did not come whole"))?;
        incoming.write(piece).await.map_err(refused)?;
    }
    let mime_type = incoming.mime_type(declared);
    if incoming.size() > 0 && !kind::may_be_uploaded(&mime_type) {
        incoming.abandon().await;
        return Err(ApiError::invalid("body", format!("is of a type that is not sent: {mime_type}")));
    }
    let stored = incoming.finish(declared).await.map_err(refused)?;
    api.media.note_upload(org, &stored.sha256).await.map_err(refused)?;
    let mut tx = api.store.begin(&caller.scope).await?;
    caller.audit(&api, &mut tx, Act::new("media.uploaded", "channel_messages", None)).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(json!({ "data": described(&api, &caller, stored, name.as_deref())? }))))
}

/// What is said of a file: what it is, a link to it, and the content that sends it.
fn described(api: &Api, caller: &Caller, stored: Stored, name: Option<&str>) -> Result<Value, ApiError> {
    let Stored { sha256, size, mime_type, kind } = stored;
    let link = api.media.link(caller.scope.org(), &sha256, Some(&mime_type), name, api.clock.now());
    let content = Content::Media(File {
        media: kind,
        provider_ref: None,
        url: Some(reference(&sha256)),
        mime_type: Some(mime_type.clone()),
        file_name: name.map(str::to_owned),
        size: Some(size),
        sha256: None,
        caption: None,
        voice: false,
        failure: None,
    });
    Ok(json!({
        "id": sha256, "type": mime_type, "size": size, "name": name, "url": link.map_err(refused)?, "content": content,
    }))
}

async fn link(
    State(api): State<Api>,
    caller: Caller,
    Path(sha256): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let address = reference(&sha256);
    let digest = referred(&address).ok_or(ApiError::NotFound)?;
    let org = caller.scope.org();
    let size = api.media.size(org, digest).await.map_err(refused)?.ok_or(ApiError::NotFound)?;
    let url = api.media.link(org, digest, None, None, api.clock.now()).map_err(refused)?;
    Ok(Json(json!({ "data": { "id": digest, "size": size, "url": url } })))
}

/// Refuses a content that names a file which is not kept.
pub(super) async fn are_kept(api: &Api, caller: &Caller, content: &Content) -> Result<(), ApiError> {
    for file in content.files() {
        let Some(digest) = file.url.as_deref().and_then(referred) else { continue };
        if api.media.size(caller.scope.org(), digest).await.map_err(refused)?.is_none() {
            let text =
                "names a file that is not kept; what is uploaded is removed after a day if it is not sent";
            return Err(ApiError::invalid("content.url", text));
        }
    }
    Ok(())
}

/// A message's row with a link at each of its files.
pub(super) fn with_links(api: &Api, caller: &Caller, row: &mut Row) -> Result<(), ApiError> {
    let mut shown: Value = serde_json::from_str(&row.json).map_err(ApiError::defect)?;
    link_files(api, caller, &mut shown);
    row.json = shown.to_string();
    Ok(())
}

/// The same for a message as JSON.
pub(super) fn link_files(api: &Api, caller: &Caller, message: &mut Value) {
    let (org, now) = (caller.scope.org(), api.clock.now());
    if let Some(files) = message.get_mut("media") {
        api.media.show_files(org, files, now);
    }
    if let Some(payload) = message.get_mut("payload") {
        api.media.show(org, payload, now);
    }
}

fn refused(error: Error) -> ApiError {
    match error {
        Error::Empty => ApiError::invalid("body", "must not be empty"),
        Error::TooLarge { limit } => ApiError::invalid("body", format!("must have at most {limit} bytes")),
        other => ApiError::defect(other),
    }
}
