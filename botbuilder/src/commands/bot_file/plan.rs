//! What has to be done so that a bot becomes what a file says: pure, from two documents to steps. Rows are the same if
//! they have the same name, and language where the file says one, below the same row. What the file does not say stays
//! as it is; null clears. Ids in a document are keys of that document alone.

use std::collections::{HashMap, HashSet};

use anyhow::{Context as _, bail};
use serde_json::{Map, Value};

/// A part of the document.
struct Part {
    name: &'static str,
    /// The columns that name the row above, other than the bot.
    above: &'static [&'static str],
    /// The columns that together are its name.
    key: &'static [&'static str],
    /// The addresses of its collection; `{}` is the row above, or the bot. One for each column in `above`.
    collections: &'static [&'static str],
    /// Columns that are set in other ways.
    own: &'static [&'static str],
}

/// In the order in which rows are made: what is referred to comes first.
static PARTS: &[Part] = &[
    Part {
        name: "messages",
        above: &[],
        key: &["kind", "name"],
        collections: &["/v1/bots/{}/messages"],
        own: &["bot_id"],
    },
    Part {
        name: "flows",
        above: &[],
        key: &["name"],
        collections: &["/v1/bots/{}/flows"],
        own: &["bot_id", "is_default"],
    },
    Part {
        name: "entities",
        above: &[],
        key: &["name"],
        collections: &["/v1/bots/{}/entities"],
        own: &["bot_id"],
    },
    Part {
        name: "entity_values",
        above: &["entity_id"],
        key: &["value"],
        collections: &["/v1/entities/{}/values"],
        own: &["entity_id"],
    },
    Part {
        name: "intents",
        above: &[],
        key: &["name"],
        collections: &["/v1/bots/{}/intents"],
        own: &["bot_id"],
    },
    Part {
        name: "examples",
        above: &["intent_id"],
        key: &["text"],
        collections: &["/v1/intents/{}/examples"],
        own: &["intent_id", "bot_id", "text_key"],
    },
    Part {
        name: "orchestrations",
        above: &[],
        key: &["name"],
        collections: &["/v1/orchestrations"],
        own: &["bot_id"],
    },
    Part {
        name: "transitions",
        above: &["orchestration_id"],
        key: &["from_flow_id", "to_flow_id", "trigger_type", "label"],
        collections: &["/v1/orchestrations/{}/transitions"],
        own: &["orchestration_id"],
    },
    Part {
        name: "variables",
        above: &["flow_id", "orchestration_id"],
        key: &["name"],
        collections: &["/v1/flows/{}/variables", "/v1/orchestrations/{}/variables"],
        own: &["flow_id", "orchestration_id"],
    },
];

/// What a step does.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// Makes a row of these fields.
    Create(Map<String, Value>),
    /// Changes these fields of a row.
    Change {
        /// The row.
        id: String,
        /// The fields as they shall be.
        fields: Map<String, Value>,
    },
    /// Deletes a row.
    Delete {
        /// The row.
        id: String,
    },
}

/// A step.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The part, `bot` for the bot itself.
    pub part: &'static str,
    /// What the row is called.
    pub name: String,
    /// The file's key of the row.
    pub key: String,
    /// The column that names the row above and that row's key, where there is one.
    above: Option<(&'static str, String)>,
    /// What is done.
    pub what: What,
}

/// Steps, in order, and what the file's keys are called in the bot, as far as it is known by now.
#[derive(Debug)]
pub struct Steps {
    /// The steps.
    pub steps: Vec<Step>,
    ids: HashMap<String, String>,
}

impl Steps {
    /// A row was made for a key of the file.
    pub fn learn(&mut self, key: &str, id: &str) {
        self.ids.insert(key.to_owned(), id.to_owned());
    }

    /// A value with ids of the bot in place of the file's keys, at any depth.
    pub fn renamed(&self, mut value: Value) -> Value {
        rename(&mut value, &self.ids);
        value
    }

    /// The address of the collection that a step is about; of the bot itself for the bot.
    pub fn collection(&self, bot: &str, step: &Step) -> anyhow::Result<String> {
        let Some(part) = PARTS.iter().find(|part| part.name == step.part) else {
            return Ok(format!("/v1/bots/{bot}"));
        };
        let (index, above) = match &step.above {
            None => (0, bot),
            Some((column, key)) => {
                let index = part.above.iter().position(|known| known == column).unwrap_or_default();
                (index, self.ids.get(key).map_or(key.as_str(), String::as_str))
            }
        };
        let pattern = part.collections.get(index).context("a row without an address")?;
        Ok(pattern.replace("{}", above))
    }
}

