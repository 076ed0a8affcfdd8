//! Whether an orchestration can do what it says: what its transitions name is there, and their triggers can be read.

use std::{collections::BTreeSet, pin::Pin};

use axum::http::StatusCode;
use botbuilder_domain::{BotId, FlowId};
use botbuilder_flow::orchestration::Trigger;
use botbuilder_store::{
    bots::{bot_flows, flow_orchestrations},
    nlu::taught,
};
use serde_json::{Value, json};

use super::flow_simulation::bot_of;
use crate::{
    error::ApiError,
    resource::{Writing, act::fields},
};

/// Refuses to activate an orchestration with mistakes, with all of them at once.
pub(super) fn can_begin(
    writing: Writing<'_>,
) -> Pin<Box<dyn Future<Output = Result<(), ApiError>> + Send + '_>> {
    Box::pin(async move {
        let Some(before) = writing.before else { return Ok(()) };
        let bot = bot_of(&fields(before)?)?;
        let problems = problems(writing, before.id, bot).await?;
        if problems.is_empty() {
            return Ok(());
        }
        let detail = format!("the orchestration has {} problems", problems.len());
        let refused = ApiError::refused(StatusCode::UNPROCESSABLE_ENTITY, "orchestration_invalid", detail);
        Err(refused.with(json!({ "problems": problems })))
    })
}

async fn problems(writing: Writing<'_>, id: uuid::Uuid, bot: BotId) -> Result<Vec<Value>, ApiError> {
    let Writing { tx, caller, .. } = writing;
    let scope = &caller.scope;
    let rules = flow_orchestrations::rules(tx, scope, id).await?.ok_or(ApiError::NotFound)?;
    let intents = taught::intents(tx, scope, bot).await?;
    let intents: BTreeSet<&str> = intents.iter().map(|intent| intent.name.as_str()).collect();
    let mut entered = vec![("entry_flow_id", None, rules.entry)];
    if rules.on_error == "fallback_flow" {
        entered.extend(rules.fallback.map(|flow| ("fallback_flow_id", None, flow)));
    }
    entered.extend(rules.transitions.iter().map(|way| ("to_flow_id", Some(way.id), way.to)));
    let mut problems = Vec::new();
    let mut known: BTreeSet<uuid::Uuid> = BTreeSet::new();
    for (field, transition, flow) in entered {
        if known.contains(&flow) || bot_flows::published(tx, scope, bot, FlowId::new(flow)).await?.is_some() {
            known.insert(flow);
            continue;
        }
        let message = format!("the flow `{flow}` is not published, or not of this bot");
        problems.push(json!({ "field": field, "transition": transition, "message": message }));
    }
    for way in &rules.transitions {
        let message = match Trigger::read(&way.trigger_type, &way.trigger_value) {
            Err(error) => error,
            Ok(Trigger::Intent { intent, .. }) if !intents.contains(intent.as_str()) => {
                format!("there is no active intent `{intent}`")
            }
            Ok(_) => continue,
        };
        problems.push(json!({ "field": "trigger_value", "transition": way.id, "message": message }));
    }
    Ok(problems)
}
