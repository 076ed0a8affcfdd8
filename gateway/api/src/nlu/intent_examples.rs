//! `/v1/intents/{intent_id}/examples`.

use axum::{Json, extract::State};
use botbuilder_nlu::text::text_key;
use botbuilder_store::{
    Tx,
    nlu::{
        intent_examples::{self, TABLE},
        intents,
    },
    table::rows::{self, Place},
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{
    Api,
    auth::Caller,
    error::{ApiError, FieldError},
    input::{Body, Id},
    permission::{Area, write},
    resource::{Answer, Mode, Resource, broken_rule, changes, check, created, of_row},
    routes::{DEFINITION_LIMIT, Operation, Routes},
};

const PATH: &str = "/v1/intents/{intent_id}/examples";
/// Most examples of one call.
const MOST: usize = 1_000;

/// The routes of this resource.
pub fn routes() -> Routes {
    let example = json!({
        "type": "object",
        "properties": {
            "text": { "type": "string", "maxLength": 1000 },
            "language": { "type": "string", "maxLength": 16 },
            "entities": { "type": "array" },
            "source": { "type": "string", "enum": ["manual", "import", "log", "generated", "voice"] },
        },
        "required": ["text"],
        "additionalProperties": false,
    });
    Resource::new(&TABLE, "example", Area::Nlu, PATH)
        .log()
        .updatable()
        .deletable()
        .prepared(keyed)
        .routes()
        .add(
            Operation::post(PATH, write(Area::Nlu), "makes a new example")
                .answers(201)
                .takes(example.clone())
                .gives(of_row(&TABLE)),
            create,
        )
        .add(
            Operation::post(
                format!("{PATH}/bulk"),
                write(Area::Nlu),
                "makes many examples; those that are there stay",
            )
            .takes(json!({
                "type": "object",
                "properties": { "examples": { "type": "array", "items": example, "maxItems": MOST } },
                "required": ["examples"],
                "additionalProperties": false,
            }))
            .gives(json!({ "type": "object" }))
            .up_to(DEFINITION_LIMIT),
            bulk,
        )
        .add(
            Operation::post(
                format!("{PATH}/{{id}}/move"),
                write(Area::Nlu),
                "moves an example to another intent of the bot",
            )
            .takes(json!({
                "type": "object",
                "properties": { "intent_id": { "type": "string", "format": "uuid" } },
                "required": ["intent_id"],
                "additionalProperties": false,
            }))
            .gives(of_row(&TABLE)),
            move_to,
        )
}

/// The same texts, whatever their case and spaces, have one key.
#[expect(clippy::unnecessary_wraps, reason = "the form that resources ask for")]
fn keyed(values: &mut Map<String, Value>, _: Mode) -> Result<(), ApiError> {
    if let Some(text) = values.get("text").and_then(Value::as_str) {
        values.insert("text_key".to_owned(), json!(text_key(text)));
        // What was computed of the old text is not true of the new one.
        values.insert("embedded_at".to_owned(), Value::Null);
    }
    Ok(())
}

/// The bot of an intent that is there.
async fn bot_of(tx: &mut Tx, caller: &Caller, intent: Uuid) -> Result<Value, ApiError> {
    let place = Place { parent: None, id: intent };
    let row = rows::get(tx, &caller.scope, &intents::TABLE, place, None).await?.ok_or(ApiError::NotFound)?;
    let fields: Value = serde_json::from_str(&row.json).map_err(ApiError::defect)?;
    Ok(fields["bot_id"].clone())
}

/// The whole row of a new example.
fn completed(
    mut values: Map<String, Value>,
    intent: Uuid,
    bot: &Value,
) -> Result<Map<String, Value>, ApiError> {
    check(&TABLE, &values, Mode::Create, &["intent_id", "bot_id", "text_key"])?;
    values.retain(|_, value| !value.is_null());
    keyed(&mut values, Mode::Create)?;
    values.insert("intent_id".to_owned(), json!(intent));
    values.insert("bot_id".to_owned(), bot.clone());
    Ok(values)
}

async fn create(
    State(api): State<Api>,
    caller: Caller,
    Id(intent): Id,
    Body(values): Body<Map<String, Value>>,
) -> Result<Answer, ApiError> {
    let mut tx = api.store.begin(&caller.scope).await?;
    let bot = bot_of(&mut tx, &caller, intent).await?;
    let values = completed(values, intent, &bot)?;
    let row = rows::insert(&mut tx, &caller.scope, &TABLE, api.ids.next(), values)
        .await
        .map_err(|error| broken_rule(&TABLE, error))?;
    intent_examples::counted(&mut tx, &caller.scope, intent).await?;
    changes::note(&api, &mut tx, &caller, &TABLE, "created", None, Some(&row)).await?;
    tx.commit().await?;
    Ok(created(row, &format!("/v1/intents/{intent}/examples")))
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Bulk {
    examples: Vec<Map<String, Value>>,
}

async fn bulk(
    State(api): State<Api>,
    caller: Caller,
    Id(intent): Id,
    Body(Bulk { examples }): Body<Bulk>,
) -> Result<Json<Value>, ApiError> {
    if examples.len() > MOST {
        return Err(ApiError::invalid("examples", format!("must have at most {MOST} entries")));
    }
    let mut tx = api.store.begin(&caller.scope).await?;
    let bot = bot_of(&mut tx, &caller, intent).await?;
    let (mut made, mut errors) = (Vec::new(), Vec::new());
    for (index, example) in examples.into_iter().enumerate() {
        match completed(example, intent, &bot) {
            Ok(values) => made.push(values),
            Err(ApiError::Invalid(faults)) => errors.extend(faults.into_iter().map(|fault| FieldError {
                field: format!("examples[{index}].{}", fault.field).into(),
                detail: fault.detail,
            })),
            Err(other) => return Err(other),
        }
    }
    if !errors.is_empty() {
        return Err(ApiError::Invalid(errors));
    }
    let asked = made.len();
    let new = intent_examples::insert_new(&mut tx, &caller.scope, made).await?;
    intent_examples::counted(&mut tx, &caller.scope, intent).await?;
    tx.commit().await?;
    let there = u64::try_from(asked).unwrap_or(u64::MAX).saturating_sub(new);
    Ok(Json(json!({ "data": { "created": new, "already_there": there } })))
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Move {
    intent_id: Uuid,
}

async fn move_to(
    State(api): State<Api>,
    caller: Caller,
    Id((intent, id)): Id<(Uuid, Uuid)>,
    Body(Move { intent_id }): Body<Move>,
) -> Result<Answer, ApiError> {
    let place = Place { parent: Some(intent), id };
    let mut tx = api.store.begin(&caller.scope).await?;
    let before = rows::lock(&mut tx, &caller.scope, &TABLE, place).await?.ok_or(ApiError::NotFound)?;
    let bot = bot_of(&mut tx, &caller, intent).await?;
    let there = bot_of(&mut tx, &caller, intent_id).await.ok();
    if there != Some(bot) {
        return Err(ApiError::invalid("intent_id", "must be an intent of the same bot"));
    }
    let change = Map::from_iter([("intent_id".to_owned(), json!(intent_id))]);
    let row = rows::update(&mut tx, &caller.scope, &TABLE, place, change)
        .await
        .map_err(|error| broken_rule(&TABLE, error))?
        .ok_or(ApiError::NotFound)?;
    for intent in [intent, intent_id] {
        intent_examples::counted(&mut tx, &caller.scope, intent).await?;
    }
    changes::note(&api, &mut tx, &caller, &TABLE, "moved", Some(&before), Some(&row)).await?;
    tx.commit().await?;
    Ok(crate::resource::answer(row))
}
