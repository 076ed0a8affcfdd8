//! What an author wrote, as a corpus.

use std::collections::HashMap;

use botbuilder_domain::BotId;
use botbuilder_nlu::{
    Corpus,
    corpus::{Annotation, Entity, EntityKind, Example, Intent, Keyword, ListValue, SystemType},
    text::Language,
};
use botbuilder_store::{Error, OrgScope, Tx, nlu::taught};
use serde::{Deserialize as _, de::IntoDeserializer as _};
use uuid::Uuid;

/// What an author wrote about a bot's understanding, with the ids of its rows.
#[derive(Debug, Clone, Default)]
pub struct Taught {
    /// All of it; the examples of the fallback intent are what the bot is not for.
    pub corpus: Corpus,
    /// The ids of the intents by their names, the fallback intent included.
    pub intents: HashMap<String, Uuid>,
    /// What people read instead of their names.
    pub titles: HashMap<String, String>,
    /// The intent that stands for whatever fits no other.
    pub fallback: Option<Uuid>,
    /// The ids and kinds (`entities.kind`) of the entities by their names.
    pub entities: HashMap<String, (Uuid, String)>,
    /// Every example, in the order of the rows.
    pub examples: Vec<TaughtExample>,
}

/// An example with where it stands.
#[derive(Debug, Clone)]
pub struct TaughtExample {
    /// Its id.
    pub id: Uuid,
    /// Its intent's id.
    pub intent: Uuid,
    /// As written.
    pub text: String,
}

impl Taught {
    /// Reads what was written about a bot whose language is `language`.
    pub async fn read(tx: &mut Tx, scope: &OrgScope, bot: BotId, language: &str) -> Result<Self, Error> {
        let rows = Rows {
            intents: taught::intents(tx, scope, bot).await?,
            examples: taught::examples(tx, scope, bot).await?,
            entities: taught::entities(tx, scope, bot).await?,
            values: taught::values(tx, scope, bot).await?,
            keywords: taught::keywords(tx, scope, bot).await?,
        };
        Ok(rows.into_taught(Language::new(language)))
    }

    /// What can be trained on: intents with examples, and what speaks of them. The names of the others come along.
    pub fn for_training(&self) -> (Corpus, Vec<String>) {
        let mut corpus = self.corpus.clone();
        let (kept, left_out): (Vec<Intent>, Vec<Intent>) =
            corpus.intents.into_iter().partition(|intent| !intent.examples.is_empty());
        corpus.keywords.retain(|keyword| kept.iter().any(|intent| intent.name == keyword.intent));
        corpus.intents = kept;
        (corpus, left_out.into_iter().map(|intent| intent.name).collect())
    }
}

struct Rows {
    intents: Vec<taught::Intent>,
    examples: Vec<taught::Example>,
    entities: Vec<taught::Entity>,
    values: Vec<taught::ListValue>,
    keywords: Vec<taught::Keywords>,
}

impl Rows {
    fn into_taught(self, language: Language) -> Taught {
        let mut taught = Taught { corpus: Corpus { language, ..Corpus::default() }, ..Taught::default() };
        let mut places: HashMap<Uuid, usize> = HashMap::new();
        for intent in self.intents {
            taught.intents.insert(intent.name.clone(), intent.id);
            let title = intent.display_name.unwrap_or_else(|| intent.name.replace('_', " "));
            taught.titles.insert(intent.name.clone(), title);
            if intent.is_fallback {
                taught.fallback = Some(intent.id);
                continue;
            }
            places.insert(intent.id, taught.corpus.intents.len());
            #[expect(clippy::cast_possible_truncation, reason = "three digits")]
            let accept_score = intent.accept_score.map(|score| score as f32);
            taught.corpus.intents.push(Intent { name: intent.name, examples: Vec::new(), accept_score });
        }
        for example in self.examples {
            let taught::Example { id, intent_id: intent, text, language, entities } = example;
            if let Some(place) = places.get(&intent) {
                let language = Some(Language::new(&language)).filter(|own| *own != taught.corpus.language);
                let entities = annotations(&entities, &text);
                taught.corpus.intents[*place].examples.push(Example {
                    text: text.clone(),
                    language,
                    entities,
                });
            } else if taught.fallback == Some(intent) {
                taught.corpus.out_of_scope.push(text.clone());
            } else {
                // Of an intent that is deleted or not in use.
                continue;
            }
            taught.examples.push(TaughtExample { id, intent, text });
        }
        for keywords in self.keywords {
            let Some(place) = places.get(&keywords.intent_id) else { continue };
            let intent = &taught.corpus.intents[*place].name;
            taught.corpus.keywords.extend(keywords.phrases.into_iter().map(|phrase| Keyword {
                phrase,
                intent: intent.clone(),
                whole: keywords.whole,
            }));
        }
        let mut values: HashMap<Uuid, Vec<ListValue>> = HashMap::new();
        for taught::ListValue { entity_id, value, synonyms } in self.values {
            values.entry(entity_id).or_default().push(ListValue { value, synonyms });
        }
        for entity in self.entities {
            taught.entities.insert(entity.name.clone(), (entity.id, entity.kind.clone()));
            let kind = match entity.kind.as_str() {
                "list" => EntityKind::List {
                    values: values.remove(&entity.id).unwrap_or_default(),
                    fuzzy: entity.fuzzy_match,
                },
                "pattern" => EntityKind::Pattern { pattern: entity.pattern.unwrap_or_default() },
                "system" => match entity.system_type.as_deref().and_then(system_type) {
                    Some(system) => EntityKind::System { system },
                    None => continue,
                },
                _ => EntityKind::FreeText,
            };
            taught.corpus.entities.push(Entity { name: entity.name, kind, sensitive: entity.is_sensitive });
        }
        taught
    }
}

