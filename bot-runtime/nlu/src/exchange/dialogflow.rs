//! The files of a Dialogflow ES export: `intents/NAME.json` with `intents/NAME_usersays_LANGUAGE.json`,
//! `entities/NAME.json` with `entities/NAME_entries_LANGUAGE.json`.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::spans::apart;
use super::{Export, File, Import, ImportError, define, intent, list, note, syntax, system_type};
use crate::corpus::{Annotation, Corpus, EntityKind, Example, ListValue, SystemType};
use crate::text::Language;

#[derive(Debug, Serialize, Deserialize)]
struct Phrase {
    #[serde(default)]
    data: Vec<Piece>,
    #[serde(default, rename = "isTemplate")]
    is_template: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct Piece {
    #[serde(default)]
    text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    alias: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    meta: Option<String>,
    #[serde(default, rename = "userDefined")]
    user_defined: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    #[serde(default)]
    value: String,
    #[serde(default)]
    synonyms: Vec<String>,
}

/// What a file is, by its path.
enum Part<'a> {
    Intent,
    Phrases { intent: &'a str, language: &'a str },
    Entity,
    Entries { entity: &'a str },
    Other,
}

fn part(path: &str) -> Part<'_> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let folder = folder.rsplit('/').next().unwrap_or_default();
    let Some(name) = name.strip_suffix(".json") else { return Part::Other };
    match folder {
        "intents" => match name.rsplit_once("_usersays_") {
            Some((intent, language)) => Part::Phrases { intent, language },
            None => Part::Intent,
        },
        "entities" => match name.rsplit_once("_entries_") {
            Some((entity, _)) => Part::Entries { entity },
            None => Part::Entity,
        },
        _ => Part::Other,
    }
}

pub(super) fn import(files: &[File]) -> Result<Import, ImportError> {
    let mut import = Import::default();
    // Definitions first, so that entries know what they are entries of.
    for file in files {
        match part(&file.name) {
            Part::Entity => entity(file, &mut import)?,
            Part::Intent => define_intent(file, &mut import)?,
            Part::Phrases { .. } | Part::Entries { .. } | Part::Other => {}
        }
    }
    for file in files {
        match part(&file.name) {
            Part::Phrases { intent, language } => phrases(file, intent, language, &mut import)?,
            Part::Entries { entity } => entries(file, entity, &mut import)?,
            Part::Other if !file.name.ends_with("package.json") && !file.name.ends_with("agent.json") => {
                import.notes.push(note(&file.name, "it is neither an intent nor an entity and is not read"));
            }
            Part::Other | Part::Entity | Part::Intent => {}
        }
    }
    let language =
        import.corpus.intents.iter().flat_map(|one| &one.examples).find_map(|one| one.language.clone());
    import.corpus.language = language.unwrap_or_default();
    import.corpus.intents.retain(|intent| !intent.examples.is_empty());
    Ok(import)
}

fn define_intent(file: &File, import: &mut Import) -> Result<(), ImportError> {
    let value: Value = serde_json::from_str(&file.text).map_err(|error| syntax(file, &error))?;
    let Some(name) = value["name"].as_str() else {
        import.notes.push(note(&file.name, "the intent has no name"));
        return Ok(());
    };
    intent(&mut import.corpus, name);
    if value["fallbackIntent"].as_bool() == Some(true) {
        import.notes.push(note(name, "its phrases become messages out of scope"));
    }
    Ok(())
}

fn phrases(file: &File, name: &str, language: &str, import: &mut Import) -> Result<(), ImportError> {
    let phrases: Vec<Phrase> = serde_json::from_str(&file.text).map_err(|error| syntax(file, &error))?;
    let fallback = import.notes.iter().any(|one| one.place == name && one.message.ends_with("out of scope"));
    for phrase in phrases {
        if phrase.is_template {
            import.notes.push(note(name, "a template phrase is left out"));
            continue;
        }
        let mut example = Example { language: Some(Language::new(language)), ..Example::default() };
        for piece in phrase.data {
            let start = example.text.len();
            example.text.push_str(&piece.text);
            let Some(meta) = piece.meta.filter(|_| !piece.text.trim().is_empty()) else { continue };
            if meta == "@sys.ignore" {
                continue;
            }
            let entity = meta.trim_start_matches('@').to_owned();
            let name = if entity.starts_with("sys.") { entity.replace('.', "_") } else { entity.clone() };
            if let Some(system) = system_type(&entity).filter(|_| entity.starts_with("sys.")) {
                define(&mut import.corpus, &name, EntityKind::System { system });
            }
            let role = piece.alias.filter(|alias| *alias != name && *alias != entity);
            let end = example.text.len();
            example.entities.push(Annotation { start, end, entity: name, value: None, role });
        }
        if fallback {
            import.corpus.out_of_scope.push(example.text);
        } else {
            intent(&mut import.corpus, name).examples.push(example);
        }
    }
    Ok(())
}

