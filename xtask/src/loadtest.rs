//! `cargo xtask kill` and `cargo xtask load`: the driver of `loadtest/`, with a database that keeps its promises.

use std::process::Command;

use botbuilder_postgres::Durability;

use crate::{
    database, kafka, setup,
    shell::{self, Outcome, cargo, say},
    test::DATABASE_URL,
    tools,
};

/// Kills the program again and again and counts what was lost.
pub fn kill(arguments: &[String]) -> Outcome {
    let words: Vec<&str> = ["kill"].into_iter().chain(arguments.iter().map(String::as_str)).collect();
    drive(&[], &words)
}

/// Runs a scenario: its name first, then what it takes. The driver is optimised, so that it is not what is measured.
pub fn load(arguments: &[String]) -> Outcome {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if words.first() == Some(&"nlu") {
        // It needs neither tools nor a database.
        return shell::run(&mut driver(&["--release"], &words));
    }
    tools::ensure(tools::LOAD)?;
    if words.first() == Some(&"sockets") {
        // What it is compared with.
        let mut npm = shell::program("npm");
        shell::run(npm.current_dir(shell::root().join("loadtest/peers")).args([
            "ci",
            "--no-audit",
            "--no-fund",
        ]))?;
    }
    drive(&["--release"], &words)
}

fn driver(profile: &[&str], words: &[&str]) -> Command {
    let mut driver = cargo();
    driver.args(["run", "--quiet", "--package", "botbuilder-loadtest"]).args(profile).arg("--").args(words);
    driver
}

fn drive(profile: &[&str], words: &[&str]) -> Outcome {
    let installation = setup::for_programs()?;
    let mut driver = driver(profile, words);
    // A scenario that wants a broker starts one with this program.
    driver.env(kafka::TEST_VARIABLE, std::env::current_exe()?);
    if shell::given(DATABASE_URL) {
        return shell::run(&mut driver);
    }
    say("starting PostgreSQL");
    let server = database::start(installation, Durability::Full)?;
    shell::run(driver.env(DATABASE_URL, server.url()))
}
