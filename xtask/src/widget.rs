//! `cargo xtask widget`: the chat for websites, checked and tested, also in browsers.

use std::process::Command;

use botbuilder_postgres::{Durability, Installation};

use crate::{
    database, setup,
    shell::{self, Outcome, cargo, given, program, root, say},
    test::DATABASE_URL,
    tools,
};

/// Names the program that the browser talks to, instead of building one.
const PROGRAM: &str = "BOTBUILDER_BIN";

/// The browsers that its tests run in, by the name the tests know them by.
const BROWSERS: [&str; 2] = ["chromium", "firefox"];

/// Names one browser, where the tests are not to run in all of them.
const BROWSER: &str = "BROWSER";

/// Checks the types and the built files, runs the unit tests, and the browsers' against the whole program.
pub fn run(arguments: &[String]) -> Outcome {
    tools::ensure(tools::BROWSERS)?;
    let installation = setup::for_programs()?;
    if !given(PROGRAM) {
        shell::run(cargo().args(["build", "--package", "botbuilder"]))?;
    }
    if given(DATABASE_URL) {
        return check(&installation, None, arguments);
    }
    say("starting PostgreSQL");
    // It lives until the tests have ended.
    let server = database::start(installation.clone(), Durability::None)?;
    check(&installation, Some(&server.url()), arguments)
}

/// The same with a program that is built, and a database server that runs: at this address, or where the environment
/// says.
pub fn check(installation: &Installation, database: Option<&str>, arguments: &[String]) -> Outcome {
    shell::run(npm().args(["ci", "--no-audit", "--no-fund"]))?;
    for script in ["types", "check-dist", "test"] {
        shell::run(npm().args(["run", script]))?;
    }
    let mut failures = Vec::new();
    for browser in BROWSERS.into_iter().filter(|_| !given(BROWSER)).chain(given(BROWSER).then_some("")) {
        let mut tests = npm();
        tests.args(["run", "test:browser", "--"]).args(arguments);
        tests.env("PSQL", installation.program("psql"));
        if !browser.is_empty() {
            tests.env(BROWSER, browser);
        }
        if !given(PROGRAM) {
            tests.env(PROGRAM, shell::target().join("debug/botbuilder"));
        }
        if let Some(url) = database {
            tests.env(DATABASE_URL, url);
        }
        if let Err(error) = shell::run(&mut tests) {
            failures.push(format!("{browser}: {error}"));
        }
    }
    if failures.is_empty() { Ok(()) } else { Err(failures.join("; ").into()) }
}

fn npm() -> Command {
    let mut command = program("npm");
    command.current_dir(root().join("widget"));
    command
}
