//! Corpora from other products and back: Rasa (YAML and JSON), Dialogflow ES, LUIS, CSV.
//!
//! An import returns the corpus with notes on what was changed or left out, so that a dry run is an import
//! whose corpus is thrown away. Input is foreign: sizes and depths are bounded, and every reader is total.

mod csv;
mod dialogflow;
mod inline;
mod luis;
mod rasa;
mod rasa_json;
mod spans;
mod yaml;

use serde::{Deserialize, Serialize};

use crate::corpus::{Corpus, Entity, EntityKind, Example, Intent, SystemType};

/// A format corpora come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Rasa's training data, version 3.
    RasaYaml,
    /// Rasa's older training data.
    RasaJson,
    /// The files of a Dialogflow ES export.
    Dialogflow,
    /// A LUIS app, schema version 7.
    Luis,
    /// A table with the columns `intent` and `text`, and perhaps `language`.
    Csv,
}

/// A file of an import or export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its path inside the export; Dialogflow's tells what it holds.
    pub name: String,
    /// What is in it.
    pub text: String,
}

/// What was read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Import {
    /// What it comes to.
    pub corpus: Corpus,
    /// What was changed or left out, and where.
    pub notes: Vec<Note>,
}

/// What was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Export {
    /// One file, or several.
    pub files: Vec<File>,
    /// What the format cannot hold.
    pub notes: Vec<Note>,
}

/// Something an author should know about an import or export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// Where: a file, an intent, an entity.
    pub place: String,
    /// What.
    pub message: String,
}

/// Why nothing was read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// It is not what it should be.
    #[error("{file} cannot be read: {reason}")]
    Syntax {
        /// The file.
        file: String,
        /// What is wrong, with the line where it is known.
        reason: String,
    },
    /// More than an import may hold.
    #[error("the import has {found} {what}, more than {most}")]
    TooMuch {
        /// Bytes, examples, entity values.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many there may be.
        most: usize,
    },
}

/// Bytes of all files at most.
const MOST_BYTES: usize = 20 << 20;
/// Examples at most.
const MOST_EXAMPLES: usize = 100_000;
/// Values and synonyms at most.
const MOST_VALUES: usize = 100_000;
/// Letters of an example; a longer one is cut.
const LONGEST_EXAMPLE: usize = 1_000;
/// Notes at most; the rest is counted.
const MOST_NOTES: usize = 200;

/// Reads a corpus.
pub fn import(format: Format, files: &[File]) -> Result<Import, ImportError> {
    let bytes = files.iter().map(|file| file.text.len()).sum();
    at_most("bytes", bytes, MOST_BYTES)?;
    let mut import = match format {
        Format::RasaYaml => rasa::import(files),
        Format::RasaJson => rasa_json::import(files),
        Format::Dialogflow => dialogflow::import(files),
        Format::Luis => luis::import(files),
        Format::Csv => csv::import(files),
    }?;
    let examples = import.corpus.intents.iter().map(|intent| intent.examples.len()).sum::<usize>();
    at_most("examples", examples + import.corpus.out_of_scope.len(), MOST_EXAMPLES)?;
    let values = import.corpus.entities.iter().map(|entity| match &entity.kind {
        EntityKind::List { values, .. } => values.iter().map(|value| 1 + value.synonyms.len()).sum(),
        _ => 1_usize,
    });
    at_most("entity values", values.sum(), MOST_VALUES)?;
    complete(&mut import);
    let more = import.notes.len().saturating_sub(MOST_NOTES);
    if more > 0 {
        import.notes.truncate(MOST_NOTES);
        import.notes.push(note("import", format!("{more} more notes")));
    }
    Ok(import)
}

/// Writes a corpus.
pub fn export(format: Format, corpus: &Corpus) -> Export {
    match format {
        Format::RasaYaml => rasa::export(corpus),
        Format::RasaJson => rasa_json::export(corpus),
        Format::Dialogflow => dialogflow::export(corpus),
        Format::Luis => luis::export(corpus),
        Format::Csv => csv::export(corpus),
    }
}

fn at_most(what: &'static str, found: usize, most: usize) -> Result<(), ImportError> {
    if found > most { Err(ImportError::TooMuch { what, found, most }) } else { Ok(()) }
}

