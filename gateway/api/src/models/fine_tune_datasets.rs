//! `/v1/models/{model_id}/datasets`.

use axum::{
    Json,
    body::Body,
    extract::State,
    http::{StatusCode, request::Parts},
    response::{IntoResponse as _, Response},
};
use botbuilder_media::kind;
use botbuilder_store::{
    Tx,
    models::{fine_tune_datasets::TABLE, fine_tune_models},
    table::rows::{self, Place, Row},
};
use bytes::Bytes;
use futures_util::StreamExt as _;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::dataset::{
    self, Format, Purpose,
    check::{self, Report},
};
use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    input::{Id, query_pairs, unknown},
    permission::{Area, execute, read, write},
    pictures::refused,
    resource::{
        Answer, Resource,
        act::{at, fields, set},
        answer, broken_rule, changes, created, of_row,
    },
    routes::{FILES, Operation, Routes},
};

const PATH: &str = "/v1/models/{model_id}/datasets";
/// The largest file, in bytes.
const MOST: usize = 50 << 20;
/// Rows of a preview, if nothing is said, and at most.
const SHOWN: (usize, usize) = (10, 100);

/// The routes of this resource.
pub fn routes() -> Routes {
    let item = format!("{PATH}/{{id}}");
    let row = || of_row(&TABLE);
    Resource::new(&TABLE, "dataset", Area::Model, PATH)
        .log()
        .deletable()
        .restorable()
        .routes()
        .add(
            Operation::post(
                PATH,
                write(Area::Model),
                "keeps a file as a data set and checks it row by row; the body is the file",
            )
            .answers(201)
            .consumes(FILES)
            .up_to(MOST)
            .with_query("file_name", json!({ "type": "string", "maxLength": 255 }), "the file's name")
            .with_query(
                "format",
                json!({ "type": "string", "enum": ["jsonl", "csv", "json"] }),
                "how it holds its rows; by the ending of its name if nothing is said",
            )
            .with_query(
                "split",
                json!({ "type": "string", "enum": ["train", "validation"] }),
                "what it is for; for training if nothing is said",
            )
            .gives(row()),
            upload,
        )
        .add(
            Operation::post(
                format!("{item}/validate"),
                execute(Area::Model),
                "checks a data set row by row again",
            )
            .gives(row()),
            validate,
        )
        .add(
            Operation::post(
                format!("{item}/convert"),
                write(Area::Model),
                "makes a second data set of the rows that can be read, as JSON by the line",
            )
            .answers(201)
            .gives(row()),
            convert,
        )
        .add(
            Operation::get(
                format!("{item}/preview"),
                read(Area::Model),
                "the first rows, and what was found",
            )
            .with_query(
                "limit",
                json!({ "type": "integer", "minimum": 1, "maximum": SHOWN.1, "default": SHOWN.0 }),
                "how many rows",
            )
            .gives(json!({ "type": "object" })),
            preview,
        )
}

/// What the model is trained for.
async fn purpose(tx: &mut Tx, caller: &Caller, model: Uuid) -> Result<Purpose, ApiError> {
    let row = rows::get(tx, &caller.scope, &fine_tune_models::TABLE, at(model), None).await?;
    let row = fields(&row.ok_or(ApiError::NotFound)?)?;
    Ok(Purpose::parse(text(&row, "purpose")))
}

fn text<'r>(row: &'r Map<String, Value>, column: &str) -> &'r str {
    row.get(column).and_then(Value::as_str).unwrap_or_default()
}

/// Reads every row and says what was found, away from the threads that answer.
async fn checked(bytes: Bytes, format: Format, purpose: Purpose) -> Result<Report, ApiError> {
    let work = move || match dataset::rows(&bytes, format, purpose, usize::MAX) {
        Ok(rows) => check::check(&rows, purpose),
        Err(why) => Report::unreadable(&why),
    };
    tokio::task::spawn_blocking(work).await.map_err(ApiError::defect)
}

