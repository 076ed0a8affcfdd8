//! A bot as one document: what people wrote, and nothing that belongs to one installation. Ids in it are keys of the
//! document alone; a bot that is made of it gets ids of its own.

use std::collections::HashMap;

use botbuilder_store::{
    OrgScope, Tx,
    bots::{bot_flows, bot_messages, bots, flow_orchestrations, flow_transitions, flow_variables},
    nlu::{entities, entity_values, intent_examples, intents},
    table::{
        Kind, Table, Write,
        rows::{self, Condition, Place, Query, Row, Test},
    },
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{
    Api,
    auth::Caller,
    billing::limits,
    error::{ApiError, FieldError},
    permission::Area,
    resource::{Mode, broken_rule, check},
};

/// What the document calls itself.
const FORMAT: &str = "botbuilder.bot";
/// Its version.
const VERSION: u64 = 1;
/// Fields of a bot that belong to where it runs.
const LOCAL: [&str; 2] = ["webhook_url", "webhook_events"];

/// A part of the document: the rows of a table that name one of the rows before.
struct Part {
    /// Its name in the document.
    name: &'static str,
    area: Area,
    table: &'static Table,
    /// The columns by which its rows hang below a bot or a row of an earlier part.
    above: &'static [&'static str],
    /// Columns that the platform sets otherwise, and that belong to what is carried over.
    carried: &'static [&'static str],
}

/// In the order in which they are made.
static PARTS: &[Part] = &[
    Part { name: "messages", area: Area::Bot, table: &bot_messages::TABLE, above: &["bot_id"], carried: &[] },
    Part {
        name: "flows",
        area: Area::Flow,
        table: &bot_flows::TABLE,
        above: &["bot_id"],
        carried: &["is_default"],
    },
    Part { name: "entities", area: Area::Nlu, table: &entities::TABLE, above: &["bot_id"], carried: &[] },
    Part {
        name: "entity_values",
        area: Area::Nlu,
        table: &entity_values::TABLE,
        above: &["entity_id"],
        carried: &[],
    },
    Part { name: "intents", area: Area::Nlu, table: &intents::TABLE, above: &["bot_id"], carried: &[] },
    Part {
        name: "examples",
        area: Area::Nlu,
        table: &intent_examples::TABLE,
        above: &["intent_id"],
        carried: &["text_key", "bot_id"],
    },
    Part {
        name: "orchestrations",
        area: Area::Flow,
        table: &flow_orchestrations::TABLE,
        above: &["bot_id"],
        carried: &[],
    },
    Part {
        name: "transitions",
        area: Area::Flow,
        table: &flow_transitions::TABLE,
        above: &["orchestration_id"],
        carried: &[],
    },
    Part {
        name: "variables",
        area: Area::Flow,
        table: &flow_variables::TABLE,
        above: &["flow_id", "orchestration_id"],
        carried: &[],
    },
];

/// The areas whose things are in a document beside the bot. Whoever takes them out reads them, whoever makes a bot of one
/// writes them.
pub fn areas() -> impl Iterator<Item = Area> {
    PARTS.iter().map(|part| part.area)
}

/// Most rows of one part.
const MOST: i64 = 100_000;

impl Part {
    /// Whether a column belongs to what is carried over.
    fn carries(&self, name: &str) -> bool {
        let written = self.table.column(name).is_some_and(|column| column.write != Write::Never);
        written || self.above.contains(&name) || self.carried.contains(&name)
    }

    /// The rows that hang below what is there already, with their ids.
    async fn export(&self, tx: &mut Tx, scope: &OrgScope, known: &[String]) -> Result<Vec<Value>, ApiError> {
        let mut found = Vec::new();
        for above in self.above {
            let Some(column) = self.table.column(above) else { continue };
            let conditions = vec![Condition { column, test: Test::Among(known.to_vec()) }];
            let query = Query { conditions, fetch: MOST, ..Query::default() };
            for row in rows::list(tx, scope, self.table, &query).await? {
                let fields: Map<String, Value> = serde_json::from_str(&row.json).map_err(ApiError::defect)?;
                let kept = fields
                    .into_iter()
                    .filter(|(name, value)| (name == "id" || self.carries(name)) && !value.is_null());
                found.push(Value::Object(kept.collect()));
            }
        }
        Ok(found)
    }
}

/// The document of a bot. None where there is no such bot.
pub async fn export(tx: &mut Tx, scope: &OrgScope, id: Uuid) -> Result<Option<Map<String, Value>>, ApiError> {
    let Some(bot) = rows::get(tx, scope, &bots::TABLE, Place { parent: None, id }, None).await? else {
        return Ok(None);
    };
    let fields: Map<String, Value> = serde_json::from_str(&bot.json).map_err(ApiError::defect)?;
    let written = |name: &str| bots::TABLE.column(name).is_some_and(|column| column.write != Write::Never);
    let fields: Map<String, Value> = fields
        .into_iter()
        .filter(|(name, value)| {
            name == "id" || (written(name) && !LOCAL.contains(&name.as_str()) && !value.is_null())
        })
        .collect();
    let mut known = vec![id.to_string()];
    let mut document = Map::new();
    document.insert("format".to_owned(), json!(FORMAT));
    document.insert("version".to_owned(), json!(VERSION));
    document.insert("bot".to_owned(), Value::Object(fields));
    for part in PARTS {
        let rows = part.export(tx, scope, &known).await?;
        known.extend(rows.iter().filter_map(|row| row.get("id")?.as_str().map(str::to_owned)));
        document.insert(part.name.to_owned(), Value::Array(rows));
    }
    Ok(Some(document))
}