fn note(place: impl Into<String>, message: impl Into<String>) -> Note {
    Note { place: place.into(), message: message.into() }
}

fn syntax(file: &File, reason: &dyn std::fmt::Display) -> ImportError {
    ImportError::Syntax { file: file.name.clone(), reason: reason.to_string() }
}

/// The intent of a name, made if it is not there.
fn intent<'a>(corpus: &'a mut Corpus, name: &str) -> &'a mut Intent {
    let at = corpus.intents.iter().position(|intent| intent.name == name).unwrap_or_else(|| {
        corpus.intents.push(Intent { name: name.to_owned(), ..Intent::default() });
        corpus.intents.len() - 1
    });
    &mut corpus.intents[at]
}

/// The values of a list entity, made if it is not there; none if the entity is of another kind.
fn list<'a>(corpus: &'a mut Corpus, name: &str) -> Option<&'a mut Vec<crate::corpus::ListValue>> {
    let at = corpus.entities.iter().position(|entity| entity.name == name).unwrap_or_else(|| {
        corpus.entities.push(Entity { name: name.to_owned(), ..Entity::default() });
        corpus.entities.len() - 1
    });
    match &mut corpus.entities[at].kind {
        EntityKind::List { values, .. } => Some(values),
        _ => None,
    }
}

/// Adds an entity of a kind unless one of that name is there.
fn define(corpus: &mut Corpus, name: &str, kind: EntityKind) {
    if corpus.entities.iter().all(|entity| entity.name != name) {
        corpus.entities.push(Entity { name: name.to_owned(), kind, sensitive: false });
    }
}

/// What every format leaves to do: long examples are cut, equal ones dropped, annotated entities defined.
fn complete(import: &mut Import) {
    let Import { corpus, notes } = import;
    let mut mentioned: Vec<String> = Vec::new();
    for intent in &mut corpus.intents {
        let mut seen = std::collections::HashSet::new();
        let before = intent.examples.len();
        for example in &mut intent.examples {
            shorten(example, &intent.name, notes);
            mentioned.extend(example.entities.iter().map(|annotation| annotation.entity.clone()));
        }
        intent.examples.retain(|example| {
            !example.text.trim().is_empty()
                && seen.insert((example.language.clone(), crate::text::text_key(&example.text)))
        });
        let dropped = before - intent.examples.len();
        if dropped > 0 {
            notes.push(note(&intent.name, format!("{dropped} empty or repeated examples are left out")));
        }
    }
    mentioned.sort_unstable();
    mentioned.dedup();
    for name in mentioned {
        define(corpus, &name, EntityKind::FreeText);
    }
}

fn shorten(example: &mut Example, intent: &str, notes: &mut Vec<Note>) {
    if let Some((end, _)) = example.text.char_indices().nth(LONGEST_EXAMPLE) {
        example.text.truncate(end);
        example.entities.retain(|annotation| annotation.end <= end);
        notes.push(note(intent, format!("an example is cut after {LONGEST_EXAMPLE} letters")));
    }
}

/// A text on one line, without control characters.
fn one_line(text: &str) -> String {
    text.split(|letter: char| letter.is_whitespace() || letter.is_control())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// The built-in kind another product's name stands for.
fn system_type(name: &str) -> Option<SystemType> {
    let name = name.trim_start_matches('@').trim_start_matches("sys.").to_lowercase().replace(['-', '_'], "");
    Some(match name.as_str() {
        "number" | "numberinteger" | "cardinal" | "ordinal" | "percentage" => SystemType::Number,
        "date" | "dateperiod" | "datetimev2" | "datetime" => SystemType::Date,
        "time" | "timeperiod" => SystemType::Time,
        "email" => SystemType::Email,
        "phonenumber" | "phone" => SystemType::Phone,
        "url" => SystemType::Url,
        "unitcurrency" | "currency" | "currencyname" | "money" => SystemType::Currency,
        "duration" => SystemType::Duration,
        "location" | "geocity" | "geocountry" | "geographyv2" | "geostate" | "address" => {
            SystemType::Location
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
