//! The fakes, called by clients that others wrote, and calling bots written with others' frameworks.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use botbuilder_domain::{Clock as _, Secret, SystemClock};
use botbuilder_testkit::{
    fake::{instagram, slack, telegram, whatsapp},
    foreign::{self, Packages},
};
use serde_json::{Value, json};

/// The folder of what a client needs, by the digests in `tests/clients/{name}.requirements.txt`; none where it cannot be
/// had.
pub(crate) fn packages(name: &str) -> Option<PathBuf> {
    let clients = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
    let requirements = clients.join(format!("{name}.requirements.txt"));
    foreign::packages(env!("CARGO_TARGET_TMPDIR"), Packages::Requirements(&requirements))
}

/// Runs a client of `tests/clients` and gives what it prints.
fn run(client: &str, package: &Path, asked: &Value) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(client);
    let mut child = Command::new("python3")
        .arg(script)
        .env("PYTHONPATH", package)
        .env("PYTHONDONTWRITEBYTECODE", "1")
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
    let Some(package) = packages("slack") else { return };
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
    assert_eq!(told("U0ADA"), ["hello", "to be deleted", "here", "after a while"]);
    assert_eq!((&found["shared"], &found["not_shared"]), (&json!(true), &json!("channel_not_found")));
    assert_eq!(told("C0SHOP"), ["Which?", "psst"]);
    let first = &fake.conversation("U0ADA")[0].id;
    assert_eq!(fake.text_of(&format!("D0ADA:{first}")).as_deref(), Some("changed"));
    let second = &fake.conversation("U0ADA")[1].id;
    assert_eq!(fake.text_of(&format!("D0ADA:{second}")), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_telegrams_bots_believes_the_fake() {
    let Some(package) = packages("telegram") else { return };
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

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_graphs_believes_the_fake_instagram() {
    let Some(package) = packages("instagram") else { return };
    let options = instagram::Options::default();
    let fake = instagram::Fake::start(options.clone()).await.unwrap();
    fake.set_heard("7001", SystemClock.now());
    let asked = json!({
        "base_url": fake.base_url(), "token": options.access_token, "app_secret": options.app_secret,
    });
    let found = tokio::task::spawn_blocking(move || run("instagram.py", &package, &asked)).await.unwrap();

    assert_eq!((&found["me"], &found["person"]), (&json!("fake_shop"), &json!("person_7001")));
    assert_eq!(found["sent"], json!(["7001", "7001"]));
    assert_eq!(
        (&found["typing"]["recipient_id"], &found["subscribed"]["success"]),
        (&json!("7001"), &json!(true))
    );
    assert!(fake.is_subscribed());
    let expected = json!([
        [100, null],
        [100, null],
        [10, 2_534_022],
        [100, 2_534_014],
        [190, 467],
        [100, null],
        [100, 33],
    ]);
    assert_eq!(found["refusals"], expected);
    assert_eq!((&found["throttled"], &found["after"]), (&json!([613, null]), &json!("7001")));
    assert_eq!(
        (&found["renewed"], &found["new_token"]),
        (&json!(["bearer", 5_184_000]), &json!("fake_shop"))
    );
    assert_eq!(found["old_token"], json!([190, 467]));
    let told = fake.conversation("7001").into_iter().filter_map(|sent| sent.text).collect::<Vec<_>>();
    assert_eq!(told, ["hello", "Which?", "later"]);
    assert_eq!(fake.messages()[1].body["message"]["quick_replies"][0]["payload"], "yes");
}

/// What the person of `slack_bolt_app.py` does, as the app hears it.
fn story() -> Value {
    json!([
        ["message", "hello", "D0ADA"],
        ["command", "1002", "U0ADA"],
        ["action", "yes", "U0ADA"],
        ["mention", "C0SHOP"],
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_of_slacks_framework_is_called_by_http_and_over_sockets() {
    let Some(package) = packages("slack") else { return };
    let options = slack::Options::default();
    let fake = slack::Fake::start(options.clone()).await.unwrap();
    let asked = json!({
        "base_url": fake.base_url(), "token": options.bot_token, "app_token": options.app_token,
        "signing_secret": options.signing_secret,
    });
    let run = move || run("slack_bolt_app.py", &package, &asked);
    let found = tokio::task::spawn_blocking(run).await.unwrap();
    for way in ["http", "socket", "after_refresh"] {
        assert_eq!(found[way], story(), "{way}");
    }
    let greetings = fake.conversation("D0ADA").into_iter().filter_map(|sent| sent.text);
    assert_eq!(greetings.collect::<Vec<_>>(), ["hello <@U0ADA>"; 3]);
    assert_eq!(fake.conversation("C0SHOP").len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_of_telegrams_framework_fetches_its_updates() {
    let Some(package) = packages("telegram") else { return };
    let options = telegram::Options::default();
    let fake = telegram::Fake::start(options.clone()).await.unwrap();
    let asked = json!({ "base_url": fake.base_url(), "token": options.bot_token });
    let run = move || run("telegram_polling.py", &package, &asked);
    let found = tokio::task::spawn_blocking(run).await.unwrap();
    assert!(found["conflict"].as_str().is_some_and(|words| words.contains("webhook is active")), "{found}");
    assert_eq!((&found["waiting"], &found["left"]), (&json!(1), &json!(0)));
    assert_eq!(found["heard"], json!([["message", "early"], ["message", "hello"], ["tap", "yes"]]));
    let told = fake.conversation("42").into_iter().filter_map(|sent| sent.text);
    assert_eq!(told.collect::<Vec<_>>(), ["you said early", "you said hello"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_of_another_framework_believes_the_fake_whatsapp() {
    let Some(package) = packages("whatsapp") else { return };
    let options = whatsapp::Options { user_ids: true, ..whatsapp::Options::default() };
    let fake = whatsapp::Fake::start(options.clone()).await.unwrap();
    let asked = json!({
        "base_url": fake.base_url(), "token": options.access_token, "app_secret": options.app_secret,
        "phone_number_id": options.default_phone_number_id, "waba_id": whatsapp::WABA_ID,
        "person": "15550001111", "user_id": "US.15550001111",
    });
    let run = move || run("whatsapp_bot.py", &package, &asked);
    let found = tokio::task::spawn_blocking(run).await.unwrap();
    assert_eq!(found["sent"].as_array().map(Vec::len), Some(3), "{found}");
    assert_eq!(found["refusals"], json!([100, 131_009]), "{found}");
    assert_eq!(
        found["heard"],
        json!([
            ["message", "hello", "15550001111", "US.15550001111"],
            ["message", "who am I?", null, "US.15550001111"],
            ["button", "yes", "15550001111"],
        ])
    );
    assert_eq!((&found["created"], &found["listed"]), (&json!("PENDING"), &json!(["order_is_ready"])));
    assert_eq!(found["template_refusals"], json!([132_001, 132_000]), "{found}");
    assert_eq!(found["approved"], json!(["template", "order_is_ready", "APPROVED"]));
    assert_eq!((&found["outside"], &found["of_template"]), (&json!(131_047), &json!(true)), "{found}");
    assert_eq!(found["status"], "sent");
    // Whichever of the two it was sent to.
    assert_eq!(fake.conversation("15550001111").len(), 7);
    let by_id = fake.messages().into_iter().find(|sent| sent.text.as_deref() == Some("by id")).unwrap();
    assert_eq!(by_id.body["recipient"], "US.15550001111");
}
