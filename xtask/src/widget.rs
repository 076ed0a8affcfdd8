//! `cargo xtask widget`: the chat for websites, checked and tested, also in a browser.

use std::{path::PathBuf, process::Command};

use botbuilder_postgres::{Durability, Installation};

use crate::{
    database, setup,
    shell::{self, Outcome, cargo, exists, given, program, root, say},
    test::DATABASE_URL,
    tools::{self, Tool},
};

/// What building and testing it needs.
const TOOLS: &[Tool] = &[
    Tool {
        found: || exists("npm"),
        packages: &["nodejs", "npm"],
        purpose: "Node.js and npm, for the widget",
    },
    Tool {
        found: || exists("chromium"),
        packages: &["chromium"],
        purpose: "Chromium, for the browser's tests",
    },
];

/// Names the program that the browser talks to, instead of building one.
const PROGRAM: &str = "BOTBUILDER_BIN";

/// Checks the types and the built files, runs the unit tests, and the browser's against the whole program.
pub fn run(arguments: &[String]) -> Outcome {
    tools::ensure(TOOLS)?;
    let installation = setup::for_programs()?;
    shell::run(npm().args(["ci", "--no-audit", "--no-fund"]))?;
    for script in ["types", "check-dist", "test"] {
        shell::run(npm().args(["run", script]))?;
    }
    in_browser(installation, arguments)
}

fn npm() -> Command {
    let mut command = program("npm");
    command.current_dir(root().join("widget"));
    command
}

fn in_browser(installation: Installation, arguments: &[String]) -> Outcome {
    let mut tests = npm();
    tests.args(["run", "test:browser", "--"]).args(arguments);
    tests.env("PSQL", installation.program("psql"));
    if !given(PROGRAM) {
        shell::run(cargo().args(["build", "--package", "botbuilder"]))?;
        let built: PathBuf = shell::target().join("debug/botbuilder");
        tests.env(PROGRAM, built);
    }
    if given(DATABASE_URL) {
        return shell::run(&mut tests);
    }
    say("starting PostgreSQL");
    // It lives until the tests have ended.
    let server = database::start(installation, Durability::None)?;
    tests.env(DATABASE_URL, server.url());
    shell::run(&mut tests)
}