/// What a report makes of its data set.
fn found(report: &Report, api: &Api) -> Map<String, Value> {
    let mut kept = report.json();
    kept.insert("checked_at".to_owned(), json!(api.clock.now()));
    set([
        ("status", json!(if report.is_ready() { "ready" } else { "invalid" })),
        ("row_count", json!(report.rows)),
        ("token_count", json!(report.tokens)),
        ("validation_report", Value::Object(kept)),
    ])
}

/// What the address of an upload says.
struct Said {
    name: String,
    format: Format,
    split: &'static str,
}

fn said(parts: &Parts) -> Result<Said, ApiError> {
    let (mut name, mut format, mut split) = (None, None, "train");
    for (parameter, value) in query_pairs(parts) {
        match parameter.as_str() {
            "file_name" => name = kind::name(&value),
            "format" => {
                let known = Format::parse(&value);
                format = Some(
                    known.ok_or_else(|| ApiError::invalid("format", "must be one of: jsonl, csv, json"))?,
                );
            }
            "split" if value == "train" => split = "train",
            "split" if value == "validation" => split = "validation",
            "split" => return Err(ApiError::invalid("split", "must be one of: train, validation")),
            other => {
                let hint = unknown(other, ["file_name", "format", "split"]);
                return Err(ApiError::invalid(parameter, hint));
            }
        }
    }
    let name = name.ok_or_else(|| ApiError::invalid("file_name", "must be there"))?;
    let format = format.or_else(|| Format::of_name(&name));
    let format = format.ok_or_else(|| ApiError::invalid("format", "cannot be told from the file's name"))?;
    Ok(Said { name, format, split })
}

async fn upload(
    State(api): State<Api>,
    caller: Caller,
    Id(model): Id,
    parts: Parts,
    body: Body,
) -> Result<Answer, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let purpose = purpose(&mut tx, &caller, model).await?;
    tx.commit().await?;
    let said = said(&parts)?;
    let mut bytes = Vec::new();
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        bytes.extend_from_slice(&piece.map_err(|_| ApiError::invalid("body", "did not come whole"))?);
    }
    let row = kept(&api, &caller, model, &said, purpose, Bytes::from(bytes)).await?;
    Ok(created(row, &format!("/v1/models/{model}/datasets")))
}

/// Keeps a file as a data set, with what was found in it.
async fn kept(
    api: &Api,
    caller: &Caller,
    model: Uuid,
    said: &Said,
    purpose: Purpose,
    bytes: Bytes,
) -> Result<Row, ApiError> {
    let org = caller.scope.org();
    let mut incoming = api.media.begin(org, api.ids.next(), MOST as u64);
    incoming.write(bytes.clone()).await.map_err(refused)?;
    let stored = incoming.finish(Some("text/plain")).await.map_err(refused)?;
    let report = checked(bytes, said.format, purpose).await?;
    let mut values = found(&report, api);
    values.extend(set([
        ("model_id", json!(model)),
        ("file_name", json!(said.name)),
        ("storage_key", json!(format!("{org}/media/{}", stored.sha256))),
        ("format", json!(said.format.as_str())),
        ("split", json!(said.split)),
        ("size_bytes", json!(stored.size)),
        ("content_hash", json!(format!("\\x{}", stored.sha256))),
        ("created_by", json!(caller.user())),
    ]));
    let mut tx = api.store.begin(&caller.scope).await?;
    let row = rows::insert(&mut tx, &caller.scope, &TABLE, api.ids.next(), values)
        .await
        .map_err(|error| broken_rule(&TABLE, error))?;
    changes::note(api, &mut tx, caller, &TABLE, "created", None, Some(&row)).await?;
    tx.commit().await?;
    Ok(row)
}

/// A data set with its file.
struct Set {
    row: Map<String, Value>,
    purpose: Purpose,
    format: Format,
    bytes: Bytes,
}

