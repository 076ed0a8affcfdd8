//! `cargo xtask conformance`: the sockets of the chat, by the Autobahn cases.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    time::{Duration, Instant},
};

use botbuilder_postgres::Durability;

use crate::{
    database, setup,
    shell::{self, Guarded, Outcome, capture, cargo, program, say},
};

/// The suite, from Python's registry.
const SUITE: &str = "kosoku==0.1.0";
/// Time for the program to listen.
const READY_WITHIN: Duration = Duration::from_mins(2);
/// Says what failed in the suite's report, and fails if anything did. Compression (groups 12 and 13) is not offered.
const JUDGE: &str = r#"
import collections, json, sys
[cases] = json.load(open(sys.argv[1])).values()
verdicts = collections.Counter(case["behavior"] for case in cases.values())
bad = [name for name, case in cases.items()
       if case["behavior"] in ("FAILED", "WRONG CODE", "UNCLEAN") or case["behaviorClose"] == "FAILED"
       or case["behavior"] == "UNIMPLEMENTED" and not name.startswith(("12.", "13."))]
print(len(cases), "cases:", ", ".join(f"{count} {verdict.lower()}" for verdict, count in verdicts.most_common()))
sys.exit(f"failed: {' '.join(bad)}" if bad or len(cases) < 500 else 0)
"#;

/// Runs the suite against the program's own sockets.
pub fn run(arguments: &[String]) -> Outcome {
    let installation = setup::for_programs()?;
    let target = shell::target();
    let suite = target.join("conformance");
    if !suite.join("kosoku").is_dir() {
        let mut pip = program("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--target"]).arg(&suite).arg(SUITE);
        shell::run(&mut pip)?;
    }
    shell::run(cargo().args(["build", "--package", "botbuilder", "--features", "for-tests"]))?;
    let server = database::start(installation, Durability::None)?;
    let url = server.url();
    let [public, internal] = [free_address()?, free_address()?];
    let directory = target.join(format!("conformance-run-{}", std::process::id()));
    fs::create_dir_all(&directory)?;
    let config = directory.join("botbuilder.toml");
    fs::write(
        &config,
        format!(
            "data_dir = {:?}\n[database]\nurl = {url:?}\n[listen]\npublic = \"{public}\"\n\
             internal = \"{internal}\"\n[log]\nfilter = \"warn\"\n",
            directory.join("data").display().to_string()
        ),
    )?;
    fs::create_dir_all(directory.join("data"))?;
    let mut bot = program(target.join("debug/botbuilder"));
    bot.arg("run").arg("--config").arg(&config);
    let _program = Guarded::start(&bot, &directory)?;
    wait(public)?;
    let report = target.join("conformance-report");
    let mut cases = program(suite.join("bin/kosoku"));
    cases.env("PYTHONPATH", &suite).args(["-m", "fuzzingclient", "-o"]).arg(&report);
    cases.args(arguments).arg(format!("ws://{public}/echo-for-tests"));
    // Its own verdict counts what is not offered as failed.
    if let Err(error) = capture(&mut cases) {
        say(error.to_string().lines().next().unwrap_or_default());
    }
    shell::run(program("python3").args(["-c", JUDGE]).arg(report.join("index.json")))
}

fn free_address() -> Outcome<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

fn wait(address: SocketAddr) -> Outcome {
    let started = Instant::now();
    while TcpStream::connect(address).is_err() {
        if started.elapsed() > READY_WITHIN {
            return Err("the program does not listen".into());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}
