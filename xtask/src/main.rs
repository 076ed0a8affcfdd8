//! The commands people type, as `cargo xtask …`.
//!
//! One file per command, `tools` and `shell` under them. To add one: a file with `pub fn run`, a line in [`COMMANDS`].

mod database;
mod dev;
mod kafka;
mod lint;
mod loadtest;
mod models;
mod redis;
mod sbom;
mod setup;
mod shell;
mod sqlx_prepare;
mod test;
mod tools;
mod wheel;
mod widget;
mod widget_conformance;

use std::process::ExitCode;

use crate::shell::{Outcome, say};

/// Name, what it does, and the function that does it with the remaining arguments.
type Entry = (&'static str, &'static str, fn(&[String]) -> Outcome);

const COMMANDS: &[Entry] = &[
    ("setup", "install what is missing", setup::run),
    ("dev", "set up, build and run everything; arguments go to `botbuilder dev`", dev::run),
    (
        "test",
        "set up and run every test; --lint adds clippy, further arguments go to `cargo test`",
        test::run,
    ),
    ("botbuilder", "run any other command of the program with the settings of dev, e.g. chat", dev::other),
    ("kill", "kill the program while people write, and count what was lost", loadtest::kill),
    (
        "load",
        "measure: ingest, turn, sockets, fanout, reconnect-storm or chat, and what the scenario takes",
        loadtest::load,
    ),
    ("widget", "check the chat for websites and test it, also in a browser", widget::run),
    ("conformance", "the chat's sockets by the Autobahn cases", widget_conformance::run),
    ("lint", "check formatting, run clippy, and cargo-deny if it is installed", lint::run),
    ("sbom", "write what is built upon to target/sbom.cdx.json (CycloneDX)", sbom::run),
    ("fmt", "format the code", lint::format),
    ("sqlx-prepare", "write .sqlx anew; --check only compares", sqlx_prepare::run),
    (
        "kafka",
        "run Apache Kafka brokers; --brokers N, then stop, kill and start them by number",
        setup::kafka,
    ),
    ("postgres", "run a disposable PostgreSQL with the schema and print its URL", database::run),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((name, rest)) = arguments.split_first() else {
        usage();
        return ExitCode::FAILURE;
    };
    let Some((_, _, command)) = COMMANDS.iter().find(|(known, _, _)| known == name) else {
        usage();
        return if matches!(name.as_str(), "help" | "--help" | "-h") {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        };
    };
    // What follows a bare `--` belongs to the program that is started in the end.
    let rest = rest.strip_prefix(&["--".to_owned()]).unwrap_or(rest);
    match command(rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("failed: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn usage() {
    eprintln!("usage: cargo xtask COMMAND\n");
    for (name, what, _) in COMMANDS {
        eprintln!("  {name:<14} {what}");
    }
}
