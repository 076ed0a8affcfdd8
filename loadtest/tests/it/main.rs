//! The kill suite, as it runs with every change.

use botbuilder_loadtest::{
    database::ENVIRONMENT,
    kill::{
        driver::Crowd,
        run::{self, Plan},
    },
    program::{self, Build},
    report,
};

/// Kills of a run.
const KILLS: u32 = 50;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_random_everything_accepted_is_answered_once_and_in_order() {
    let server = std::env::var(ENVIRONMENT).unwrap_or_else(|_| {
        panic!("{ENVIRONMENT} is not set: name an administrator's connection to a PostgreSQL 18 server, or run `cargo xtask test`")
    });
    let binary = program::binary(Build::default()).expect("the program is built");
    let plan = Plan {
        server: &server,
        binary: &binary,
        kills: KILLS,
        points: &[],
        deaths: 0,
        seed: u64::from(std::process::id()),
        crowd: Crowd::default(),
        misbehaving: false,
        tell: false,
    };
    let outcome = run::run(&plan).await.expect("the suite runs to its end");
    println!("{}", outcome.text());
    report::write("kill-test", &outcome).expect("the report is written");
    assert!(outcome.verdict.passed(), "{}", outcome.text());
}