fn entity(file: &File, import: &mut Import) -> Result<(), ImportError> {
    let value: Value = serde_json::from_str(&file.text).map_err(|error| syntax(file, &error))?;
    let Some(name) = value["name"].as_str() else {
        import.notes.push(note(&file.name, "the entity has no name"));
        return Ok(());
    };
    let kind = if value["isRegexp"].as_bool() == Some(true) {
        EntityKind::Pattern { pattern: String::new() }
    } else {
        let fuzzy = value["allowFuzzyExtraction"].as_bool().unwrap_or(false);
        EntityKind::List { values: Vec::new(), fuzzy }
    };
    define(&mut import.corpus, name, kind);
    Ok(())
}

fn entries(file: &File, name: &str, import: &mut Import) -> Result<(), ImportError> {
    let entries: Vec<Entry> = serde_json::from_str(&file.text).map_err(|error| syntax(file, &error))?;
    if let Some(values) = list(&mut import.corpus, name) {
        values.extend(entries.into_iter().filter(|entry| !entry.value.is_empty()).map(|entry| ListValue {
            synonyms: entry.synonyms.into_iter().filter(|synonym| *synonym != entry.value).collect(),
            value: entry.value,
        }));
        return Ok(());
    }
    let known = import.corpus.entities.iter_mut().find(|entity| entity.name == name);
    if let Some(EntityKind::Pattern { pattern }) = known.map(|entity| &mut entity.kind) {
        let parts = entries.iter().map(|entry| format!("(?:{})", entry.value)).collect::<Vec<_>>();
        *pattern = parts.join("|");
    }
    Ok(())
}

pub(super) fn export(corpus: &Corpus) -> Export {
    let mut files = Vec::new();
    let mut notes = Vec::new();
    let mut file = |name: String, value: &Value| {
        files.push(File { name, text: serde_json::to_string_pretty(value).unwrap_or_default() });
    };
    for entity in &corpus.entities {
        let name = &entity.name;
        let (entries, regexp, fuzzy) = match &entity.kind {
            EntityKind::List { values, fuzzy } => {
                let entries = values.iter().map(|one| {
                    let names = std::iter::once(&one.value).chain(&one.synonyms).collect::<Vec<_>>();
                    json!({ "value": one.value, "synonyms": names })
                });
                (entries.collect::<Vec<_>>(), false, *fuzzy)
            }
            EntityKind::Pattern { pattern } => {
                (vec![json!({ "value": pattern, "synonyms": [] })], true, false)
            }
            EntityKind::System { .. } => continue,
            EntityKind::FreeText => {
                notes.push(note(name, "an entity without values is @sys.any in Dialogflow"));
                continue;
            }
        };
        let definition = json!({ "name": name, "isOverridable": true, "isEnum": false, "isRegexp": regexp, "allowFuzzyExtraction": fuzzy });
        file(format!("entities/{name}.json"), &definition);
        file(format!("entities/{name}_entries_{}.json", corpus.language.as_str()), &json!(entries));
    }
    for intent in &corpus.intents {
        file(
            format!("intents/{}.json", intent.name),
            &json!({ "name": intent.name, "auto": true, "fallbackIntent": false }),
        );
        let phrases: Vec<Phrase> = intent
            .examples
            .iter()
            .map(|example| Phrase { data: pieces(example, corpus), is_template: false })
            .collect();
        let language = corpus.language.as_str();
        file(format!("intents/{}_usersays_{language}.json", intent.name), &json!(phrases));
        if intent.examples.iter().any(|one| one.language.as_ref().is_some_and(|of| *of != corpus.language)) {
            notes.push(note(
                &intent.name,
                format!("examples of other languages are written with those in {language}"),
            ));
        }
    }
    if !corpus.keywords.is_empty() {
        notes.push(note("keywords", "Dialogflow has no keywords"));
    }
    Export { files, notes }
}

fn pieces(example: &Example, corpus: &Corpus) -> Vec<Piece> {
    let plain = |text: &str| Piece { text: text.to_owned(), alias: None, meta: None, user_defined: false };
    let mut out = Vec::new();
    let mut kept = 0;
    for one in apart(&example.text, &example.entities) {
        if one.start > kept {
            out.push(plain(&example.text[kept..one.start]));
        }
        let kind = corpus.entities.iter().find(|entity| entity.name == one.entity).map(|entity| &entity.kind);
        let meta = match kind {
            Some(EntityKind::System { system }) => system_name(*system).to_owned(),
            Some(EntityKind::FreeText) | None => "@sys.any".to_owned(),
            Some(EntityKind::List { .. } | EntityKind::Pattern { .. }) => format!("@{}", one.entity),
        };
        let alias = Some(one.role.clone().unwrap_or_else(|| one.entity.clone()));
        let text = example.text[one.start..one.end].to_owned();
        out.push(Piece { text, alias, meta: Some(meta), user_defined: true });
        kept = one.end;
    }
    if kept < example.text.len() {
        out.push(plain(&example.text[kept..]));
    }
    out
}

fn system_name(system: SystemType) -> &'static str {
    match system {
        SystemType::Number => "@sys.number",
        SystemType::Date => "@sys.date",
        SystemType::Time => "@sys.time",
        SystemType::Email => "@sys.email",
        SystemType::Phone => "@sys.phone-number",
        SystemType::Url => "@sys.url",
        SystemType::Currency => "@sys.unit-currency",
        SystemType::Duration => "@sys.duration",
        SystemType::Location => "@sys.location",
    }
}
