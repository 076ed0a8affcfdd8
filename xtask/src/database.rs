//! A disposable PostgreSQL for tests, for checking queries, and for people.

use std::{
    fs,
    io::Read as _,
    path::{Path, PathBuf},
};

use botbuilder_postgres::{Durability, Installation, TemporaryServer, dirs};

use crate::{
    setup,
    shell::{Outcome, capture, program, root, say},
};

/// `cargo xtask postgres`: a server with the schema, until standard input ends or the command is interrupted.
pub fn run(_: &[String]) -> Outcome {
    let server = start(setup::for_programs()?, Durability::None)?;
    migrate(&server)?;
    println!("{}", server.url());
    say("running; end it with ctrl-c or ctrl-d");
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// Starts a server that ends with this process.
pub fn start(installation: Installation, durability: Durability) -> Outcome<TemporaryServer> {
    // Another account must be able to enter, and a private TMPDIR of root would forbid that.
    let parent = if dirs::is_root() { PathBuf::from("/tmp") } else { std::env::temp_dir() };
    Ok(TemporaryServer::start(installation, &parent, durability)?)
}

/// The server's version as it tells it.
pub fn version(server: &TemporaryServer) -> Outcome<String> {
    capture(psql(server).args(["-c", "SHOW server_version"]))
}

/// Applies the migrations with psql. The program has its own way, but that cannot be compiled before its queries are
/// checked, and they cannot be checked before there is a schema.
pub fn migrate(server: &TemporaryServer) -> Outcome {
    let directory = root().join("migrations");
    let mut files: Vec<PathBuf> = fs::read_dir(&directory)
        .map_err(|error| format!("cannot read {}: {error}", directory.display()))?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.to_string_lossy().ends_with(".up.sql"))
        .collect();
    files.sort();
    say(&format!("applying {} migrations", files.len()));
    for file in files {
        apply(server, &file)?;
    }
    Ok(())
}

fn apply(server: &TemporaryServer, file: &Path) -> Outcome {
    // Each in a transaction of its own, with the names of tables meaning those of the schema `public`.
    let mut psql = psql(server);
    psql.args(["--single-transaction", "-c", "SET LOCAL search_path = public", "-f"]);
    capture(psql.arg(file)).map(drop)
}

fn psql(server: &TemporaryServer) -> std::process::Command {
    let mut command = program(server.server().installation().program("psql"));
    command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", &server.url()]);
    command
}