/// Makes a bot of a document, a draft with draft flows. `named` replaces fields of the bot.
pub async fn import(
    api: &Api,
    tx: &mut Tx,
    caller: &Caller,
    document: &Map<String, Value>,
    named: Option<&Map<String, Value>>,
) -> Result<Row, ApiError> {
    let (bot, parts) = read(document)?;
    let mut ids: HashMap<String, Uuid> = HashMap::new();
    let all = std::iter::once(bot).chain(parts.iter().flat_map(|(_, rows)| rows.iter().copied()));
    for row in all {
        if let Some(id) = row.get("id").and_then(Value::as_str) {
            ids.insert(id.to_owned(), api.ids.next());
        }
    }
    let mut values = bot.clone();
    values.extend(named.cloned().unwrap_or_default());
    values.retain(|name, _| !LOCAL.contains(&name.as_str()));
    let bot = make(api, tx, caller, &bots::TABLE, "bot", values, &ids, &[]).await?;
    for (part, rows) in parts {
        for (index, row) in rows.into_iter().enumerate() {
            let place = format!("{}[{index}]", part.name);
            let values =
                row.iter().filter(|(name, _)| *name == "id" || part.carries(name) || !is_shown(part, name));
            let values = values.map(|(name, value)| (name.clone(), value.clone())).collect();
            let given: Vec<&str> = part.above.iter().chain(part.carried).copied().collect();
            make(api, tx, caller, part.table, &place, values, &ids, &given).await?;
        }
    }
    Ok(bot)
}

/// Whether the platform sets a column, so that a document may hold it and it does not count.
fn is_shown(part: &Part, name: &str) -> bool {
    part.table.column(name).is_some()
}

type Parts<'a> = Vec<(&'static Part, Vec<&'a Map<String, Value>>)>;

/// Checks the frame of the document: its format, its parts, and that parts are lists of objects.
fn read(document: &Map<String, Value>) -> Result<(&Map<String, Value>, Parts<'_>), ApiError> {
    let names = ["format", "version", "bot"].into_iter().chain(PARTS.iter().map(|part| part.name));
    let names: Vec<&str> = names.collect();
    if let Some(other) = document.keys().find(|key| !names.contains(&key.as_str())) {
        return Err(ApiError::invalid(other.clone(), crate::input::unknown(other, names)));
    }
    if document.get("format").and_then(Value::as_str) != Some(FORMAT) {
        return Err(ApiError::invalid("format", format!("must be {FORMAT}")));
    }
    if document.get("version").and_then(Value::as_u64) != Some(VERSION) {
        return Err(ApiError::invalid("version", format!("must be {VERSION}")));
    }
    let bot = document.get("bot").and_then(Value::as_object);
    let bot = bot.ok_or_else(|| ApiError::invalid("bot", "must be an object"))?;
    let mut parts = Vec::new();
    for part in PARTS {
        let rows = match document.get(part.name) {
            None => Vec::new(),
            Some(Value::Array(rows)) => rows.iter().filter_map(Value::as_object).collect(),
            Some(_) => return Err(ApiError::invalid(part.name, "must be a list")),
        };
        let length = document.get(part.name).and_then(Value::as_array).map_or(0, Vec::len);
        if rows.len() != length {
            return Err(ApiError::invalid(part.name, "must be a list of objects"));
        }
        parts.push((part, rows));
    }
    Ok((bot, parts))
}

/// Makes one row of the document, with the new ids in place of the document's keys.
#[expect(clippy::too_many_arguments, reason = "a step of the import, called twice")]
async fn make(
    api: &Api,
    tx: &mut Tx,
    caller: &Caller,
    table: &'static Table,
    place: &str,
    mut values: Map<String, Value>,
    ids: &HashMap<String, Uuid>,
    given: &[&str],
) -> Result<Row, ApiError> {
    let id = values.remove("id").and_then(|id| ids.get(id.as_str()?).copied());
    let id = id.unwrap_or_else(|| api.ids.next());
    for (name, value) in &mut values {
        // What is not part of the document is not there where it is read.
        let is_reference = table.column(name).is_some_and(|column| column.kind == Kind::Uuid);
        if is_reference && value.as_str().is_some_and(|text| !ids.contains_key(text)) {
            *value = Value::Null;
        }
        renamed(value, ids);
    }
    values.retain(|_, value| !value.is_null());
    let own: Map<String, Value> = values
        .iter()
        .filter(|(name, _)| !given.contains(&name.as_str()))
        .map(|(n, v)| (n.clone(), v.clone()))
        .collect();
    check(table, &own, Mode::Create, given).map_err(|error| within(place, error))?;
    if let Some(user) = caller.user().filter(|_| table.has("created_by")) {
        values.insert("created_by".to_owned(), json!(user));
    }
    limits::room_for(tx, &caller.scope, table).await.map_err(|error| within(place, error))?;
    rows::insert(tx, &caller.scope, table, id, values)
        .await
        .map_err(|error| within(place, broken_rule(table, error)))
}

/// Puts the new ids in place of the keys, at any depth.
fn renamed(value: &mut Value, ids: &HashMap<String, Uuid>) {
    match value {
        Value::String(text) => {
            if let Some(id) = ids.get(text.as_str()) {
                *text = id.to_string();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| renamed(item, ids)),
        Value::Object(fields) => fields.values_mut().for_each(|field| renamed(field, ids)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// An error with the place in the document before its fields.
fn within(place: &str, error: ApiError) -> ApiError {
    let under = |field: &str| format!("{place}.{field}");
    match error {
        ApiError::Invalid(errors) => ApiError::Invalid(
            errors
                .into_iter()
                .map(|error| FieldError { field: under(&error.field).into(), detail: error.detail })
                .collect(),
        ),
        ApiError::Refused(mut refusal) => {
            refusal.field = refusal.field.map(|field| under(&field).into());
            ApiError::Refused(refusal)
        }
        other => other,
    }
}
