//! What an experiment needs to begin: that of a flow, a version of the flow for each variant that is not the flow as it is.

use std::pin::Pin;

use axum::http::StatusCode;
use botbuilder_domain::BotId;
use botbuilder_store::{
    bots::{bot_flows, entity_versions},
    table::rows::{self, Place},
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{
    bots::{
        bot_flows::{NewVersion, write_version},
        flow_checks,
        flow_variables::declared,
    },
    error::ApiError,
    resource::{Writing, act::fields},
};

/// Writes the definitions of the variants as versions of the flow, checked as if they were published, and notes with each
/// variant which one it runs. A variant may name a version that is there.
pub(super) fn begun(writing: Writing<'_>) -> Pin<Box<dyn Future<Output = Result<(), ApiError>> + Send + '_>> {
    Box::pin(async move {
        let Writing { api, tx, caller, before: Some(before), values } = writing else { return Ok(()) };
        let row = fields(before)?;
        if row.get("target_type").and_then(Value::as_str) != Some("flow") {
            return Ok(());
        }
        // Without a flow it is shown by nodes that name the experiment.
        let Some(place) = target(&row) else { return Ok(()) };
        let table = &bot_flows::TABLE;
        let flow = rows::get(tx, &caller.scope, table, place, None).await?;
        let published = flow.as_ref().map(fields).transpose()?;
        let status = published.as_ref().and_then(|flow| flow.get("status")).and_then(Value::as_str);
        if status != Some("published") {
            return Err(ApiError::conflict("wrong_state", "the flow is not published").about("target_id"));
        }
        let mut variants = row.get("variants").cloned().unwrap_or_default();
        for (number, variant) in variants.as_array_mut().into_iter().flatten().enumerate() {
            let field = format!("variants[{number}].config");
            // Only what is written here is run.
            variant
                .get_mut("config")
                .and_then(Value::as_object_mut)
                .map(|config| config.remove("version_id"));
            let config = variant.get("config").cloned().unwrap_or_default();
            let id = match (config.get("definition"), config.get("version")) {
                (Some(_), Some(_)) => {
                    return Err(ApiError::invalid(field, "has both a definition and a version"));
                }
                (Some(definition), None) => {
                    let key = variant.get("key").and_then(Value::as_str).unwrap_or_default().to_owned();
                    let bot = BotId::new(place.parent.unwrap_or_default());
                    let own = Some(place.id);
                    let report = flow_checks::report(api, tx, caller, bot, own, definition).await?;
                    if report["valid"] != true {
                        let detail = format!("the definition of the variant `{key}` has problems");
                        let code = "flow_invalid";
                        return Err(ApiError::refused(StatusCode::UNPROCESSABLE_ENTITY, code, detail)
                            .about(format!("{field}.definition"))
                            .with(json!({ "problems": report["problems"] })));
                    }
                    let name = row.get("name").and_then(Value::as_str).unwrap_or_default();
                    let message = Some(format!("experiment {name}: variant {key}"));
                    let definition = &declared(tx, caller, place.id, definition).await?;
                    let new = NewVersion { flow: place.id, definition, message };
                    write_version(api, tx, caller, new).await?.id
                }
                (None, Some(version)) => {
                    let field = format!("{field}.version");
                    // No version has the number 0.
                    let number = version.as_i64().and_then(|number| i32::try_from(number).ok());
                    let number = Some(number.unwrap_or_default());
                    let held = entity_versions::held(tx, &caller.scope, "bot_flow", place.id, number);
                    held.await?.ok_or_else(|| ApiError::invalid(field, "there is no such version"))?.id
                }
                (None, None) => continue,
            };
            variant["config"]["version_id"] = json!(id);
        }
        values.insert("variants".to_owned(), variants);
        Ok(())
    })
}

/// The flow that the experiment is about.
fn target(row: &Map<String, Value>) -> Option<Place> {
    let id = |name: &str| row.get(name).and_then(Value::as_str).and_then(|id| id.parse::<Uuid>().ok());
    Some(Place { parent: Some(id("bot_id")?), id: id("target_id")? })
}
