//! The fakes, called by clients that others wrote. What such a client needs is installed beside the build on its first
//! run; where that cannot be had the test says so, and fails under `CI=true`.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use botbuilder_domain::{Clock as _, Secret, SystemClock};
use botbuilder_testkit::fake::slack;
use serde_json::{Value, json};

/// Slack's own client.
const SLACK_SDK: &str = "slack_sdk==3.47.0";

/// The folder of a Python package, installed if need be; none where it cannot be had.
fn python_package(package: &str) -> Option<PathBuf> {
    let name = package.split("==").next().unwrap_or(package);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(package.replace("==", "-"));
    let there = || {
        let import = format!("import {name}");
        let outcome = Command::new("python3").args(["-c", &import]).env("PYTHONPATH", &folder).output();
        outcome.is_ok_and(|output| output.status.success())
    };
    if !there() {
        let installing = Command::new("python3")
            .args(["-m", "pip", "install", "--quiet", "--no-deps", "--target"])
            .arg(&folder)
            .arg(package)
            .output();
        if !installing.is_ok_and(|output| output.status.success()) || !there() {
            assert!(std::env::var_os("CI").is_none(), "{package} cannot be had");
            eprintln!("{package} cannot be had: the fake is not tried with it");
            return None;
        }
    }
    Some(folder)
}

/// Runs a client of `tests/clients` and gives what it prints.
fn run(client: &str, package: &Path, asked: &Value) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(client);
    let mut child = Command::new("python3")
        .arg(script)
        .env("PYTHONPATH", package)
        .env("NO_PROXY", "127.0.0.1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3");
    child.stdin.take().expect("its input").write_all(asked.to_string().as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{client} failed");
    serde_json::from_slice(&output.stdout).expect("it prints JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn slacks_own_client_believes_the_fake() {
    let Some(package) = python_package(SLACK_SDK) else { return };
    let options = slack::Options::default();
    let fake = slack::Fake::start(options.clone()).await.unwrap();
    // The library compares with the clock of this machine.
    let timestamp = SystemClock.now().timestamp().to_string();
    let body = r#"{"type":"event_callback","text":"café 😀"}"#;
    let secret = Secret::new(options.signing_secret.clone());
    let asked = json!({
        "base_url": fake.base_url(), "token": options.bot_token, "signing_secret": options.signing_secret,
        "signed": {
            "body": body, "timestamp": timestamp,
            "signature": botbuilder_adapter_slack::sign(&secret, &timestamp, body.as_bytes()),
        },
    });
    let found = tokio::task::spawn_blocking(move || run("slack.py", &package, &asked)).await.unwrap();

    assert_eq!(found["team"], options.team_id);
    assert_eq!((&found["opened"], &found["channel"]), (&json!("D0ADA"), &json!("D0ADA")));
    assert_eq!(found["user"], "U0ADA");
    assert_eq!(
        found["refusals"],
        json!(["channel_not_found", "no_text", "msg_too_long", "message_not_found", "invalid_auth"])
    );
    assert_eq!(found["after_throttle"], true);
    assert_eq!(fake.counters().faults["throttle"], 1);
    // Signed here and verified there, and the other way round.
    assert_eq!(found["verified"], true);
    let ours = botbuilder_adapter_slack::sign(&secret, "1700000000", b"payload=%7B%22a%22%3A1%7D");
    assert_eq!(found["signature"], ours);

    let told = |to: &str| fake.conversation(to).into_iter().filter_map(|sent| sent.text).collect::<Vec<_>>();
    assert_eq!(told("U0ADA"), ["hello", "to be deleted", "after a while"]);
    assert_eq!(told("C0SHOP"), ["Which?", "psst"]);
    let first = &fake.conversation("U0ADA")[0].id;
    assert_eq!(fake.text_of(&format!("D0ADA:{first}")).as_deref(), Some("changed"));
    let second = &fake.conversation("U0ADA")[1].id;
    assert_eq!(fake.text_of(&format!("D0ADA:{second}")), None);
}
