//! `/v1/flows/{id}/simulate`: a conversation with a draft. Nothing is sent, nothing is kept, nobody is asked.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use botbuilder_domain::{BotId, FlowId, VersionId};
use botbuilder_flow::{
    Bot, Context, Flow, Library, Settings, Value as Held,
    simulate::{
        Act, Given, Outcome, Simulation,
        cases::{Expectation, Step, check},
    },
};
use botbuilder_store::{
    Tx,
    bots::{
        bot_flows::{self, TABLE},
        bots,
    },
    table::rows::{self, Place},
};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    input::{Body, Id},
    permission::{Area, execute},
    resource::act::fields,
    routes::{DEFINITION_LIMIT, Operation, Routes},
};

/// Most steps of a conversation.
const STEPS: usize = 200;
/// Most flows that a draft may come to call.
const CALLED: usize = 50;

/// The routes of this resource.
pub fn routes() -> Routes {
    let body = json!({
        "type": "object",
        "properties": {
            "definition": { "type": "object" },
            "contact": { "type": "object" },
            "now": { "type": "string", "format": "date-time" },
            "answers": { "type": "array", "items": { "type": "object" } },
            "steps": { "type": "array", "maxItems": STEPS, "items": { "type": "object" } },
        },
        "required": ["steps"],
        "additionalProperties": false,
    });
    let operation = |path: &str| {
        Operation::post(path, execute(Area::Flow), "plays a conversation with the draft; nothing is sent")
            .takes(body.clone())
            .gives(json!({ "type": "object" }))
            .up_to(DEFINITION_LIMIT)
    };
    Routes::new()
        .add(operation("/v1/flows/{id}/simulate"), simulate)
        .add(operation("/v1/bots/{bot_id}/flows/{id}/test-run"), test_run)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Simulate {
    /// The draft of the flow where none is given.
    definition: Option<Value>,
    contact: Option<Context>,
    now: Option<DateTime<Utc>>,
    #[serde(default)]
    answers: Vec<Given>,
    steps: Vec<Step>,
}

async fn simulate(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id,
    Body(asked): Body<Simulate>,
) -> Result<Json<Value>, ApiError> {
    played(&api, &caller, Place { parent: None, id }, asked).await
}

async fn test_run(
    State(api): State<Api>,
    caller: Caller,
    Id((bot, id)): Id<(Uuid, Uuid)>,
    Body(asked): Body<Simulate>,
) -> Result<Json<Value>, ApiError> {
    played(&api, &caller, Place { parent: Some(bot), id }, asked).await
}

async fn played(api: &Api, caller: &Caller, place: Place, asked: Simulate) -> Result<Json<Value>, ApiError> {
    if asked.steps.len() > STEPS {
        return Err(ApiError::invalid("steps", format!("must have at most {STEPS} entries")));
    }
    let mut tx = api.store.begin(&caller.scope).await?;
    let row = rows::get(&mut tx, &caller.scope, &TABLE, place, None).await?.ok_or(ApiError::NotFound)?;
    let mut row = fields(&row)?;
    let bot = row.get("bot_id").and_then(Value::as_str).and_then(|id| id.parse::<Uuid>().ok());
    let bot = BotId::from(bot.ok_or_else(|| ApiError::defect("a flow without a bot"))?);
    let definition = asked.definition.or_else(|| row.remove("draft_definition")).unwrap_or_default();
    let (flow, problems) = Flow::draft(&definition);
    let Some(flow) = flow else {
        let detail = format!("the flow has {} problems", problems.len());
        return Err(ApiError::refused(StatusCode::UNPROCESSABLE_ENTITY, "flow_invalid", detail)
            .about("definition")
            .with(json!({ "problems": problems })));
    };
    let bot = simulated(&mut tx, caller, bot, flow).await?;
    tx.commit().await?;

    let now = asked.now.unwrap_or_else(|| api.clock.now());
    let context = asked
        .contact
        .unwrap_or_else(|| Context { contact: Some(place.id.to_string()), ..Context::default() });
    let mut simulation = Simulation::new(bot, context, asked.answers, now);
    let mut steps = Vec::new();
    for (number, Step { act, expect }) in asked.steps.into_iter().enumerate() {
        let outcome = simulation.act(&act);
        let outcome =
            outcome.map_err(|error| ApiError::invalid(format!("steps[{number}]"), error.to_string()))?;
        steps.push(told(&act, &expect, &outcome));
    }
    Ok(Json(json!({ "data": { "steps": steps, "problems": problems } })))
}

/// What came of a step.
fn told(act: &Act, expect: &[Expectation], outcome: &Outcome) -> Value {
    json!({
        "act": act,
        "at": outcome.at,
        "said": outcome.said,
        "effects": outcome.effects,
        "path": outcome.path,
        "events": outcome.events,
        "asked": outcome.asked,
        "variables": outcome.variables.to_json(),
        "ended": outcome.ended,
        "usage": outcome.usage,
        "failures": check(expect, outcome),
    })
}

/// The bot as it would be with this draft: its texts, and the flows that are published and called.
async fn simulated(tx: &mut Tx, caller: &Caller, id: BotId, flow: Flow) -> Result<Bot, ApiError> {
    let known = bots::for_turns(tx, &caller.scope, id).await?.ok_or(ApiError::NotFound)?;
    let mut library = Library::default();
    let mut open: Vec<String> = flow.calls().map(str::to_owned).collect();
    let mut seen = Vec::new();
    while let Some(called) = open.pop() {
        if seen.contains(&called) || seen.len() >= CALLED {
            continue;
        }
        seen.push(called.clone());
        let Ok(flow_id) = called.parse::<FlowId>() else { continue };
        let Some((version, definition)) = bot_flows::published(tx, &caller.scope, id, flow_id).await? else {
            continue;
        };
        if let Ok(flow) = Flow::strict(&definition) {
            open.extend(flow.calls().map(str::to_owned));
            library.publish(called, version, Arc::new(flow));
        }
    }
    let hours = known.settings.get("business_hours").or_else(|| known.organization.get("business_hours"));
    let settings = Settings {
        handoff: known.handoff,
        hours: hours.and_then(|hours| Deserialize::deserialize(hours).ok()),
        constants: known.settings.get("constants").and_then(Held::from_json).unwrap_or_default(),
        ..Settings::with_fallback(known.fallback)
    };
    // A draft is no version: the id stands for it.
    Ok(Bot::of(VersionId::new(Uuid::nil()), Arc::new(flow), settings).with_library(library))
}
