//! The ledger of security requirements (`docs/asvs.md`) is whole, counts itself rightly, and names tests that there are.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// The sections of ASVS 5.0, each with the levels of its requirements in their order.
const SECTIONS: &str = "
    1.1 22, 1.2 1111122223, 1.3 112222222223, 1.4 222, 1.5 123, 2.1 122, 2.2 112, 2.3 12223, 2.4 23, 3.1 3, 3.2 113,
    3.3 12223, 3.4 11222233, 3.5 11122333, 3.6 3, 3.7 22333, 4.1 12233, 4.2 23333, 4.3 22, 4.4 1222, 5.1 2, 5.2 112333,
    5.3 113, 5.4 222, 6.1 122, 6.2 111111112222, 6.3 11223333, 6.4 112233, 6.5 22222333, 6.6 2223, 6.7 33, 6.8 2222,
    7.1 222, 7.2 1111, 7.3 22, 7.4 11222, 7.5 223, 7.6 22, 8.1 1233, 8.2 1123, 8.3 133, 8.4 23, 9.1 111, 9.2 1222,
    10.1 22, 10.2 223, 10.3 22223, 10.4 1111122222233333, 10.5 22222, 10.6 22, 10.7 222, 11.1 2233, 11.2 22233,
    11.3 11233, 11.4 1222, 11.5 23, 11.6 23, 11.7 33, 12.1 12233, 12.2 11, 12.3 22223, 13.1 2333, 13.2 222223,
    13.3 2233, 13.4 1222233, 14.1 22, 14.2 12223333, 14.3 122, 15.1 12233, 15.2 12233, 15.3 1222222, 15.4 3333,
    16.1 2, 16.2 22222, 16.3 2222, 16.4 222, 16.5 2223, 17.1 23, 17.2 22223333, 17.3 22";

const STATES: [&str; 4] = ["met", "n/a", "partly", "missing"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository")
}

/// The cells of the lines of tables.
fn cells(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines()
        .filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"))
        .map(|line| line.split(" | ").collect())
}

/// Every requirement of the standard with its level.
fn requirements() -> BTreeMap<String, char> {
    let sections = SECTIONS.split(',').map(|section| section.trim().split_once(' ').expect("a section"));
    let all = sections.flat_map(|(section, levels)| {
        levels.chars().zip(1..).map(move |(level, number)| (format!("{section}.{number}"), level))
    });
    all.collect()
}

#[test]
fn every_requirement_stands_there_once_at_its_level_and_the_counts_are_right() {
    let required = requirements();
    let of_level = |level: char| required.values().filter(|known| **known == level).count();
    assert_eq!((of_level('1'), of_level('2'), of_level('3')), (70, 183, 92), "as the standard says");
    let text = fs::read_to_string(root().join("docs/asvs.md")).expect("the ledger");
    let (mut seen, mut counts) = (BTreeSet::new(), BTreeMap::new());
    for cells in cells(&text).filter(|cells| cells[0].split('.').count() == 3) {
        let [number, level, state, reason] = cells[..] else { panic!("not four cells: {cells:?}") };
        assert_eq!(required.get(number).map(char::to_string).as_deref(), Some(level), "{number}");
        assert!(STATES.contains(&state), "{number} is {state}");
        assert!(!reason.trim().is_empty(), "{number} gives no reason");
        assert!(seen.insert(number.to_owned()), "{number} is there twice");
        *counts.entry((level.to_owned(), state.to_owned())).or_insert(0) += 1;
    }
    let missing: Vec<_> =
        required.iter().filter(|(number, level)| **level != '3' && !seen.contains(*number)).collect();
    assert!(missing.is_empty(), "not there: {missing:?}");
    for (level, total) in [("1", 70), ("2", 183)] {
        let of = |state: &str| counts.get(&(level.to_owned(), state.to_owned())).copied().unwrap_or(0);
        let counted = [total, of(STATES[0]), of(STATES[1]), of(STATES[2]), of(STATES[3])];
        let said = cells(&text).find(|cells| cells.len() == 6 && cells[0] == level).expect("the counts");
        let said: Vec<i32> = said[1..].iter().map(|count| count.parse().expect("a count")).collect();
        assert_eq!(said, counted, "level {level}");
    }
}

/// The text of every Rust file, and the names of all files.
fn sources(directory: &Path, text: &mut String, files: &mut BTreeSet<String>) {
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            if !matches!(name.as_str(), "target" | "node_modules" | ".git") {
                sources(&path, text, files);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&fs::read_to_string(&path).expect("a source"));
            files.insert(name.trim_end_matches(".rs").to_owned());
        }
    }
}

/// Names in backticks that look like a test: `module::name`, or a sentence in one word.
fn named(text: &str) -> BTreeSet<&str> {
    let quoted = text.split('`').skip(1).step_by(2);
    let last = quoted.map(|name| name.rsplit("::").next().unwrap_or(name));
    let is_name = |name: &&str| {
        name.matches('_').count() >= 3
            && name.chars().all(|character| {
                character.is_ascii_lowercase() || character == '_' || character.is_ascii_digit()
            })
    };
    last.filter(is_name).collect()
}

#[test]
fn tests_that_pages_name_are_there() {
    let (mut text, mut files) = (String::new(), BTreeSet::new());
    sources(root(), &mut text, &mut files);
    for page in ["asvs.md", "sso.md", "threats.md", "security.md"] {
        let page_text = fs::read_to_string(root().join("docs").join(page)).expect("a page");
        let names = named(&page_text);
        let gone: Vec<_> = names
            .into_iter()
            .filter(|name| !text.contains(&format!("fn {name}(")) && !text.contains(&format!("{name}:")))
            .collect();
        assert!(gone.is_empty(), "{page} names what is not there: {gone:?}");
        // A whole module of tests: `module::*`.
        let modules = page_text.split('`').skip(1).step_by(2).filter_map(|name| name.strip_suffix("::*"));
        let gone: Vec<_> = modules
            .map(|name| name.rsplit([':', ' ']).next().unwrap_or(name))
            .filter(|name| !files.contains(*name) && !text.contains(&format!("mod {name}")))
            .collect();
        assert!(gone.is_empty(), "{page} names modules that are not there: {gone:?}");
    }
}
