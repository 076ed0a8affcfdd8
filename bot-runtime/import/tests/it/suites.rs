//! Suites of our own, in the layout of the others.

use std::path::{Path, PathBuf};

use botbuilder_import::conformance::{self, Row, SuiteError};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name)
}

fn failed(rows: &[Row]) -> Vec<&Row> {
    rows.iter().filter(|row| !row.passes()).collect()
}

#[test]
fn a_suite_of_goflow_is_played() {
    let rows = conformance::goflow::run(&folder("goflow/suite")).unwrap();
    assert!(failed(&rows).is_empty(), "{:#?}", failed(&rows));
    let count = |part: &str| rows.iter().filter(|row| row.part == part).count();
    assert_eq!((count("scenario"), count("broken")), (4, 23));
    // What is broken about a node names the node.
    let of_flow = ["no_language", "old_spec", "unknown_type_of_flow"];
    for row in rows.iter().filter(|row| row.part == "broken" && !of_flow.contains(&row.name.as_str())) {
        assert!(row.notes.iter().any(|note| note.contains("node `")), "{row:#?}");
    }
}

#[test]
fn a_difference_is_a_fault() {
    let rows = conformance::goflow::run(&folder("goflow/suite_wrong")).unwrap();
    let rows: Vec<&Row> = rows.iter().filter(|row| row.part == "scenario").collect();
    assert_eq!(rows.len(), 1);
    let faults = rows[0].faults.join("; ");
    assert!(faults.contains("Something else") && faults.contains("waits"), "{faults}");
}

#[test]
fn typebots_are_walked_through_to_their_end() {
    let rows = conformance::typebot::run(&folder("typebot")).unwrap();
    assert!(failed(&rows).is_empty(), "{:#?}", failed(&rows));
    let core: Vec<_> = rows.iter().filter(|row| row.core).map(|row| row.name.as_str()).collect();
    assert_eq!((rows.len(), core), (2, vec!["order.json"]));
    for row in &rows {
        assert!(row.notes.iter().any(|note| note.contains("came to its end")), "{row:#?}");
    }
}

#[test]
fn a_folder_without_a_suite_says_so() {
    let empty = tempfile::tempdir().unwrap();
    assert!(matches!(conformance::typebot::run(empty.path()), Err(SuiteError::Empty(_))));
    assert!(matches!(conformance::goflow::run(empty.path()), Err(SuiteError::Empty(_))));
}
