//! Import and export of what a bot was taught, in the formats of other products.
//!
//! An import adds: intents, examples, entities and values that are there already stay as they are. A dry run says what
//! would happen and writes nothing.

mod adding;
mod names;

use axum::{Json, extract::State, http::request::Parts};
use botbuilder_domain::BotId;
use botbuilder_nlu::{
    Corpus,
    exchange::{self, File, Format, Note},
};
use botbuilder_store::audit::audit_logs::Act;
use botbuilder_understanding::Taught;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::standing::standing;
use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    input::{Body, Id, query_pairs, unknown},
    permission::{Area, read, write},
    routes::{DEFINITION_LIMIT, Operation, Routes},
};

/// The formats, by the words that name them.
const FORMATS: [(&str, Format); 5] = [
    ("rasa_yaml", Format::RasaYaml),
    ("rasa_json", Format::RasaJson),
    ("dialogflow", Format::Dialogflow),
    ("luis", Format::Luis),
    ("csv", Format::Csv),
];

/// What is carried over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Intents, examples, entities.
    Everything,
    /// Entities and their values.
    Entities,
}

impl Part {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Everything => "everything",
            Self::Entities => "entities",
        }
    }

    /// A corpus without what is not carried over.
    fn of(self, corpus: Corpus) -> Corpus {
        match self {
            Self::Everything => corpus,
            Self::Entities => {
                Corpus { language: corpus.language, entities: corpus.entities, ..Corpus::default() }
            }
        }
    }
}

/// The routes below a collection.
pub fn routes(collection: &str, what: &str, part: Part) -> Routes {
    let words: Vec<&str> = FORMATS.iter().map(|(word, _)| *word).collect();
    let file = json!({
        "type": "object",
        "properties": { "name": { "type": "string" }, "text": { "type": "string" } },
        "required": ["name", "text"],
        "additionalProperties": false,
    });
    let import = move |state: State<Api>, caller: Caller, id: Id<Uuid>, body: Body<Import>| {
        import(state, caller, id, body, part)
    };
    let export = move |state: State<Api>, caller: Caller, id: Id<Uuid>, parts: Parts| {
        export(state, caller, id, parts, part)
    };
    Routes::new()
        .add(
            Operation::post(
                format!("{collection}/import"),
                write(Area::Nlu),
                format!("adds {what} from files of another product"),
            )
            .takes(json!({
                "type": "object",
                "properties": {
                    "format": { "type": "string", "enum": words },
                    "files": { "type": "array", "items": file, "minItems": 1, "maxItems": 1000 },
                    "dry_run": { "type": "boolean" },
                },
                "required": ["format", "files"],
                "additionalProperties": false,
            }))
            .gives(json!({ "type": "object" }))
            .up_to(16 * DEFINITION_LIMIT),
            import,
        )
        .add(
            Operation::get(
                format!("{collection}/export"),
                read(Area::Nlu),
                format!("{what} as files of another product"),
            )
            .with_query("format", json!({ "type": "string", "enum": words }), "the format")
            .gives(json!({ "type": "object" })),
            export,
        )
}

fn format(word: &str) -> Result<Format, ApiError> {
    let words = FORMATS.iter().map(|(word, _)| *word);
    let known = FORMATS.iter().find(|(known, _)| *known == word);
    known.map(|(_, format)| *format).ok_or_else(|| ApiError::invalid("format", unknown(word, words)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Import {
    format: String,
    files: Vec<Source>,
    #[serde(default)]
    dry_run: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Source {
    name: String,
    text: String,
}

async fn import(
    State(api): State<Api>,
    caller: Caller,
    Id(bot): Id<Uuid>,
    Body(Import { format: word, files, dry_run }): Body<Import>,
    part: Part,
) -> Result<Json<Value>, ApiError> {
    let format = format(&word)?;
    let files: Vec<File> = files.into_iter().map(|Source { name, text }| File { name, text }).collect();
    // Megabytes are read for a second or so.
    let read = tokio::task::spawn_blocking(move || exchange::import(format, &files)).await;
    let read = read.map_err(ApiError::defect)?;
    let exchange::Import { corpus, mut notes } =
        read.map_err(|error| ApiError::invalid("files", error.to_string()))?;
    let corpus = names::to_ours(part.of(corpus), &mut notes);

    let mut tx = api.store.begin(&caller.scope).await?;
    let standing = standing(&mut tx, &caller, bot).await?;
    let there = Taught::read(&mut tx, &caller.scope, BotId::new(bot), &standing.language).await?;
    let added = adding::add(&api, &mut tx, &caller, bot, corpus, &there, &mut notes).await?;
    // A dry run did everything, and leaves nothing.
    if !dry_run {
        tx.commit().await?;
    }
    Ok(Json(json!({ "data": { "dry_run": dry_run, "added": added, "notes": notes } })))
}

async fn export(
    State(api): State<Api>,
    caller: Caller,
    Id(bot): Id<Uuid>,
    parts: Parts,
    part: Part,
) -> Result<Json<Value>, ApiError> {
    let mut asked = None;
    for (name, value) in query_pairs(&parts) {
        if name != "format" {
            return Err(ApiError::invalid(name.clone(), unknown(&name, ["format"])));
        }
        asked = Some(format(&value)?);
    }
    let mut tx = api.store.begin(&caller.scope).await?;
    let standing = standing(&mut tx, &caller, bot).await?;
    let taught = Taught::read(&mut tx, &caller.scope, BotId::new(bot), &standing.language).await?;
    let format = asked.ok_or_else(|| ApiError::invalid("format", "must be there"))?;
    let act = Act::new("nlu.exported", "bots", Some(bot)).metadata(json!({ "what": part.as_str() }));
    caller.audit(&api, &mut tx, act).await?;
    tx.commit().await?;
    let corpus = part.of(taught.corpus);
    let written = tokio::task::spawn_blocking(move || exchange::export(format, &corpus)).await;
    let written = written.map_err(ApiError::defect)?;
    let files: Vec<Value> =
        written.files.into_iter().map(|File { name, text }| json!({ "name": name, "text": text })).collect();
    let notes: Vec<Note> = written.notes;
    Ok(Json(json!({ "data": { "files": files, "notes": notes } })))
}
