//! `/v1/knowledge-bases/{knowledge_base_id}/documents`.

use axum::{body::Body, extract::State, http::request::Parts};
use botbuilder_media::{Error, kind};
use botbuilder_store::{
    knowledge::{documents::TABLE, knowledge_bases},
    table::rows,
};
use futures_util::StreamExt as _;
use serde_json::{Map, json};

use crate::{
    Api,
    auth::Caller,
    billing::limits,
    error::ApiError,
    input::{Id, query_pairs, unknown},
    permission::{Area, Verb, write},
    resource::{Answer, Resource, act::at, broken_rule, changes, created, missing, of_row},
    routes::{FILES, Operation, Routes},
};

/// Largest document: it is read whole by the guard, so that a repeated call can be told from another.
const MOST: usize = 50 << 20;

/// The routes of this resource.
pub fn routes() -> Routes {
    let path = "/v1/knowledge-bases/{knowledge_base_id}/documents";
    let what = "documents are not processed yet";
    let routes = Resource::new(&TABLE, "document", Area::Knowledge, path)
        .log()
        .updatable()
        .deletable()
        .restorable()
        .unavailable("refresh", Verb::Execute, what)
        .unavailable("retry", Verb::Execute, what)
        .routes();
    let post = axum::http::Method::POST;
    let routes = missing(routes, &post, path, write(Area::Knowledge), what);
    routes.add(
        Operation::post(
            format!("{path}/upload"),
            write(Area::Knowledge),
            "keeps a file as a document; the body is the file, and it waits to be processed",
        )
        .answers(201)
        .consumes(FILES)
        .up_to(MOST)
        .with_query("name", json!({ "type": "string", "maxLength": 200 }), "the file's name")
        .with_query(
            "language",
            json!({ "type": "string", "maxLength": 16 }),
            "its language, where it is known",
        )
        .gives(of_row(&TABLE)),
        upload,
    )
}

async fn upload(
    State(api): State<Api>,
    caller: Caller,
    Id(base): Id,
    parts: Parts,
    body: Body,
) -> Result<Answer, ApiError> {
    let (mut name, mut language) = (None, None);
    for (parameter, value) in query_pairs(&parts) {
        match parameter.as_str() {
            "name" => name = kind::name(&value),
            "language" if value.chars().count() <= 16 => language = Some(value),
            "language" => return Err(ApiError::invalid("language", "must have at most 16 characters")),
            other => {
                let hint = unknown(other, ["name", "language"]);
                return Err(ApiError::invalid(parameter, hint));
            }
        }
    }
    let mut tx = api.store.begin(&caller.scope).await?;
    rows::get(&mut tx, &caller.scope, &knowledge_bases::TABLE, at(base), None)
        .await?
        .ok_or(ApiError::NotFound)?;
    tx.commit().await?;
    let name = name.ok_or_else(|| ApiError::invalid("name", "must be there"))?;

    let mut incoming = api.media.begin(caller.scope.org(), api.ids.next(), api.media.document_bytes);
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|_| ApiError::invalid("body", "did not come whole"))?;
        incoming.write(piece).await.map_err(refused)?;
    }
    let stored = incoming.finish(declared(&name)).await.map_err(refused)?;

    let mut tx = api.store.begin(&caller.scope).await?;
    limits::storage(&mut tx, &caller.scope, stored.size).await?;
    let id = api.ids.next();
    let values = Map::from_iter(
        [
            ("knowledge_base_id", json!(base)),
            ("name", json!(name)),
            ("source_type", json!("upload")),
            ("storage_key", json!(format!("{}/media/{}", caller.scope.org(), stored.sha256))),
            ("mime_type", json!(stored.mime_type)),
            ("size_bytes", json!(stored.size)),
            ("language", json!(language)),
            ("content_hash", json!(format!("\\x{}", stored.sha256))),
            ("created_by", json!(caller.user())),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    let row = rows::insert(&mut tx, &caller.scope, &TABLE, id, values)
        .await
        .map_err(|error| broken_rule(&TABLE, error))?;
    changes::note(&api, &mut tx, &caller, &TABLE, "created", None, Some(&row)).await?;
    tx.commit().await?;
    Ok(created(row, &format!("/v1/knowledge-bases/{base}/documents")))
}

/// The type that a name tells, among those that begin alike.
fn declared(name: &str) -> Option<&'static str> {
    let ending = name.rsplit_once('.')?.1.to_ascii_lowercase();
    Some(match ending.as_str() {
        "md" | "markdown" => "text/markdown",
        "csv" => "text/csv",
        "json" => "application/json",
        "docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "pptx" => "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        _ => return None,
    })
}

fn refused(error: Error) -> ApiError {
    match error {
        Error::Empty => ApiError::invalid("body", "must not be empty"),
        Error::TooLarge { limit } => ApiError::invalid("body", format!("must have at most {limit} bytes")),
        other => ApiError::defect(other),
    }
}
