//! Rasa's training data in YAML: intents, synonyms, lookup tables, regular expressions.

use std::fmt::Write;

use super::{
    Export, File, Import, ImportError, Note, define, inline, intent, list, note, one_line, syntax, yaml,
};
use crate::corpus::{Corpus, EntityKind, ListValue};
use crate::text::fold;

pub(super) fn import(files: &[File]) -> Result<Import, ImportError> {
    let mut import = Import::default();
    let mut synonyms = Vec::new();
    for file in files {
        let Some(tree) = yaml::parse(&file.text).map_err(|reason| syntax(file, &reason))? else { continue };
        let Some(items) = tree.get("nlu").map(yaml::Node::items) else {
            import.notes.push(note(&file.name, "it has no `nlu` section"));
            continue;
        };
        for item in items {
            let name = |key: &str| {
                item.get(key).and_then(yaml::Node::text).map(str::trim).filter(|name| !name.is_empty())
            };
            let lines = lines(item.get("examples"));
            if let Some(name) = name("intent") {
                let known = intent(&mut import.corpus, name);
                known.examples.extend(lines.iter().map(|line| inline::read(line)));
            } else if let Some(value) = name("synonym") {
                synonyms.push((value.to_owned(), lines));
            } else if let Some(name) = name("lookup") {
                if let Some(values) = list(&mut import.corpus, name) {
                    values.extend(lines.into_iter().map(|value| ListValue { value, synonyms: Vec::new() }));
                }
            } else if let Some(name) = name("regex") {
                let pattern = lines.iter().map(|line| format!("(?:{line})")).collect::<Vec<_>>().join("|");
                define(&mut import.corpus, name, EntityKind::Pattern { pattern });
            } else {
                import
                    .notes
                    .push(note(&file.name, "an item of `nlu` is neither intent, synonym, lookup nor regex"));
            }
        }
    }
    let Import { corpus, notes } = &mut import;
    attach_synonyms(corpus, synonyms, notes);
    Ok(import)
}

/// The lines of an `examples` block, or the texts of a list of examples.
fn lines(examples: Option<&yaml::Node>) -> Vec<String> {
    match examples {
        Some(yaml::Node::Scalar(block)) => {
            let lines = block.lines().map(|line| {
                let line = line.trim();
                line.strip_prefix('-').unwrap_or(line).trim().to_owned()
            });
            lines.filter(|line| !line.is_empty()).collect()
        }
        Some(yaml::Node::Sequence(items)) => {
            let texts = items.iter().filter_map(|item| item.text().or_else(|| item.get("text")?.text()));
            texts.map(one_line).filter(|text| !text.is_empty()).collect()
        }
        _ => Vec::new(),
    }
}

/// Rasa's synonyms belong to no entity; they go to the one whose annotations or values they are about.
pub(super) fn attach_synonyms(
    corpus: &mut Corpus,
    groups: Vec<(String, Vec<String>)>,
    notes: &mut Vec<Note>,
) {
    for (value, mut synonyms) in groups {
        synonyms.retain(|synonym| *synonym != value);
        let names: Vec<String> = std::iter::once(&value).chain(&synonyms).map(|name| fold(name)).collect();
        let Some(entity) = entity_of(corpus, &names) else {
            notes.push(note(&value, "its synonyms belong to no entity and are left out"));
            continue;
        };
        let Some(values) = list(corpus, &entity) else {
            notes.push(note(&value, format!("entity {entity} is no list, so its synonyms are left out")));
            continue;
        };
        let known = fold(&value);
        match values.iter_mut().find(|one| fold(&one.value) == known) {
            Some(one) => one.synonyms.append(&mut synonyms),
            None => values.push(ListValue { value, synonyms }),
        }
    }
}

fn entity_of(corpus: &Corpus, names: &[String]) -> Option<String> {
    for entity in &corpus.entities {
        if let EntityKind::List { values, .. } = &entity.kind
            && values.iter().any(|value| names.contains(&fold(&value.value)))
        {
            return Some(entity.name.clone());
        }
    }
    for example in corpus.intents.iter().flat_map(|intent| &intent.examples) {
        for annotation in &example.entities {
            let words = example.text.get(annotation.start..annotation.end).unwrap_or_default();
            let value = annotation.value.as_deref().unwrap_or(words);
            if names.contains(&fold(words)) || names.contains(&fold(value)) {
                return Some(annotation.entity.clone());
            }
        }
    }
    None
}

pub(super) fn export(corpus: &Corpus) -> Export {
    let mut notes = Vec::new();
    let mut out = "version: \"3.1\"\nnlu:\n".to_owned();
    for intent in &corpus.intents {
        let lines = intent.examples.iter().map(|example| one_line(&inline::write(example)));
        item(&mut out, "intent", &intent.name, lines);
    }
    for entity in &corpus.entities {
        match &entity.kind {
            EntityKind::List { values, .. } => {
                item(&mut out, "lookup", &entity.name, values.iter().map(|value| one_line(&value.value)));
                for value in values.iter().filter(|value| !value.synonyms.is_empty()) {
                    item(
                        &mut out,
                        "synonym",
                        &value.value,
                        value.synonyms.iter().map(|synonym| one_line(synonym)),
                    );
                }
            }
            EntityKind::Pattern { pattern } => {
                item(&mut out, "regex", &entity.name, std::iter::once(one_line(pattern)));
            }
            EntityKind::System { .. } => {
                notes.push(note(&entity.name, "built-in entities have no place in Rasa's training data"));
            }
            EntityKind::FreeText => {}
        }
    }
    if !corpus.keywords.is_empty() {
        notes.push(note("keywords", "Rasa's training data has no keywords"));
    }
    if !corpus.out_of_scope.is_empty() {
        item(&mut out, "intent", "out_of_scope", corpus.out_of_scope.iter().map(|text| one_line(text)));
    }
    Export { files: vec![File { name: "nlu.yml".to_owned(), text: out }], notes }
}

fn item(out: &mut String, kind: &str, name: &str, lines: impl Iterator<Item = String>) {
    // JSON's texts are YAML's double-quoted texts.
    let _ = writeln!(out, "- {kind}: {}\n  examples: |", serde_json::Value::from(name));
    for line in lines.filter(|line| !line.is_empty()) {
        let _ = writeln!(out, "    - {line}");
    }
}
