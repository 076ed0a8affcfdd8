//! The suite of goflow: `test/testdata/runner/NAME.CASE.json` plays `NAME.json`, and
//! `flows/definition/testdata/broken_flows` has to be refused.
//!
//! What is compared, sprint by sprint: the texts that are sent, their files and quick replies; whether the session waits
//! or is over; the nodes that are come to, where the case tells them; at the end the values and categories of results.

use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use super::{Row, SuiteError, json_files, read_json};
use crate::{Format, ImportError, Options, items, text};

mod play;

/// The cases that have to pass: messages, waits, routers, results, flows that call each other, calls of services.
const CORE: [&str; 24] = [
    "brochure.test",
    "date_parse.test",
    "default_result.test",
    "empty.test",
    "enter_flow_loop.test",
    "enter_flow_terminal.test",
    "extra.test",
    "field_clear.test",
    "initial_wait.test",
    "node_loop.test",
    "number_quiz.exceed_limit",
    "phone_number.test",
    "ping_pong.test",
    "redact_urns.test",
    "router_tests.test",
    "stop.test",
    "subflow.test",
    "subflow_loop_with_wait.test",
    "subflow_other.test",
    "triggered.test",
    "two_questions.test",
    "two_questions_offline.test",
    "webhook_migrated.test",
    "webhook_persists.test",
];

/// Runs the suite in a checkout, or in a folder of cases.
pub fn run(path: &Path) -> Result<Vec<Row>, SuiteError> {
    let mut rows = Vec::new();
    let runner = below(path, "test/testdata/runner");
    let broken = below(path, "flows/definition/testdata/broken_flows");
    if broken != runner || path.ends_with("broken_flows") {
        for file in files(&broken)? {
            rows.push(refused(&broken, &file)?);
        }
    }
    if !path.ends_with("broken_flows") {
        for file in files(&runner)? {
            if let Some(row) = scenario(&runner, &file)? {
                rows.push(row);
            }
        }
    }
    if rows.is_empty() { Err(SuiteError::Empty(path.display().to_string())) } else { Ok(rows) }
}

/// A folder of the checkout; the path itself where it is not there.
fn below(path: &Path, folder: &str) -> PathBuf {
    let inside = path.join(folder);
    if inside.is_dir() { inside } else { path.to_owned() }
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, SuiteError> {
    let mut found = Vec::new();
    json_files(folder, 0, &mut found)?;
    Ok(found)
}

fn name_of(folder: &Path, file: &Path) -> String {
    file.strip_prefix(folder).unwrap_or(file).with_extension("").display().to_string()
}

/// One broken flow: it passes where it is refused.
fn refused(folder: &Path, file: &Path) -> Result<Row, SuiteError> {
    let mut row = Row {
        name: name_of(folder, file),
        part: "broken",
        core: true,
        faults: Vec::new(),
        notes: Vec::new(),
    };
    let options = Options { complete: true, ..Options::default() };
    match read_json(file)?.map(|json| crate::import(&json, Some(Format::Goflow), &options)) {
        Err(error) => row.notes.push(error),
        Ok(Err(ImportError::Refused(faults))) => row.notes.extend(faults.iter().map(ToString::to_string)),
        Ok(Err(error)) => row.notes.push(error.to_string()),
        Ok(Ok(_)) => row.faults.push("it was imported".to_owned()),
    }
    Ok(row)
}

/// One case; none where the file is none.
fn scenario(folder: &Path, file: &Path) -> Result<Option<Row>, SuiteError> {
    let name = name_of(folder, file);
    let Some((assets, _)) = name.split_once('.') else { return Ok(None) };
    let core = CORE.contains(&name.as_str());
    let mut row = Row { name: name.clone(), part: "scenario", core, faults: Vec::new(), notes: Vec::new() };
    let assets = folder.join(format!("{assets}.json"));
    let documents = if assets.is_file() { Some((read_json(&assets)?, read_json(file)?)) } else { None };
    match documents {
        Some((Ok(assets), Ok(case))) => play(&assets, &case, &mut row),
        Some((Err(error), _) | (_, Err(error))) => row.faults.push(error),
        None => row.faults.push(format!("{} is not there", assets.display())),
    }
    Ok(Some(row))
}

fn play(assets: &Json, case: &Json, row: &mut Row) {
    let import = match crate::import(assets, Some(Format::Goflow), &Options::default()) {
        Ok(import) => import,
        Err(error) => return row.faults.push(format!("not imported: {error}")),
    };
    let different = import.report.lines.iter().filter(|line| line.outcome != crate::Outcome::Mapped);
    row.notes.extend(different.map(ToString::to_string));
    let mut player = match play::Player::new(&import, assets, case) {
        Ok(player) => player,
        Err(fault) => return row.faults.push(fault),
    };
    let outputs = items(case, "outputs");
    let begin = play::trigger(case);
    let inputs = std::iter::once(Ok(begin)).chain(items(case, "resumes").iter().map(play::resume));
    for (number, (input, expected)) in inputs.zip(outputs).enumerate() {
        let input = match input {
            Ok(input) => input,
            Err(fault) => return row.faults.push(format!("output {number}: {fault}")),
        };
        let found = player.step(input, expected);
        row.faults
            .extend(found.differences(expected).into_iter().map(|fault| format!("output {number}: {fault}")));
        if !row.faults.is_empty() {
            return;
        }
    }
    if let Some(last) = outputs.last() {
        row.faults.extend(player.results(text(&play::trigger_flow(case), "uuid"), last));
    }
}