async fn opened(api: &Api, caller: &Caller, model: Uuid, id: Uuid) -> Result<Set, ApiError> {
    let place = Place { parent: Some(model), id };
    let mut tx = api.store.begin(&caller.scope).await?;
    let purpose = purpose(&mut tx, caller, model).await?;
    let row = rows::get(&mut tx, &caller.scope, &TABLE, place, None).await?.ok_or(ApiError::NotFound)?;
    tx.commit().await?;
    let row = fields(&row)?;
    let gone = || ApiError::conflict("file_missing", "the file of this data set is not there any more");
    let digest = text(&row, "storage_key").rsplit('/').next().unwrap_or_default().to_owned();
    let file = api.media.read(caller.scope.org(), &digest, None).await.map_err(ApiError::defect)?;
    let bytes = file.ok_or_else(gone)?.all().await.map_err(ApiError::defect)?;
    let format = Format::parse(text(&row, "format")).unwrap_or(Format::Jsonl);
    Ok(Set { row, purpose, format, bytes })
}

async fn validate(
    State(api): State<Api>,
    caller: Caller,
    Id((model, id)): Id<(Uuid, Uuid)>,
) -> Result<Answer, ApiError> {
    let Set { purpose, format, bytes, .. } = opened(&api, &caller, model, id).await?;
    let change = found(&checked(bytes, format, purpose).await?, &api);
    let place = Place { parent: Some(model), id };
    let mut tx = api.store.begin(&caller.scope).await?;
    let before = rows::lock(&mut tx, &caller.scope, &TABLE, place).await?.ok_or(ApiError::NotFound)?;
    let row = rows::update(&mut tx, &caller.scope, &TABLE, place, change)
        .await
        .map_err(|error| broken_rule(&TABLE, error))?
        .ok_or(ApiError::NotFound)?;
    changes::note(&api, &mut tx, &caller, &TABLE, "validated", Some(&before), Some(&row)).await?;
    tx.commit().await?;
    Ok(answer(row))
}

async fn convert(
    State(api): State<Api>,
    caller: Caller,
    Id((model, id)): Id<(Uuid, Uuid)>,
) -> Result<Answer, ApiError> {
    let Set { row, purpose, format, bytes } = opened(&api, &caller, model, id).await?;
    if format == Format::Jsonl {
        return Err(ApiError::conflict("wrong_state", "it holds JSON by the line already"));
    }
    let read = dataset::rows(&bytes, format, purpose, usize::MAX)
        .map_err(|why| ApiError::conflict("unreadable", format!("the file {why}")))?;
    let lines = dataset::lines(read.iter().filter_map(|(_, row)| row.as_ref().ok()));
    if lines.is_empty() {
        return Err(ApiError::conflict("unreadable", "no row of the file can be read"));
    }
    let name = text(&row, "file_name");
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let said = Said {
        name: format!("{}.jsonl", stem.chars().take(240).collect::<String>()),
        format: Format::Jsonl,
        split: if text(&row, "split") == "validation" { "validation" } else { "train" },
    };
    let row = kept(&api, &caller, model, &said, purpose, Bytes::from(lines)).await?;
    Ok(created(row, &format!("/v1/models/{model}/datasets")))
}

async fn preview(
    State(api): State<Api>,
    caller: Caller,
    Id((model, id)): Id<(Uuid, Uuid)>,
    parts: Parts,
) -> Result<Response, ApiError> {
    let mut most = SHOWN.0;
    for (name, value) in query_pairs(&parts) {
        if name != "limit" {
            let hint = unknown(&name, ["limit"]);
            return Err(ApiError::invalid(name, hint));
        }
        most = value.parse().ok().filter(|most| (1..=SHOWN.1).contains(most)).ok_or_else(|| {
            ApiError::invalid("limit", format!("must be a whole number from 1 to {}", SHOWN.1))
        })?;
    }
    let Set { row, purpose, format, bytes } = opened(&api, &caller, model, id).await?;
    let read = dataset::rows(&bytes, format, purpose, most)
        .map_err(|why| ApiError::conflict("unreadable", format!("the file {why}")))?;
    let shown: Vec<Value> = read
        .into_iter()
        .map(|(line, row)| match row {
            Ok(row) => json!({ "line": line, "row": row }),
            Err(error) => json!({ "line": line, "error": error }),
        })
        .collect();
    let data = json!({
        "file_name": row.get("file_name"),
        "format": row.get("format"),
        "row_count": row.get("row_count"),
        "status": row.get("status"),
        "rows": shown,
    });
    Ok((StatusCode::OK, Json(json!({ "data": data }))).into_response())
}
