//! `POST /v1/bots/{bot_id}/flows/import`: flows of other programs, as drafts of a bot.

use std::collections::BTreeMap;

use axum::{Json, extract::State, http::StatusCode};
use botbuilder_flow::Flow;
use botbuilder_import::{Format, Import, ImportError, Options};
use botbuilder_store::{
    bots::{bot_flows::TABLE as FLOWS, bots::TABLE as BOTS},
    table::rows::{self, Place},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{bot_flows, flow_checks};
use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    input::{Body, Id},
    permission::{Area, write},
    resource::{Mode, Writing, broken_rule, changes},
    routes::{DEFINITION_LIMIT, Operation, Routes},
};

/// Longest name of a flow, in characters.
const NAME_MAX: usize = 120;
/// Most flows of one document.
const FLOWS_MAX: usize = 100;

/// The routes of this module.
pub fn routes() -> Routes {
    let flow = json!({ "type": "object", "properties": {
        "id": { "type": ["string", "null"], "format": "uuid" },
        "source_id": { "type": "string" },
        "name": { "type": "string" },
        "problems": { "type": "array" },
    }});
    let line = json!({ "type": "object", "properties": {
        "outcome": { "enum": ["mapped", "changed", "not_supported"] },
        "flow": { "type": "string" },
        "place": { "type": "string" },
        "what": { "type": "string" },
        "note": { "type": "string" },
    }});
    let summary = "makes drafts of flows of goflow, Typebot or the BotBuilder platform, and says what became of each part";
    let operation = Operation::post("/v1/bots/{bot_id}/flows/import", write(Area::Flow), summary)
        .takes(json!({
            "type": "object",
            "properties": {
                "source": { "type": "object" },
                "format": { "enum": ["goflow", "typebot", "platform"] },
                "language": { "type": "string", "maxLength": 16 },
                "dry_run": { "type": "boolean" },
            },
            "required": ["source"],
            "additionalProperties": false,
        }))
        .gives(json!({ "type": "object", "properties": {
            "format": { "type": "string" },
            "flows": { "type": "array", "items": flow },
            "report": { "type": "object", "properties": { "lines": { "type": "array", "items": line } } },
        }}))
        .up_to(16 * DEFINITION_LIMIT);
    Routes::new().add(operation, import)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// The document.
    source: Value,
    /// Its format; by its looks where it is not given.
    format: Option<String>,
    /// The language whose translations are taken.
    language: Option<String>,
    /// Whether nothing is written.
    #[serde(default)]
    dry_run: bool,
}

async fn import(
    State(api): State<Api>,
    caller: Caller,
    Id(bot): Id,
    Body(wanted): Body<Wanted>,
) -> Result<Json<Value>, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let place = Place { parent: None, id: bot };
    rows::get(&mut tx, &caller.scope, &BOTS, place, None).await?.ok_or(ApiError::NotFound)?;
    let dry_run = wanted.dry_run;
    let mut import = read(wanted)?;
    if dry_run {
        tx.commit().await?;
        return Ok(answer(&import, &BTreeMap::new()));
    }
    let sources = import.flows.iter().map(|flow| flow.source_id.clone());
    let ids: BTreeMap<String, String> = sources.map(|source| (source, api.ids.next().to_string())).collect();
    let told = ids.iter().map(|(source, id)| (id.clone(), source.clone())).collect();
    import.rename(&ids);
    for flow in &import.flows {
        let id: Uuid = flow.source_id.parse().map_err(ApiError::defect)?;
        let mut fields = Map::new();
        fields.insert("bot_id".to_owned(), json!(bot));
        fields.insert("name".to_owned(), json!(flow.name.chars().take(NAME_MAX).collect::<String>()));
        fields.insert("draft_definition".to_owned(), flow.definition.clone());
        fields.insert("created_by".to_owned(), json!(caller.user()));
        bot_flows::prepare(&mut fields, Mode::Create)?;
        let writing = Writing { api: &api, tx: &mut tx, caller: &caller, before: None, values: &mut fields };
        flow_checks::reported(writing).await?;
        let row = rows::insert(&mut tx, &caller.scope, &FLOWS, id, fields)
            .await
            .map_err(|error| broken_rule(&FLOWS, error))?;
        changes::note(&api, &mut tx, &caller, &FLOWS, "imported", None, Some(&row)).await?;
    }
    tx.commit().await?;
    Ok(answer(&import, &told))
}

/// Reads the document. One that cannot be imported is refused with everything that is wrong with it.
fn read(wanted: Wanted) -> Result<Import, ApiError> {
    let unknown = || ApiError::invalid("format", "is none of goflow, typebot, platform");
    let format = wanted.format.as_deref().map(|word| Format::parse(word).ok_or_else(unknown)).transpose()?;
    let options = Options { language: wanted.language, complete: false };
    let import =
        botbuilder_import::import(&wanted.source, format, &options).map_err(|error| match error {
            ImportError::UnknownFormat => ApiError::invalid("source", error.to_string()),
            ImportError::Refused(faults) => {
                let what = format!("the document has {} faults", faults.len());
                ApiError::refused(StatusCode::UNPROCESSABLE_ENTITY, "not_importable", what)
                    .about("source")
                    .with(json!({ "faults": faults }))
            }
        })?;
    if import.flows.len() > FLOWS_MAX {
        return Err(ApiError::invalid("source", format!("has more than {FLOWS_MAX} flows")));
    }
    Ok(import)
}

/// What came of it. `sources` are the ids in the document, by those of the new flows.
fn answer(import: &Import, sources: &BTreeMap<String, String>) -> Json<Value> {
    let flows: Vec<Value> = import
        .flows
        .iter()
        .map(|flow| {
            let (_, problems) = Flow::draft(&flow.definition);
            let source = sources.get(&flow.source_id);
            let id = source.map(|_| &flow.source_id);
            let source = source.unwrap_or(&flow.source_id);
            json!({ "id": id, "source_id": source, "name": flow.name, "problems": problems })
        })
        .collect();
    Json(json!({ "data": { "format": import.format, "flows": flows, "report": import.report } }))
}
