//! Rasa's older training data in JSON.

use serde::{Deserialize, Serialize};

use super::rasa::attach_synonyms;
use super::spans::{Count, annotation, apart};
use super::{Export, File, Import, ImportError, define, intent, list, note, syntax};
use crate::corpus::{Corpus, EntityKind, Example, ListValue};

#[derive(Debug, Serialize, Deserialize)]
struct Document {
    rasa_nlu_data: Data,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Data {
    common_examples: Vec<Sentence>,
    entity_synonyms: Vec<Synonyms>,
    lookup_tables: Vec<Lookup>,
    regex_features: Vec<Pattern>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Sentence {
    text: String,
    #[serde(default)]
    intent: String,
    #[serde(default)]
    entities: Vec<Span>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Span {
    start: usize,
    end: usize,
    #[serde(default)]
    value: serde_json::Value,
    entity: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    role: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Synonyms {
    value: String,
    #[serde(default)]
    synonyms: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Lookup {
    name: String,
    /// Values, or the name of a file with them.
    elements: serde_json::Value,
}

#[derive(Debug, Serialize, Deserialize)]
struct Pattern {
    name: String,
    pattern: String,
}

pub(super) fn import(files: &[File]) -> Result<Import, ImportError> {
    let mut import = Import::default();
    let mut synonyms = Vec::new();
    for file in files {
        let data =
            serde_json::from_str::<Document>(&file.text).map_err(|error| syntax(file, &error))?.rasa_nlu_data;
        for sentence in data.common_examples {
            if sentence.intent.trim().is_empty() {
                import.notes.push(note(&sentence.text, "the example has no intent and is left out"));
                continue;
            }
            let mut example = Example::new(sentence.text);
            for span in sentence.entities {
                let found = annotation(&example.text, Count::Letters, span.start, span.end, &span.entity);
                let Some(mut found) = found else {
                    import.notes.push(note(
                        &example.text,
                        format!("the place of {} does not fit the text", span.entity),
                    ));
                    continue;
                };
                let words = &example.text[found.start..found.end];
                found.value = span.value.as_str().filter(|value| *value != words).map(str::to_owned);
                found.role = span.role;
                example.entities.push(found);
            }
            intent(&mut import.corpus, &sentence.intent).examples.push(example);
        }
        for lookup in data.lookup_tables {
            let Some(elements) = lookup.elements.as_array() else {
                import
                    .notes
                    .push(note(&lookup.name, "its values are in a file of their own, which is not read"));
                continue;
            };
            let elements = elements.iter().filter_map(|element| element.as_str());
            if let Some(values) = list(&mut import.corpus, &lookup.name) {
                values.extend(
                    elements.map(|value| ListValue { value: value.to_owned(), synonyms: Vec::new() }),
                );
            }
        }
        for one in data.regex_features {
            define(&mut import.corpus, &one.name, EntityKind::Pattern { pattern: one.pattern });
        }
        synonyms.extend(data.entity_synonyms.into_iter().map(|group| (group.value, group.synonyms)));
    }
    let Import { corpus, notes } = &mut import;
    attach_synonyms(corpus, synonyms, notes);
    Ok(import)
}

pub(super) fn export(corpus: &Corpus) -> Export {
    let mut data = Data::default();
    let mut notes = Vec::new();
    for intent in &corpus.intents {
        for example in &intent.examples {
            let entities = apart(&example.text, &example.entities).into_iter().map(|one| Span {
                start: Count::Letters.of_byte(&example.text, one.start),
                end: Count::Letters.of_byte(&example.text, one.end),
                value: one.value.as_deref().unwrap_or(&example.text[one.start..one.end]).into(),
                entity: one.entity.clone(),
                role: one.role.clone(),
            });
            let entities = entities.collect();
            data.common_examples.push(Sentence {
                text: example.text.clone(),
                intent: intent.name.clone(),
                entities,
            });
        }
    }
    for entity in &corpus.entities {
        match &entity.kind {
            EntityKind::List { values, .. } => {
                let elements = values.iter().map(|value| value.value.clone()).collect();
                data.lookup_tables.push(Lookup { name: entity.name.clone(), elements });
                let groups = values.iter().filter(|value| !value.synonyms.is_empty());
                data.entity_synonyms.extend(
                    groups.map(|value| Synonyms {
                        value: value.value.clone(),
                        synonyms: value.synonyms.clone(),
                    }),
                );
            }
            EntityKind::Pattern { pattern } => {
                data.regex_features.push(Pattern { name: entity.name.clone(), pattern: pattern.clone() });
            }
            EntityKind::System { .. } => {
                notes.push(note(&entity.name, "built-in entities have no place in Rasa's training data"));
            }
            EntityKind::FreeText => {}
        }
    }
    let text = serde_json::to_string_pretty(&Document { rasa_nlu_data: data }).unwrap_or_default();
    Export { files: vec![File { name: "nlu.json".to_owned(), text }], notes }
}
