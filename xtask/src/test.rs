//! `cargo xtask test`: every test, with the real servers it needs.

use std::process::Command;

use botbuilder_postgres::dirs;

use crate::{
    database, kafka, lint,
    redis::Redis,
    setup,
    shell::{self, Outcome, cargo, in_ci, say},
};

/// Names the superuser's URL of a PostgreSQL server in which tests may create databases.
const DATABASE_URL: &str = "BOTBUILDER_TEST_DATABASE_URL";

/// Names the URL of a Redis server that tests may fill.
const REDIS_URL: &str = "BOTBUILDER_TEST_REDIS_URL";

/// Sets up, starts the servers, checks and tests. Every step is run, so that one look shows all that is wrong.
pub fn run(arguments: &[String]) -> Outcome {
    let with_lint = in_ci() || arguments.iter().any(|argument| argument == "--lint");
    let arguments: Vec<&String> = arguments.iter().filter(|argument| *argument != "--lint").collect();
    let installation = setup::for_programs()?;
    setup::for_tests()?;

    let mut tests = cargo();
    tests.args(["test", "--workspace", "--no-fail-fast"]).args(arguments);
    // What is started here lives until the end of this function.
    let mut servers = Vec::new();
    let _postgres = if given(DATABASE_URL) {
        servers.push(format!("postgresql: the one {DATABASE_URL} names"));
        None
    } else {
        say("starting PostgreSQL");
        let server = database::start(installation)?;
        tests.env(DATABASE_URL, server.url());
        servers.push(format!("postgresql: {}, started for this run", database::version(&server)?));
        Some(server)
    };
    let _redis = start_redis(&mut tests, &mut servers)?;
    provide_kafka(&mut tests, &mut servers)?;

    let mut failures = Vec::new();
    let mut attempt = |result: Outcome| {
        if let Err(error) = result {
            failures.push(error.to_string());
        }
    };
    attempt(lint::check_format());
    if with_lint {
        attempt(lint::clippy());
    }
    attempt(shell::run(&mut tests));
    for server in servers {
        println!("{server}");
    }
    if failures.is_empty() { Ok(()) } else { Err(failures.join("; ").into()) }
}

fn start_redis(tests: &mut Command, servers: &mut Vec<String>) -> Outcome<Option<Redis>> {
    if given(REDIS_URL) {
        servers.push(format!("redis: the one {REDIS_URL} names"));
        return Ok(None);
    }
    say("starting Redis");
    match Redis::start() {
        Ok(redis) => {
            tests.env(REDIS_URL, redis.url());
            servers.push(format!("redis: {}, started for this run", redis.version()?));
            Ok(Some(redis))
        }
        Err(error) if in_ci() => Err(error),
        Err(error) => {
            servers.push(format!("redis: none, its suites did not run ({error})"));
            Ok(None)
        }
    }
}

/// The suite starts and stops brokers itself, through this program.
fn provide_kafka(tests: &mut Command, servers: &mut Vec<String>) -> Outcome {
    if given(kafka::TEST_VARIABLE) {
        servers.push(format!("kafka: what {} starts", kafka::TEST_VARIABLE));
        return Ok(());
    }
    match kafka::ensure_installed(&dirs::cache_dir()) {
        Ok(_) => {
            tests.env(kafka::TEST_VARIABLE, std::env::current_exe()?);
            servers.push(format!("kafka: {}, started by its suite", kafka::VERSION));
            Ok(())
        }
        Err(error) if in_ci() => Err(error),
        Err(error) => {
            servers.push(format!("kafka: none, its suite did not run ({error})"));
            Ok(())
        }
    }
}

fn given(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| !value.is_empty())
}
