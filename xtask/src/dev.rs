//! `cargo xtask dev`: from a fresh clone to a bot that answers.

use std::{os::unix::process::CommandExt as _, path::PathBuf};

use botbuilder_postgres::dirs;

use crate::{
    models, setup,
    shell::{self, Outcome, cargo, given, program, root, say, target},
};

/// Names the data directory; the program reads it like any other setting.
const DATA_DIR: &str = "BOTBUILDER__DATA_DIR";

/// Names the PostgreSQL programs.
const INSTALLATION: &str = "BOTBUILDER__DATABASE__INSTALLATION";

/// Sets up, builds and becomes `botbuilder dev`.
pub fn run(arguments: &[String]) -> Outcome {
    let mut words = vec!["dev".to_owned()];
    words.extend_from_slice(arguments);
    models::offer();
    become_program(&words)
}

/// The same for any other command of the program, on the data of `dev`.
pub fn other(arguments: &[String]) -> Outcome {
    become_program(arguments)
}

fn become_program(words: &[String]) -> Outcome {
    let installation = setup::for_programs()?;
    say("building (the first time takes minutes)");
    shell::run(cargo().args(["build", "--package", "botbuilder"]))?;
    let mut command = program(target().join("debug/botbuilder"));
    command.args(words).env("BOTBUILDER_COMMAND", "cargo xtask botbuilder");
    if !given(DATA_DIR) {
        let data_dir = data_dir();
        say(&format!("data is in {}", data_dir.display()));
        command.env(DATA_DIR, data_dir);
    }
    if !given(INSTALLATION) {
        command.env(INSTALLATION, installation.root());
    }
    // From here on this process is the program: signals and the exit status are its own.
    Err(format!("cannot start botbuilder: {}", command.exec()).into())
}

/// A directory for this checkout, so that two of them do not share a database. It is not inside the checkout, because
/// as root's the database server runs under an account that may not be able to reach that.
fn data_dir() -> PathBuf {
    dirs::data_dir().join(format!("dev-{:08x}", dirs::digest(&root()) >> 32))
}
