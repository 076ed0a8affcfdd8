//! A LUIS app in JSON, schema version 7. The intent `None` is what LUIS calls out of scope.

use serde::{Deserialize, Serialize};

use super::spans::{Count, annotation, apart};
use super::{Export, File, Import, ImportError, define, intent, list, note, syntax, system_type};
use crate::corpus::{Annotation, Corpus, EntityKind, Example, ListValue, SystemType};
use crate::text::Language;

const NONE: &str = "None";

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct App {
    #[serde(rename = "luis_schema_version")]
    version: String,
    culture: String,
    name: String,
    intents: Vec<Named>,
    entities: Vec<Named>,
    closed_lists: Vec<ClosedList>,
    prebuilt_entities: Vec<Named>,
    #[serde(rename = "regex_entities")]
    regex_entities: Vec<Regex>,
    #[serde(rename = "patternAnyEntities")]
    pattern_any_entities: Vec<Named>,
    utterances: Vec<Utterance>,
    patterns: Vec<serde_json::Value>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Named {
    name: String,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ClosedList {
    name: String,
    sub_lists: Vec<SubList>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct SubList {
    canonical_form: String,
    list: Vec<String>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Regex {
    name: String,
    regex_pattern: String,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Utterance {
    text: String,
    intent: String,
    entities: Vec<Place>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Place {
    entity: String,
    start_pos: usize,
    /// The last unit of the value, not the one after it.
    end_pos: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<String>,
}

pub(super) fn import(files: &[File]) -> Result<Import, ImportError> {
    let mut import = Import::default();
    for file in files {
        let app: App = serde_json::from_str(&file.text).map_err(|error| syntax(file, &error))?;
        if !app.culture.is_empty() {
            import.corpus.language = Language::new(&app.culture);
        }
        for one in app.intents.iter().filter(|one| one.name != NONE && !one.name.is_empty()) {
            intent(&mut import.corpus, &one.name);
        }
        for closed in app.closed_lists {
            if let Some(values) = list(&mut import.corpus, &closed.name) {
                values.extend(
                    closed
                        .sub_lists
                        .into_iter()
                        .map(|one| ListValue { value: one.canonical_form, synonyms: one.list }),
                );
            }
        }
        for one in app.regex_entities {
            define(&mut import.corpus, &one.name, EntityKind::Pattern { pattern: one.regex_pattern });
        }
        for one in app.prebuilt_entities {
            match system_type(&one.name) {
                Some(system) => define(&mut import.corpus, &one.name, EntityKind::System { system }),
                None => import.notes.push(note(&one.name, "there is no such built-in entity here")),
            }
        }
        for one in app.entities.iter().chain(&app.pattern_any_entities).filter(|one| !one.name.is_empty()) {
            define(&mut import.corpus, &one.name, EntityKind::FreeText);
        }
        if !app.patterns.is_empty() {
            import.notes.push(note(&file.name, format!("{} patterns are not read", app.patterns.len())));
        }
        for utterance in app.utterances {
            if utterance.intent == NONE {
                import.corpus.out_of_scope.push(utterance.text);
                continue;
            }
            if utterance.intent.is_empty() {
                import.notes.push(note(&utterance.text, "the example has no intent and is left out"));
                continue;
            }
            let mut example = Example::new(utterance.text);
            for place in utterance.entities {
                let end = place.end_pos.saturating_add(1);
                let found = annotation(&example.text, Count::Utf16, place.start_pos, end, &place.entity);
                let Some(found) = found else {
                    let message = format!("the place of {} does not fit the text", place.entity);
                    import.notes.push(note(&example.text, message));
                    continue;
                };
                example.entities.push(Annotation { role: place.role, ..found });
            }
            intent(&mut import.corpus, &utterance.intent).examples.push(example);
        }
    }
    Ok(import)
}

pub(super) fn export(corpus: &Corpus) -> Export {
    let mut notes = Vec::new();
    let mut app = App { version: "7.0.0".to_owned(), name: "bot".to_owned(), ..App::default() };
    app.culture = match corpus.language.as_str() {
        "en" => "en-us".to_owned(),
        other => format!("{other}-{other}"),
    };
    app.intents.push(Named { name: NONE.to_owned() });
    for intent in &corpus.intents {
        app.intents.push(Named { name: intent.name.clone() });
        for example in &intent.examples {
            let places = apart(&example.text, &example.entities).into_iter().map(|one| Place {
                entity: one.entity.clone(),
                start_pos: Count::Utf16.of_byte(&example.text, one.start),
                end_pos: Count::Utf16.of_byte(&example.text, one.end).saturating_sub(1),
                role: one.role.clone(),
            });
            let entities = places.collect();
            app.utterances.push(Utterance {
                text: example.text.clone(),
                intent: intent.name.clone(),
                entities,
            });
            if example.entities.iter().any(|one| one.value.is_some()) {
                notes.push(note(&intent.name, "the values of annotations have no place in a LUIS app"));
            }
        }
    }
    for text in &corpus.out_of_scope {
        app.utterances.push(Utterance { text: text.clone(), intent: NONE.to_owned(), entities: Vec::new() });
    }
    for entity in &corpus.entities {
        let name = entity.name.clone();
        match &entity.kind {
            EntityKind::List { values, .. } => {
                let sub_lists = values
                    .iter()
                    .map(|one| SubList { canonical_form: one.value.clone(), list: one.synonyms.clone() });
                app.closed_lists.push(ClosedList { name, sub_lists: sub_lists.collect() });
            }
            EntityKind::Pattern { pattern } => {
                app.regex_entities.push(Regex { name, regex_pattern: pattern.clone() });
            }
            EntityKind::System { system } => {
                app.prebuilt_entities.push(Named { name: prebuilt(*system).to_owned() });
                if name != prebuilt(*system) {
                    notes.push(note(name, format!("LUIS calls it {}", prebuilt(*system))));
                }
            }
            EntityKind::FreeText => app.entities.push(Named { name }),
        }
    }
    notes.dedup();
    let text = serde_json::to_string_pretty(&app).unwrap_or_default();
    Export { files: vec![File { name: "luis.json".to_owned(), text }], notes }
}

fn prebuilt(system: SystemType) -> &'static str {
    match system {
        SystemType::Number => "number",
        SystemType::Date | SystemType::Time | SystemType::Duration => "datetimeV2",
        SystemType::Email => "email",
        SystemType::Phone => "phonenumber",
        SystemType::Url => "url",
        SystemType::Currency => "money",
        SystemType::Location => "geographyV2",
    }
}
