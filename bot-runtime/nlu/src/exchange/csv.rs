//! A table of examples: the columns `intent` and `text`, and perhaps `language`, in any order.

use super::{Export, File, Import, ImportError, intent, note, syntax};
use crate::corpus::{Corpus, Example};
use crate::text::Language;

pub(super) fn import(files: &[File]) -> Result<Import, ImportError> {
    let mut import = Import::default();
    for file in files {
        let text = file.text.trim_start_matches('\u{feff}');
        let head = text.lines().next().unwrap_or_default();
        // Spreadsheets of half the world write semicolons.
        let separator = [b',', b';', b'\t']
            .into_iter()
            .max_by_key(|s| (head.bytes().filter(|byte| byte == s).count(), std::cmp::Reverse(*s == b'\t')));
        let mut reader = ::csv::ReaderBuilder::new()
            .delimiter(separator.unwrap_or(b','))
            .flexible(true)
            .trim(::csv::Trim::All)
            .from_reader(text.as_bytes());
        let header = reader.headers().map_err(|error| syntax(file, &error))?.clone();
        let column =
            |names: &[&str]| header.iter().position(|name| names.contains(&name.to_lowercase().as_str()));
        let (Some(intents), Some(texts)) = (
            column(&["intent", "intent_name", "label", "category", "class"]),
            column(&["text", "utterance", "example", "phrase", "query", "message"]),
        ) else {
            return Err(syntax(file, &"it has no columns `intent` and `text`"));
        };
        let languages = column(&["language", "lang", "locale"]);
        for (row, record) in reader.records().enumerate() {
            let record = record.map_err(|error| syntax(file, &error))?;
            let (name, text) =
                (record.get(intents).unwrap_or_default(), record.get(texts).unwrap_or_default());
            if name.is_empty() || text.is_empty() {
                import
                    .notes
                    .push(note(format!("{}, row {}", file.name, row + 2), "it lacks an intent or a text"));
                continue;
            }
            let language =
                languages.and_then(|at| record.get(at)).filter(|tag| !tag.is_empty()).map(Language::new);
            intent(&mut import.corpus, name).examples.push(Example { language, ..Example::new(text) });
        }
    }
    Ok(import)
}

pub(super) fn export(corpus: &Corpus) -> Export {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    let mut notes = Vec::new();
    // Writing to memory does not fail.
    let _ = writer.write_record(["intent", "text", "language"]);
    for intent in &corpus.intents {
        for example in &intent.examples {
            let language = example.language.as_ref().unwrap_or(&corpus.language);
            let _ = writer.write_record([intent.name.as_str(), &example.text, language.as_str()]);
        }
        if intent.examples.iter().any(|example| !example.entities.is_empty()) {
            notes.push(note(&intent.name, "annotations have no place in a table"));
        }
    }
    if !corpus.entities.is_empty() || !corpus.keywords.is_empty() {
        notes.push(note("corpus", "entities and keywords have no place in a table"));
    }
    let bytes = writer.into_inner().unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Export { files: vec![File { name: "examples.csv".to_owned(), text }], notes }
}
