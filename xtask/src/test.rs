//! `cargo xtask test`: every test, with the real servers it needs.

use std::{path::PathBuf, process::Command};

use botbuilder_postgres::{Durability, TemporaryServer};

use crate::{
    database, kafka, lint,
    redis::Redis,
    setup,
    shell::{self, Outcome, cargo, given, in_ci, say},
    widget,
};

/// Names the superuser's URL of a PostgreSQL server in which tests may create databases.
pub const DATABASE_URL: &str = "BOTBUILDER_TEST_DATABASE_URL";

/// Names the URL of a Redis server that tests may fill.
const REDIS_URL: &str = "BOTBUILDER_TEST_REDIS_URL";

/// Names the program that suites run instead of building one.
const PROGRAM: &str = "BOTBUILDER_BIN";

/// Names the directory of the built-in models, for the suites that need them.
const MODELS: &str = "BOTBUILDER_TEST_MODELS";

/// What the crates leave out when they are built on their own, and the program has.
const FEATURES: &str = "botbuilder-stream/kafka,botbuilder-service/otlp";

/// Sets up, starts the servers, checks and tests. Every step is run, so that one look shows all that is wrong.
pub fn run(arguments: &[String]) -> Outcome {
    let with_lint = in_ci() || arguments.iter().any(|argument| argument == "--lint");
    let arguments: Vec<&String> = arguments.iter().filter(|argument| *argument != "--lint").collect();
    let installation = setup::for_programs()?;
    let available = setup::for_tests()?;

    let mut tests = cargo();
    tests.args(["test", "--no-fail-fast"]);
    let whole = !arguments.iter().any(|argument| *argument == "-p" || argument.starts_with("--package"));
    if whole {
        tests.args(["--workspace", "--features", FEATURES]);
    }
    tests.args(arguments);
    // The suites that run the program take the one that this run builds.
    tests.env(PROGRAM, shell::target().join("debug/botbuilder"));
    // What is started here lives until the end of this function.
    let mut servers = Vec::new();
    let postgres = if given(DATABASE_URL) {
        servers.push(format!("postgresql: the one {DATABASE_URL} names"));
        None
    } else {
        say("starting PostgreSQL");
        let server = database::start(installation.clone(), Durability::None)?;
        tests.env(DATABASE_URL, server.url());
        servers.push(format!("postgresql: {}, started for this run", database::version(&server)?));
        Some(server)
    };
    let _redis = start_redis(available.redis, &mut tests, &mut servers)?;
    servers.push(offer_kafka(available.kafka, &mut tests)?);
    servers.push(match available.models {
        Ok(place) => {
            tests.env(MODELS, &place);
            format!("models: {}", place.display())
        }
        Err(reason) => {
            tests.env_remove(MODELS);
            format!("models: none, their suites did not run ({reason})")
        }
    });

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
    if whole {
        // The program that the browsers talk to is one that the tests use too.
        attempt(shell::run(cargo().args(["test", "--no-run", "--workspace", "--features", FEATURES])));
        servers.push(match available.browsers {
            Ok(()) => {
                let url = postgres.as_ref().map(TemporaryServer::url);
                attempt(widget::check(&installation, url.as_deref(), &[]));
                "browsers: Chromium and Firefox".to_owned()
            }
            Err(reason) => format!("browsers: none, the chat's tests in them did not run ({reason})"),
        });
    }
    attempt(shell::run(&mut tests));
    for server in servers {
        println!("{server}");
    }
    if failures.is_empty() { Ok(()) } else { Err(failures.join("; ").into()) }
}

fn start_redis(
    available: Result<(), String>,
    tests: &mut Command,
    servers: &mut Vec<String>,
) -> Outcome<Option<Redis>> {
    if given(REDIS_URL) {
        servers.push(format!("redis: the one {REDIS_URL} names"));
        return Ok(None);
    }
    if let Err(reason) = available {
        servers.push(format!("redis: none, its suites did not run ({reason})"));
        return Ok(None);
    }
    say("starting Redis");
    let redis = Redis::start()?;
    tests.env(REDIS_URL, redis.url());
    servers.push(format!("redis: {}, started for this run", redis.version()?));
    Ok(Some(redis))
}

/// Brokers are started by the suite itself, which stops and kills them as it goes: it is told which program does so.
fn offer_kafka(available: Result<PathBuf, String>, tests: &mut Command) -> Outcome<String> {
    Ok(match available {
        Ok(home) => {
            tests.env(kafka::TEST_VARIABLE, std::env::current_exe()?);
            let version = home.file_name().unwrap_or_default().to_string_lossy().replace("kafka-", "");
            format!("kafka: {version}, started and stopped by the suite that uses it")
        }
        Err(reason) => {
            tests.env_remove(kafka::TEST_VARIABLE);
            format!("kafka: none, its suite did not run ({reason})")
        }
    })
}
