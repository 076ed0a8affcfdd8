//! Typebot's public files: each is imported, and then walked through to its end.

use std::path::Path;

use serde_json::Value as Json;

use super::{Row, SuiteError, json_files, read_json, walk};
use crate::{Format, Options, Outcome};

/// Runs every typebot below a folder, or one file. A typebot is core if nothing of it was left out: it has to come to
/// its end.
pub fn run(path: &Path) -> Result<Vec<Row>, SuiteError> {
    let mut files = Vec::new();
    if path.is_file() {
        files.push(path.to_owned());
    } else {
        json_files(path, 8, &mut files)?;
    }
    let mut rows = Vec::new();
    for file in files {
        let Ok(document) = read_json(&file)? else { continue };
        if Format::of(&document) == Some(Format::Typebot) {
            let name = file.strip_prefix(path).unwrap_or(&file).display().to_string();
            rows.push(typebot(if name.is_empty() { file.display().to_string() } else { name }, &document));
        }
    }
    if rows.is_empty() { Err(SuiteError::Empty(path.display().to_string())) } else { Ok(rows) }
}

fn typebot(name: String, document: &Json) -> Row {
    let mut row = Row { name, part: "typebot", core: false, faults: Vec::new(), notes: Vec::new() };
    let import = match crate::import(document, Some(Format::Typebot), &Options::default()) {
        Ok(import) => import,
        Err(error) => {
            row.faults.push(format!("not imported: {error}"));
            return row;
        }
    };
    row.core = import.report.count(Outcome::NotSupported) == 0;
    let different = import.report.lines.iter().filter(|line| line.outcome != Outcome::Mapped);
    row.notes.extend(different.map(ToString::to_string));
    for flow in &import.flows {
        match walk::to_the_end(&flow.definition) {
            Ok(steps) => row.notes.push(format!("came to its end after {steps} inputs")),
            Err(fault) if row.core => row.faults.push(fault),
            Err(fault) => row.notes.push(fault),
        }
    }
    row
}
