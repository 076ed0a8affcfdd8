//! `cargo xtask setup`: what is missing to build, run and test.

use botbuilder_postgres::Installation;

use crate::{
    shell::{Outcome, in_ci, say},
    tools, wheel,
};

/// Everything, the servers of the tests included.
pub fn run(_: &[String]) -> Outcome {
    let installation = for_programs()?;
    say(&format!("PostgreSQL is in {}", installation.root().display()));
    for_tests()?;
    say("everything is there");
    Ok(())
}

/// What building and running needs. Takes no time when it is there.
pub fn for_programs() -> Outcome<Installation> {
    tools::ensure(tools::BUILD)?;
    wheel::ensure()
}

/// The servers that the tests use besides PostgreSQL. One that cannot be had is a failure where nobody watches, and a
/// message otherwise.
pub fn for_tests() -> Outcome {
    unless_in_ci("Redis", tools::ensure(tools::REDIS))
}

/// Lets a failure pass with a message, except in CI.
pub fn unless_in_ci(what: &str, result: Outcome) -> Outcome {
    match result {
        Err(error) if !in_ci() => {
            say(&format!("{what} cannot be had, its suites will not run: {error}"));
            Ok(())
        }
        result => result,
    }
}
