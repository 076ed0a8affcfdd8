//! `cargo xtask sqlx-prepare`: the checked form of every query, kept in `.sqlx` so that a build needs no database.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::Path,
    time::SystemTime,
};

use botbuilder_postgres::Durability;

use crate::{
    database, setup,
    shell::{self, Outcome, cargo, root, say, target},
};

/// The crate with the queries.
const PACKAGE: &str = "botbuilder-store";

/// A file of it whose change makes it be compiled anew.
const SOURCE: &str = "core/store/src/lib.rs";

/// Compiles the queries against the migrated schema and replaces `.sqlx`, or compares with it.
pub fn run(arguments: &[String]) -> Outcome {
    let check = arguments.iter().any(|argument| argument == "--check");
    let server = database::start(setup::for_programs()?, Durability::None)?;
    database::migrate(&server)?;

    let fresh = target().join("sqlx-prepare");
    if fresh.exists() {
        fs::remove_dir_all(&fresh)?;
    }
    fs::create_dir_all(&fresh)?;
    touch(&root().join(SOURCE))?;
    let mut check_crate = cargo();
    check_crate.args(["check", "--package", PACKAGE, "--all-targets"]);
    check_crate
        .env("DATABASE_URL", server.url())
        .env("SQLX_OFFLINE", "false")
        .env("SQLX_OFFLINE_DIR", &fresh);
    shell::run(&mut check_crate)?;

    let directory = root().join(".sqlx");
    let (made, kept) = (queries(&fresh)?, queries(&directory)?);
    if made.is_empty() {
        return Err("no query was found".into());
    }
    if made == kept {
        say(&format!("{} queries, nothing has changed", made.len()));
        return Ok(());
    }
    if check {
        let changed = made.iter().filter(|(name, text)| kept.get(*name) != Some(text)).count();
        let stale = kept.keys().filter(|name| !made.contains_key(*name)).count();
        return Err(format!(
            ".sqlx does not match: {changed} queries are new or changed, {stale} are stale; run cargo xtask sqlx-prepare"
        )
        .into());
    }
    fs::create_dir_all(&directory)?;
    for name in kept.keys().filter(|name| !made.contains_key(*name)) {
        fs::remove_file(directory.join(name))?;
    }
    for (name, text) in &made {
        fs::write(directory.join(name), text)?;
    }
    say(&format!("{} queries written to .sqlx", made.len()));
    // The next build shall use what was written.
    touch(&root().join(SOURCE))
}

/// The queries of a directory by file name.
fn queries(directory: &Path) -> Outcome<BTreeMap<String, Vec<u8>>> {
    let mut found = BTreeMap::new();
    if !directory.exists() {
        return Ok(found);
    }
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if let Some(name) =
            path.file_name().and_then(|name| name.to_str()).filter(|name| name.starts_with("query-"))
        {
            found.insert(name.to_owned(), fs::read(&path)?);
        }
    }
    Ok(found)
}

fn touch(path: &Path) -> Outcome {
    #[expect(clippy::disallowed_methods, reason = "cargo compares the file with the real time")]
    let now = SystemTime::now();
    let file = File::options().append(true).open(path);
    let file = file.map_err(|error| format!("cannot open {}: {error}", path.display()))?;
    Ok(file.set_modified(now)?)
}
