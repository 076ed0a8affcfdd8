//! `cargo xtask setup`: what is missing to build, run and test.

use std::path::PathBuf;

use botbuilder_postgres::{Installation, dirs};

use crate::{
    kafka, models,
    shell::{Outcome, in_ci, say},
    tools, wheel,
};

/// The servers that tests use besides PostgreSQL, as far as they could be had.
pub struct Servers {
    /// Whether a Redis server can be started, or why not.
    pub redis: Result<(), String>,
    /// Where Kafka's jars are, or why not.
    pub kafka: Result<PathBuf, String>,
    /// Where the files of the models are, or why not.
    pub models: Result<PathBuf, String>,
    /// Whether there are browsers for the chat of websites, or why not.
    pub browsers: Result<(), String>,
}

/// Everything, the servers of the tests included.
pub fn run(_: &[String]) -> Outcome {
    let installation = for_programs()?;
    say(&format!("PostgreSQL is in {}", installation.root().display()));
    let servers = for_tests()?;
    if let Ok(home) = servers.kafka {
        say(&format!("Kafka is in {}", home.display()));
    }
    if let Ok(place) = servers.models {
        say(&format!("the models are in {}", place.display()));
    }
    say("set up");
    Ok(())
}

/// What building and running needs. Takes no time when it is there.
pub fn for_programs() -> Outcome<Installation> {
    tools::ensure(tools::BUILD)?;
    wheel::ensure()
}

/// The servers of the tests. One that cannot be had is a failure where nobody watches, and a message otherwise.
pub fn for_tests() -> Outcome<Servers> {
    unless_in_ci("what others wrote", tools::ensure(tools::FOREIGN))?.ok();
    Ok(Servers {
        redis: unless_in_ci("Redis", tools::ensure(tools::REDIS))?,
        kafka: unless_in_ci("Kafka", install_kafka())?,
        models: unless_in_ci("the models", models::ensure())?,
        browsers: unless_in_ci("the browsers", tools::ensure(tools::BROWSERS))?,
    })
}

/// `cargo xtask kafka`.
pub fn kafka(arguments: &[String]) -> Outcome {
    tools::ensure(tools::KAFKA)?;
    kafka::run(arguments)
}

fn install_kafka() -> Outcome<PathBuf> {
    tools::ensure(tools::KAFKA)?;
    kafka::ensure_installed(&dirs::cache_dir())
}

fn unless_in_ci<T>(what: &str, result: Outcome<T>) -> Outcome<Result<T, String>> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(error) if in_ci() => Err(format!("{what} cannot be had: {error}").into()),
        Err(error) => {
            say(&format!("{what} cannot be had, its suites will not run: {error}"));
            Ok(Err(error.to_string()))
        }
    }
}
