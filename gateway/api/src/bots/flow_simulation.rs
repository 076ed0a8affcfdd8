//! `/v1/flows/{id}/simulate` and `/v1/orchestrations/{id}/simulate`: a conversation with a draft; and
//! `/v1/bots/{id}/test-message`: a message to the bot as it is published. Nothing is sent, nothing is kept, nobody is asked.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use botbuilder_bots::orchestration_of;
use botbuilder_domain::{BotId, FlowId, VersionId};
use botbuilder_flow::{
    Bot, Context, Flow, Library, Orchestration, Settings,
    simulate::{
        Act, Given, Outcome, Simulation,
        cases::{Expectation, Step, check},
    },
};
use botbuilder_store::{
    Tx,
    bots::{
        bot_flows::{self, TABLE},
        flow_orchestrations,
    },
    table::rows::{self, Place},
};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::flow_variables::declared;
use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    input::{Body, Id},
    permission::{Area, execute},
    resource::act::{at, fields},
    routes::{DEFINITION_LIMIT, Operation, Routes},
};

/// Most steps of a conversation.
const STEPS: usize = 200;
/// Most characters of a message.
const TEXT: usize = 4_096;
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
    let mut of_orchestration = body.clone();
    if let Some(properties) = of_orchestration["properties"].as_object_mut() {
        properties.remove("definition");
    }
    let operation = |path: &str| {
        Operation::post(path, execute(Area::Flow), "plays a conversation with the draft; nothing is sent")
            .takes(body.clone())
            .gives(json!({ "type": "object" }))
            .up_to(DEFINITION_LIMIT)
    };
    Routes::new()
        .add(operation("/v1/flows/{id}/simulate"), simulate)
        .add(operation("/v1/bots/{bot_id}/flows/{id}/test-run"), test_run)
        .add(
            Operation::post(
                "/v1/orchestrations/{id}/simulate",
                execute(Area::Flow),
                "plays a conversation with the orchestration; nothing is sent",
            )
            .takes(of_orchestration)
            .gives(json!({ "type": "object" }))
            .up_to(DEFINITION_LIMIT),
            simulate_orchestration,
        )
        .add(
            Operation::post(
                "/v1/bots/{id}/test-message",
                execute(Area::Bot),
                "what the bot as it is published would say to a first message; nothing is sent",
            )
            .takes(json!({
                "type": "object",
                "properties": {
                    "text": { "type": "string", "minLength": 1, "maxLength": TEXT },
                    "contact": { "type": "object" },
                    "now": { "type": "string", "format": "date-time" },
                    "answers": { "type": "array", "items": { "type": "object" } },
                },
                "required": ["text"],
                "additionalProperties": false,
            }))
            .gives(json!({ "type": "object" })),
            test_message,
        )
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
    let mut tx = api.store.begin(&caller.scope).await?;
    let row = rows::get(&mut tx, &caller.scope, &TABLE, place, None).await?.ok_or(ApiError::NotFound)?;
    let mut row = fields(&row)?;
    let bot = bot_of(&row)?;
    let definition = asked.definition.clone().or_else(|| row.remove("draft_definition")).unwrap_or_default();
    let definition = declared(&mut tx, caller, place.id, &definition).await?;
    let (flow, problems) = Flow::draft(&definition);
    let Some(flow) = flow else {
        let detail = format!("the flow has {} problems", problems.len());
        return Err(ApiError::refused(StatusCode::UNPROCESSABLE_ENTITY, "flow_invalid", detail)
            .about("definition")
            .with(json!({ "problems": problems })));
    };
    let settings = settings(&mut tx, caller, bot).await?;
    let open = flow.calls().chain(settings.flows()).map(str::to_owned).collect();
    let library = library(&mut tx, caller, bot, open, Which::Published).await?;
    let bot = simulated(Arc::new(flow), settings, library);
    tx.commit().await?;
    let steps = play(api, bot, place.id, asked)?;
    Ok(Json(json!({ "data": { "steps": steps, "problems": problems } })))
}