fn rename(value: &mut Value, ids: &HashMap<String, String>) {
    match value {
        Value::String(text) => {
            if let Some(id) = ids.get(text.as_str()) {
                id.clone_into(text);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rename(item, ids)),
        Value::Object(fields) => fields.values_mut().for_each(|field| rename(field, ids)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn rows<'d>(document: &'d Value, part: &str) -> impl Iterator<Item = &'d Map<String, Value>> {
    document.get(part).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object)
}

fn text<'r>(row: &'r Map<String, Value>, column: &str) -> &'r str {
    row.get(column).and_then(Value::as_str).unwrap_or_default()
}

/// The steps from what is there to what is wanted. Without `prune` nothing is deleted.
pub fn steps(wanted: &Value, there: &Value, prune: bool) -> anyhow::Result<Steps> {
    let mut found = Steps { steps: Vec::new(), ids: HashMap::new() };
    let (Some(want), Some(have)) =
        (wanted.get("bot").and_then(Value::as_object), there.get("bot").and_then(Value::as_object))
    else {
        bail!("a document without a bot");
    };
    found.learn(text(want, "id"), text(have, "id"));
    // First which rows are the same, for all parts: rows refer to each other in both directions.
    let mut same: HashMap<&str, &Map<String, Value>> = HashMap::new();
    let mut kept: HashSet<&str> = HashSet::new();
    for part in PARTS {
        let mut by_name: HashMap<Vec<String>, Vec<&Map<String, Value>>> = HashMap::new();
        for row in rows(there, part.name) {
            by_name.entry(name_of(part, row, &HashMap::new())).or_default().push(row);
        }
        for row in rows(wanted, part.name) {
            let twins = by_name.get_mut(&name_of(part, row, &found.ids));
            let language = text(row, "language");
            let speaks =
                |twin: &&Map<String, Value>| language.is_empty() || text(twin, "language") == language;
            let twin = twins.and_then(|twins| Some(twins.remove(twins.iter().position(speaks)?)));
            if let Some(twin) = twin {
                found.learn(text(row, "id"), text(twin, "id"));
                same.insert(text(row, "id"), twin);
                kept.insert(text(twin, "id"));
            }
        }
    }
    let slug = ["slug"];
    let changed = changes(want, have, &slug, &found.ids);
    if !changed.is_empty() {
        let what = What::Change { id: text(have, "id").to_owned(), fields: changed };
        found.steps.push(Step {
            part: "bot",
            name: text(want, "name").to_owned(),
            key: text(want, "id").to_owned(),
            above: None,
            what,
        });
    }
    for part in PARTS {
        for row in rows(wanted, part.name) {
            let what = match same.get(text(row, "id")) {
                None => What::Create(own(part, row)),
                Some(twin) => {
                    let fields = changes(row, twin, part.own, &found.ids);
                    if fields.is_empty() {
                        continue;
                    }
                    What::Change { id: text(twin, "id").to_owned(), fields }
                }
            };
            found.steps.push(step(part, row, what));
        }
    }
    if prune {
        for part in PARTS.iter().rev() {
            for row in rows(there, part.name).filter(|row| !kept.contains(text(row, "id"))) {
                // What hangs below something that goes, goes with it.
                let above = part.above.iter().map(|column| text(row, column));
                if above.filter(|above| !above.is_empty()).any(|above| !kept.contains(above)) {
                    continue;
                }
                found.steps.push(step(part, row, What::Delete { id: text(row, "id").to_owned() }));
            }
        }
    }
    Ok(found)
}

fn step(part: &'static Part, row: &Map<String, Value>, what: What) -> Step {
    let above = part.above.iter().find(|column| row.contains_key(**column));
    let name = part.key.iter().map(|column| text(row, column)).filter(|text| !text.is_empty());
    Step {
        part: part.name,
        name: name.collect::<Vec<_>>().join(" "),
        key: text(row, "id").to_owned(),
        above: above.map(|column| (*column, text(row, column).to_owned())),
        what,
    }
}

