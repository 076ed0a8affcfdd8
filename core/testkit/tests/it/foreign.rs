//! The fakes, called by clients that others wrote. What such a client needs is installed beside the build on its first
//! run; where that cannot be had the test says so, and fails under `CI=true`.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use botbuilder_domain::{Clock as _, Secret, SystemClock};
use botbuilder_testkit::fake::{slack, telegram};
use serde_json::{Value, json};

/// Slack's own client, and the module it is.
const SLACK_SDK: (&str, &str) = ("slack_sdk==3.47.0", "slack_sdk");

/// The client that most bots on Telegram are written with.
const TELEGRAM: (&str, &str) = ("python-telegram-bot==22.8", "telegram");

/// The folder of a Python package, installed if need be; none where it cannot be had.
fn python_package((package, module): (&str, &str)) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(package.replace("==", "-"));
    let there = || {
        let import = format!("import {module}");
        let outcome = Command::new("python3").args(["-c", &import]).env("PYTHONPATH", &folder).output();
        outcome.is_ok_and(|output| output.status.success())
    };
    if !there() {
        let installing = Command::new("python3")
            .args(["-m", "pip", "install", "--quiet", "--target"])
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

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_telegrams_bots_believes_the_fake() {
    let Some(package) = python_package(TELEGRAM) else { return };
    let options = telegram::Options::default();
    let fake = telegram::Fake::start(options.clone()).await.unwrap();
    let (said, _) = telegram::message_webhook(&options.secret_token, 7, 42, "/start ad_7");
    let (tapped, _) = telegram::tap_webhook(&options.secret_token, 8, 42, "yes");
    let updates = [said, tapped].map(|body| serde_json::from_str::<Value>(&body).unwrap());
    let asked = json!({ "base_url": fake.base_url(), "token": options.bot_token, "updates": updates });
    let found = tokio::task::spawn_blocking(move || run("telegram_bot.py", &package, &asked)).await.unwrap();

    assert_eq!(found["me"], "fake_bot");
    assert_eq!(found["webhook"], "http://127.0.0.1:9/hooks/x");
    assert_eq!(found["sent"], json!(["hello", "Which?"]));
    assert_eq!(
        found["refusals"],
        json!(["BadRequest", "BadRequest", "BadRequest", "Forbidden", "RetryAfter"])
    );
    assert_eq!(found["wrong_token"], "InvalidToken");
    assert_eq!(found["heard"], json!(["/start ad_7", "yes"]));
    let buttons = fake.messages()[1].body["reply_markup"]["inline_keyboard"][0][0].clone();
    assert_eq!(buttons["callback_data"], "yes");
    assert_eq!(fake.conversation("42").len(), 4);
    assert_eq!(fake.counters().signals, 2);
}
