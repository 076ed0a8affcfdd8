//! `/v1/bots/{bot_id}/nlu/logs`: what the recogniser decided, and what people say of it. The review queue is what was
//! not taken and nobody looked at: `?filter[matched]=false&filter[review_state]=none`.

use axum::extract::State;
use botbuilder_domain::BotId;
use botbuilder_nlu::text::text_key;
use botbuilder_store::{
    Tx,
    nlu::{intent_examples, intents, nlu_logs::TABLE, taught},
    table::rows::{self, Place},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::conflicts::of_bot;
use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    input::{Body, Id},
    permission::{Area, write},
    resource::{
        Answer, Resource, Transition,
        act::{fields, set},
        answer, broken_rule, changes, of_row,
    },
    routes::{Operation, Routes},
    shape,
};

const PATH: &str = "/v1/bots/{bot_id}/nlu/logs";
/// The longest example, in letters.
const LONGEST: usize = 1_000;
/// What the fallback intent is called where labelling makes it.
const FALLBACK: &str = "out_of_scope";

/// The routes of this resource.
pub fn routes() -> Routes {
    let dismiss =
        Transition { column: "review_state", ..Transition::new("dismiss", &["none", "queued"], "dismissed") };
    Resource::new(&TABLE, "recognition", Area::Nlu, PATH).log().moving(dismiss).routes().add(
        Operation::post(
            format!("{PATH}/{{id}}/label"),
            write(Area::Nlu),
            "says what the text means: it becomes an example of that intent, or of what the bot is not for",
        )
        .takes(shape::object(&[("intent_id", "uuid?"), ("out_of_scope", "boolean?"), ("text", "string?")]))
        .gives(of_row(&TABLE)),
        label,
    )
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Label {
    intent_id: Option<Uuid>,
    #[serde(default)]
    out_of_scope: bool,
    /// What the example says, where that is not the text as it was noted.
    text: Option<String>,
}

async fn label(
    State(api): State<Api>,
    caller: Caller,
    Id((bot, id)): Id<(Uuid, Uuid)>,
    Body(Label { intent_id, out_of_scope, text }): Body<Label>,
) -> Result<Answer, ApiError> {
    if intent_id.is_some() == out_of_scope {
        return Err(ApiError::invalid("intent_id", "must be there, or else `out_of_scope` must be true"));
    }
    let mut tx = api.store.begin(&caller.scope).await?;
    let intent = match intent_id {
        Some(intent) => {
            of_bot(&mut tx, &caller, bot, "intent_id", intent).await?;
            intent
        }
        None => fallback(&api, &mut tx, &caller, bot).await?,
    };
    let row = teach(&api, &mut tx, &caller, Place { parent: Some(bot), id }, intent, text).await?;
    tx.commit().await?;
    Ok(answer(row))
}

/// Makes a noted text, or what somebody wrote in its stead, an example of an intent of the bot.
pub(super) async fn teach(
    api: &Api,
    tx: &mut Tx,
    caller: &Caller,
    place: Place,
    intent: Uuid,
    text: Option<String>,
) -> Result<rows::Row, ApiError> {
    let before = rows::lock(tx, &caller.scope, &TABLE, place).await?.ok_or(ApiError::NotFound)?;
    let noted = fields(&before)?;
    let word = |name: &str| noted.get(name).and_then(Value::as_str).unwrap_or_default();
    if word("review_state") == "labelled" {
        let refused = ApiError::conflict("wrong_state", "it is labelled already; move the example instead");
        return Err(refused.with(json!({ "state": "labelled" })));
    }
    let text = text.unwrap_or_else(|| word("text").to_owned());
    if text.trim().is_empty() || text.chars().count() > LONGEST {
        return Err(ApiError::invalid("text", format!("must have 1 to {LONGEST} characters")));
    }
    let language = Some(word("language")).filter(|language| !language.is_empty()).unwrap_or("en");
    let example = set([
        ("intent_id", json!(intent)),
        ("bot_id", json!(place.parent)),
        ("text_key", json!(text_key(&text))),
        ("text", json!(text)),
        ("language", json!(language)),
        ("source", json!("log")),
    ]);
    intent_examples::insert_new(tx, &caller.scope, vec![example]).await?;
    intent_examples::counted(tx, &caller.scope, intent).await?;
    let change = set([
        ("review_state", json!("labelled")),
        ("labelled_intent_id", json!(intent)),
        ("labelled_by", json!(caller.user())),
        ("labelled_at", json!(api.clock.now())),
    ]);
    let row = rows::update(tx, &caller.scope, &TABLE, place, change)
        .await
        .map_err(|error| broken_rule(&TABLE, error))?
        .ok_or(ApiError::NotFound)?;
    changes::note(api, tx, caller, &TABLE, "labelled", Some(&before), Some(&row)).await?;
    Ok(row)
}

/// The intent that stands for whatever fits no other, made if the bot has none.
pub(super) async fn fallback(api: &Api, tx: &mut Tx, caller: &Caller, bot: Uuid) -> Result<Uuid, ApiError> {
    let there = taught::intents(tx, &caller.scope, BotId::new(bot)).await?;
    if let Some(intent) = there.iter().find(|intent| intent.is_fallback) {
        return Ok(intent.id);
    }
    let values: Map<String, Value> = set([
        ("bot_id", json!(bot)),
        ("name", json!(FALLBACK)),
        ("is_fallback", json!(true)),
        ("created_by", json!(caller.user())),
    ]);
    let row = rows::insert(tx, &caller.scope, &intents::TABLE, api.ids.next(), values)
        .await
        .map_err(|error| broken_rule(&intents::TABLE, error))?;
    changes::note(api, tx, caller, &intents::TABLE, "created", None, Some(&row)).await?;
    Ok(row.id)
}