/// What makes a row the same: its name below the row above, in the bot's ids.
fn name_of(part: &Part, row: &Map<String, Value>, ids: &HashMap<String, String>) -> Vec<String> {
    let columns = part.above.iter().chain(part.key);
    let name = columns.map(|column| text(row, column)).map(|text| ids.get(text).map_or(text, String::as_str));
    name.map(str::to_owned).collect()
}

/// The fields that are given when a row is made.
fn own(part: &Part, row: &Map<String, Value>) -> Map<String, Value> {
    let given = row.iter().filter(|(name, _)| *name != "id" && !part.own.contains(&name.as_str()));
    given.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// The fields of a row that differ, as they shall be.
fn changes(
    want: &Map<String, Value>,
    have: &Map<String, Value>,
    without: &[&str],
    ids: &HashMap<String, String>,
) -> Map<String, Value> {
    let counts = |name: &str| name != "id" && !without.contains(&name);
    let mut changed = Map::new();
    for (name, wanted) in want.iter().filter(|(name, _)| counts(name)) {
        let mut wanted = wanted.clone();
        rename(&mut wanted, ids);
        if have.get(name).unwrap_or(&Value::Null) != &wanted {
            changed.insert(name.clone(), wanted);
        }
    }
    changed
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn bot(flows: &Value, intents: &Value) -> Value {
        json!({ "format": "botbuilder.bot", "version": 1, "bot": { "id": "b", "name": "Shop", "slug": "shop" },
                "flows": flows, "intents": intents })
    }

    fn said(steps: &Steps) -> Vec<String> {
        let word = |step: &Step| match &step.what {
            What::Create(_) => format!("+{} {}", step.part, step.name),
            What::Change { fields, .. } => {
                format!("~{} {} {:?}", step.part, step.name, fields.keys().collect::<Vec<_>>())
            }
            What::Delete { id } => format!("-{} {id}", step.part),
        };
        steps.steps.iter().map(word).collect()
    }

    #[test]
    fn the_same_bot_with_other_ids_needs_no_step() {
        let file = bot(&json!([{ "id": "f1", "name": "main", "definition": { "next": "f1" } }]), &json!([]));
        let there = bot(&json!([{ "id": "F", "name": "main", "definition": { "next": "F" } }]), &json!([]));
        assert!(steps(&file, &there, true).unwrap().steps.is_empty());
    }

    #[test]
    fn what_differs_is_changed_what_is_missing_made_and_what_is_too_much_deleted_if_asked() {
        let file = bot(
            &json!([{ "id": "f1", "name": "main", "definition": 2 }, { "id": "f2", "name": "new" }]),
            &json!([{ "id": "i1", "name": "greet", "target_flow_id": "f2" }]),
        );
        let there = bot(
            &json!([{ "id": "F", "name": "main", "definition": 1, "description": "old" }]),
            &json!([{ "id": "I", "name": "greet" }, { "id": "J", "name": "part" }]),
        );
        let plan = steps(&file, &there, false).unwrap();
        let mut expected =
            vec!["~flows main [\"definition\"]", "+flows new", "~intents greet [\"target_flow_id\"]"];
        assert_eq!(said(&plan), expected);
        expected.push("-intents J");
        let mut plan = steps(&file, &there, true).unwrap();
        assert_eq!(said(&plan), expected);
        // What is made gets its id from the bot, and what refers to it follows.
        plan.learn("f2", "NEW");
        assert_eq!(plan.renamed(json!({ "target_flow_id": "f2" })), json!({ "target_flow_id": "NEW" }));
    }

    #[test]
    fn rows_below_others_are_named_within_them_and_go_with_them() {
        let example =
            |id: &str, intent: &str, text: &str| json!({ "id": id, "intent_id": intent, "text": text });
        let mut file = bot(&json!([]), &json!([{ "id": "i", "name": "greet" }]));
        file["examples"] = json!([example("e1", "i", "hello"), example("e2", "i", "hi")]);
        let mut there =
            bot(&json!([]), &json!([{ "id": "I", "name": "greet" }, { "id": "J", "name": "part" }]));
        there["examples"] = json!([example("E", "I", "hello"), example("G", "J", "bye")]);
        let plan = steps(&file, &there, true).unwrap();
        assert_eq!(said(&plan), ["+examples hi", "-intents J"]);
        let collection = plan.collection("b", &plan.steps[0]).unwrap();
        assert_eq!(collection, "/v1/intents/I/examples");
    }
}
