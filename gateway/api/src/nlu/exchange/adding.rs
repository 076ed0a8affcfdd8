//! Writes a corpus into a bot, beside what is there.

use std::collections::HashMap;

use botbuilder_nlu::{
    Corpus,
    corpus::{Entity, EntityKind},
    entities::Extractor,
    exchange::Note,
    text::{Language, text_key},
};
use botbuilder_store::{
    Tx,
    nlu::{entities, entity_values, intent_examples, intents},
    table::rows,
};
use botbuilder_understanding::Taught;
use serde::Serialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::super::nlu_logs::fallback;
use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    resource::{act::set, broken_rule, changes},
};

/// Examples of one statement.
const BATCH: usize = 1_000;
/// The longest value and the longest pattern, in letters.
const VALUE: usize = 200;
const PATTERN: usize = 500;

/// How much an import adds.
#[derive(Debug, Default, Serialize)]
pub(super) struct Added {
    intents: usize,
    examples: u64,
    entities: usize,
    values: u64,
    out_of_scope: u64,
}

/// Adds what is not there yet. Notes say what was left out.
pub(super) async fn add(
    api: &Api,
    tx: &mut Tx,
    caller: &Caller,
    bot: Uuid,
    corpus: Corpus,
    there: &Taught,
    notes: &mut Vec<Note>,
) -> Result<Added, ApiError> {
    let mut added = Added::default();
    let language = there.corpus.language.clone();
    for entity in corpus.entities {
        entity_of(api, tx, caller, bot, entity, there, &mut added, notes).await?;
    }
    for intent in corpus.intents {
        let id = if let Some(id) = there.intents.get(&intent.name) {
            *id
        } else {
            added.intents += 1;
            made_intent(api, tx, caller, bot, &intent.name, intent.accept_score).await?
        };
        let examples: Vec<Map<String, Value>> = intent
            .examples
            .iter()
            .map(|example| {
                let language = example.language.as_ref().unwrap_or(&language);
                row(id, bot, &example.text, language, &json!(example.entities))
            })
            .collect();
        added.examples += insert(tx, caller, id, examples).await?;
    }
    if !corpus.out_of_scope.is_empty() {
        let id = fallback(api, tx, caller, bot).await?;
        let examples =
            corpus.out_of_scope.iter().map(|text| row(id, bot, text, &language, &json!([]))).collect();
        added.out_of_scope += insert(tx, caller, id, examples).await?;
    }
    Ok(added)
}

async fn made_intent(
    api: &Api,
    tx: &mut Tx,
    caller: &Caller,
    bot: Uuid,
    name: &str,
    accept_score: Option<f32>,
) -> Result<Uuid, ApiError> {
    let values = set([
        ("bot_id", json!(bot)),
        ("name", json!(name)),
        ("accept_score", json!(accept_score)),
        ("created_by", json!(caller.user())),
    ]);
    let table = &intents::TABLE;
    let row = rows::insert(tx, &caller.scope, table, api.ids.next(), values)
        .await
        .map_err(|error| broken_rule(table, error))?;
    changes::note(api, tx, caller, table, "imported", None, Some(&row)).await?;
    Ok(row.id)
}

/// A new example. Texts without anything visible are left out by the import already.
fn row(intent: Uuid, bot: Uuid, text: &str, language: &Language, entities: &Value) -> Map<String, Value> {
    set([
        ("intent_id", json!(intent)),
        ("bot_id", json!(bot)),
        ("text", json!(text)),
        ("text_key", json!(text_key(text))),
        ("language", json!(language.as_str())),
        ("source", json!("import")),
        ("entities", entities.clone()),
    ])
}

async fn insert(
    tx: &mut Tx,
    caller: &Caller,
    intent: Uuid,
    mut examples: Vec<Map<String, Value>>,
) -> Result<u64, ApiError> {
    let mut new = 0;
    while !examples.is_empty() {
        let rest = examples.split_off(examples.len().min(BATCH));
        new += intent_examples::insert_new(tx, &caller.scope, examples).await?;
        examples = rest;
    }
    intent_examples::counted(tx, &caller.scope, intent).await?;
    Ok(new)
}

#[expect(clippy::too_many_arguments, reason = "a step of the import, called once")]
async fn entity_of(
    api: &Api,
    tx: &mut Tx,
    caller: &Caller,
    bot: Uuid,
    entity: Entity,
    there: &Taught,
    added: &mut Added,
    notes: &mut Vec<Note>,
) -> Result<(), ApiError> {
    let name = entity.name.clone();
    let mut note = |message: String| notes.push(Note { place: name.clone(), message });
    if let Err(error) = Extractor::new(std::slice::from_ref(&entity)) {
        note(format!("it is left out: {error}"));
        return Ok(());
    }
    let (kind, system, pattern, fuzzy, values) = match entity.kind {
        EntityKind::List { values, fuzzy } => ("list", Value::Null, None, fuzzy, values),
        EntityKind::Pattern { pattern } => ("pattern", Value::Null, Some(pattern), false, Vec::new()),
        EntityKind::System { system } => ("system", json!(system), None, false, Vec::new()),
        EntityKind::FreeText => ("free_text", Value::Null, None, false, Vec::new()),
    };
    if pattern.as_ref().is_some_and(|pattern| pattern.chars().count() > PATTERN) {
        note(format!("it is left out: its pattern has more than {PATTERN} letters"));
        return Ok(());
    }
    let id = match there.entities.get(&entity.name) {
        Some((id, known)) if known == kind => *id,
        Some((_, known)) => {
            note(format!("it is left out: there is one of kind {known}"));
            return Ok(());
        }
        None => {
            let fields = set([
                ("bot_id", json!(bot)),
                ("name", json!(entity.name)),
                ("kind", json!(kind)),
                ("system_type", system),
                ("pattern", json!(pattern)),
                ("fuzzy_match", json!(fuzzy)),
                ("is_sensitive", json!(entity.sensitive)),
                ("created_by", json!(caller.user())),
            ]);
            let table = &entities::TABLE;
            let row = rows::insert(tx, &caller.scope, table, api.ids.next(), fields)
                .await
                .map_err(|error| broken_rule(table, error))?;
            changes::note(api, tx, caller, table, "imported", None, Some(&row)).await?;
            added.entities += 1;
            row.id
        }
    };
    let all = values.len();
    let language = there.corpus.language.as_str();
    let mut new: HashMap<String, Value> = HashMap::new();
    for value in values {
        if value.value.trim().is_empty() || value.value.chars().count() > VALUE {
            continue;
        }
        let fields = json!({
            "entity_id": id, "value": value.value, "synonyms": value.synonyms, "language": language,
        });
        new.entry(value.value.to_lowercase()).or_insert(fields);
    }
    if new.len() < all {
        note(format!("{} values are left out: empty, repeated, or over {VALUE} letters", all - new.len()));
    }
    let new: Vec<Value> = new.into_values().collect();
    added.values += entity_values::insert_new(tx, &caller.scope, &new).await?;
    Ok(())
}