/// Plays an orchestration as it stands, active or not, with the published versions of its flows; with the drafts of
/// those that have none.
async fn simulate_orchestration(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id,
    Body(asked): Body<Simulate>,
) -> Result<Json<Value>, ApiError> {
    if asked.definition.is_some() {
        return Err(ApiError::invalid("definition", "belongs to the simulation of a flow"));
    }
    let mut tx = api.store.begin(&caller.scope).await?;
    let table = &flow_orchestrations::TABLE;
    let row = rows::get(&mut tx, &caller.scope, table, at(id), None).await?.ok_or(ApiError::NotFound)?;
    let bot = bot_of(&fields(&row)?)?;
    let rules = flow_orchestrations::rules(&mut tx, &caller.scope, id).await?.ok_or(ApiError::NotFound)?;
    let orchestration = orchestration_of(bot, rules);
    let settings = settings(&mut tx, &caller, bot).await?;
    let open = orchestration.flows().chain(settings.flows()).map(str::to_owned).collect();
    let library = library(&mut tx, &caller, bot, open, Which::DraftsToo).await?;
    let Some(entry) = library.get(&orchestration.entry) else {
        let refused =
            ApiError::conflict("wrong_state", "the flow that the orchestration begins with cannot be run");
        return Err(refused.with(json!({ "flow": orchestration.entry })));
    };
    let bot = simulated(entry, settings, library);
    let entry = orchestration.entry.clone();
    let bot = bot.among(entry, Arc::new(orchestration));
    tx.commit().await?;
    let steps = play(&api, bot, id, asked)?;
    Ok(Json(json!({ "data": { "steps": steps } })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TestMessage {
    text: String,
    contact: Option<Context>,
    now: Option<DateTime<Utc>>,
    #[serde(default)]
    answers: Vec<Given>,
}

/// Begins where a conversation would: with the active orchestration, else with the default flow.
async fn test_message(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id,
    Body(asked): Body<TestMessage>,
) -> Result<Json<Value>, ApiError> {
    let TestMessage { text, contact, now, answers } = asked;
    if text.is_empty() || text.chars().count() > TEXT {
        return Err(ApiError::invalid("text", format!("must have 1 to {TEXT} characters")));
    }
    let bot = BotId::from(id);
    let mut tx = api.store.begin(&caller.scope).await?;
    let settings = settings(&mut tx, &caller, bot).await?;
    let rules = flow_orchestrations::active(&mut tx, &caller.scope, bot).await?;
    let orchestration = rules.map(|rules| orchestration_of(bot, rules));
    let entry = match &orchestration {
        Some(orchestration) => Some(orchestration.entry.clone()),
        None => bot_flows::default(&mut tx, &caller.scope, bot).await?.map(|flow| flow.to_string()),
    };
    let nothing = || ApiError::conflict("wrong_state", "the bot has no published flow to begin with");
    let entry = entry.ok_or_else(nothing)?;
    let others = orchestration.iter().flat_map(Orchestration::flows);
    let open = others.chain(settings.flows()).chain([entry.as_str()]).map(str::to_owned).collect();
    let library = library(&mut tx, &caller, bot, open, Which::Published).await?;
    tx.commit().await?;
    let flow = library.get(&entry).ok_or_else(nothing)?;
    let mut bot = simulated(flow, settings, library);
    if let Some(orchestration) = orchestration {
        bot = bot.among(entry, Arc::new(orchestration));
    }
    let steps = vec![Step { act: Act::Say(text), expect: Vec::new() }];
    let asked = Simulate { definition: None, contact, now, answers, steps };
    let step = play(&api, bot, id, asked)?.pop().unwrap_or_default();
    Ok(Json(json!({ "data": step })))
}

/// The bot that a row belongs to.
pub(super) fn bot_of(row: &Map<String, Value>) -> Result<BotId, ApiError> {
    let bot = row.get("bot_id").and_then(Value::as_str).and_then(|id| id.parse::<Uuid>().ok());
    bot.map(BotId::from).ok_or_else(|| ApiError::defect("a row without its bot"))
}

/// Plays a conversation; where no contact is named, this id stands for it.
fn play(api: &Api, bot: Bot, id: Uuid, asked: Simulate) -> Result<Vec<Value>, ApiError> {
    if asked.steps.len() > STEPS {
        return Err(ApiError::invalid("steps", format!("must have at most {STEPS} entries")));
    }
    let now = asked.now.unwrap_or_else(|| api.clock.now());
    let context =
        asked.contact.unwrap_or_else(|| Context { contact: Some(id.to_string()), ..Context::default() });
    let mut simulation = Simulation::new(bot, context, asked.answers, now);
    let mut steps = Vec::new();
    for (number, Step { act, expect }) in asked.steps.into_iter().enumerate() {
        let outcome = simulation.act(&act);
        let outcome =
            outcome.map_err(|error| ApiError::invalid(format!("steps[{number}]"), error.to_string()))?;
        steps.push(told(&act, &expect, &outcome));
    }
    Ok(steps)
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

/// The bot's texts, and what it does about intents.
async fn settings(tx: &mut Tx, caller: &Caller, id: BotId) -> Result<Settings, ApiError> {
    let known = botbuilder_bots::known(tx, &caller.scope, id).await?.ok_or(ApiError::NotFound)?;
    Ok(known.settings)
}

/// The bot as it would be with this draft, and the flows that it may come to.
fn simulated(flow: Arc<Flow>, settings: Settings, library: Library) -> Bot {
    // A draft is no version: the id stands for it.
    Bot::of(VersionId::new(Uuid::nil()), flow, settings).with_library(library)
}

/// Which versions of flows are played.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    Published,
    /// The draft of a flow that is not published.
    DraftsToo,
}

/// These flows, and those that they may come to call.
async fn library(
    tx: &mut Tx,
    caller: &Caller,
    id: BotId,
    mut open: Vec<String>,
    which: Which,
) -> Result<Library, ApiError> {
    let mut library = Library::default();
    let mut seen = Vec::new();
    while let Some(called) = open.pop() {
        if seen.contains(&called) || seen.len() >= CALLED {
            continue;
        }
        seen.push(called.clone());
        let Ok(flow_id) = called.parse::<FlowId>() else { continue };
        let found = match bot_flows::published(tx, &caller.scope, id, flow_id).await? {
            Some((version, definition)) => Flow::strict(&definition).ok().map(|flow| (version, flow)),
            None if which == Which::DraftsToo => {
                let place = Place { parent: Some(id.uuid()), id: flow_id.uuid() };
                let row = rows::get(tx, &caller.scope, &TABLE, place, None).await?;
                let draft =
                    row.as_ref().map(fields).transpose()?.and_then(|mut row| row.remove("draft_definition"));
                // A draft is no version: the flow's id stands for it.
                draft
                    .and_then(|draft| Flow::draft(&draft).0)
                    .map(|flow| (VersionId::new(flow_id.uuid()), flow))
            }
            None => None,
        };
        if let Some((version, flow)) = found {
            open.extend(flow.calls().map(str::to_owned));
            library.publish(called, version, Arc::new(flow));
        }
    }
    Ok(library)
}