fn system_type(name: &str) -> Option<SystemType> {
    let name: serde::de::value::StrDeserializer<'_, serde::de::value::Error> = name.into_deserializer();
    SystemType::deserialize(name).ok()
}

/// The spans that can be read and lie in the text; what authors wrote is free JSON.
fn annotations(json: &serde_json::Value, text: &str) -> Vec<Annotation> {
    let all = json.as_array().into_iter().flatten();
    all.filter_map(|one| Annotation::deserialize(one).ok())
        .filter(|one| text.get(one.start..one.end).is_some_and(|words| !words.trim().is_empty()))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rows_become_a_corpus() {
        let id = Uuid::from_u128;
        let intent = |number, name: &str, is_fallback| taught::Intent {
            id: id(number),
            name: name.to_owned(),
            display_name: None,
            is_fallback,
            accept_score: None,
        };
        let example = |number, intent, text: &str, entities| taught::Example {
            id: id(number),
            intent_id: id(intent),
            text: text.to_owned(),
            language: "en".to_owned(),
            entities,
        };
        let spans = json!([
            { "start": 6, "end": 12, "entity": "city" }, { "start": 6, "end": 99, "entity": "city" }, "nonsense",
        ]);
        let entity = |number, name: &str, kind: &str, system: Option<&str>| taught::Entity {
            id: id(number),
            name: name.to_owned(),
            kind: kind.to_owned(),
            system_type: system.map(str::to_owned),
            pattern: None,
            fuzzy_match: true,
            is_sensitive: kind == "system",
        };
        let rows = Rows {
            intents: vec![intent(1, "travel", false), intent(2, "none", true), intent(3, "hours", false)],
            examples: vec![
                example(10, 1, "go to Berlin", spans),
                example(11, 2, "write me a poem", json!([])),
                example(12, 9, "of a deleted intent", json!([])),
            ],
            entities: vec![
                entity(20, "city", "list", None),
                entity(21, "mail", "system", Some("email")),
                entity(22, "odd", "system", Some("horoscope")),
            ],
            values: vec![taught::ListValue {
                entity_id: id(20),
                value: "Berlin".to_owned(),
                synonyms: vec!["BER".to_owned()],
            }],
            keywords: vec![taught::Keywords {
                intent_id: id(3),
                phrases: vec!["open".to_owned()],
                whole: true,
            }],
        };
        let taught = rows.into_taught(Language::new("en-GB"));
        let names: Vec<&str> = taught.corpus.intents.iter().map(|intent| intent.name.as_str()).collect();
        assert_eq!(names, ["travel", "hours"]);
        assert_eq!(taught.corpus.intents[0].examples[0].entities.len(), 1);
        assert_eq!(taught.corpus.out_of_scope, ["write me a poem"]);
        assert_eq!((taught.fallback, taught.examples.len()), (Some(id(2)), 2));
        assert_eq!(taught.corpus.entities.len(), 2);
        assert!(taught.corpus.entities[1].sensitive);

        let (corpus, left_out) = taught.for_training();
        assert_eq!((corpus.intents.len(), corpus.keywords.len()), (1, 0));
        assert_eq!(left_out, ["hours"]);
    }
}
