//! Accounts whose events are fetched: Telegram by long polling, Slack by Socket Mode.

use botbuilder_testkit::platform::{Fault, Options, TestPlatform, eventually, execute};
use serde_json::{Value, json};

/// A platform whose channel of this network is fetched.
async fn fetching(kind: &str) -> TestPlatform {
    let platform = TestPlatform::with(Options { flow: super::echo_flow(), ..Options::default() }).await;
    fetch(&platform, kind, true).await;
    platform
}

async fn fetch(platform: &TestPlatform, kind: &str, polling: bool) {
    let settings = json!({ "polling": polling });
    let statement = format!("UPDATE channels SET settings = settings || '{settings}' WHERE type = '{kind}'");
    execute(&platform.pool, &statement).await;
    platform.gateway.accounts.forget();
}

async fn health(platform: &TestPlatform, kind: &str, wanted: &str) -> Value {
    eventually(&format!("the channel is {wanted}"), async || {
        let query = format!("SELECT health, error_code, error_message FROM channels WHERE type = '{kind}'");
        platform.rows(&query).await.pop().filter(|channel| channel["health"] == wanted)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn telegram_updates_are_fetched_and_confirmed_once_they_are_durable() {
    let platform = fetching("telegram").await;
    let acme = platform.acme();
    health(&platform, "telegram", "healthy").await;
    // The webhook is gone, or there would be no answers.
    assert_eq!(acme.telegram.webhook_url(), None);
    acme.telegram.say(42, "one").await.expect("queued");
    acme.telegram.say(42, "two").await.expect("queued");
    acme.telegram_replies(42, 2).await;
    eventually("all is confirmed", async || (acme.telegram.waiting() == 0).then_some(())).await;

    // Without a stream nothing is confirmed, and nothing is lost.
    platform.stream.set_fault(Some(Fault::Unavailable));
    acme.telegram.say(42, "three").await.expect("queued");
    assert_eq!(health(&platform, "telegram", "degraded").await["error_code"], "unavailable");
    assert_eq!(acme.telegram.waiting(), 1);
    platform.stream.set_fault(None);
    let replies = acme.telegram_replies(42, 3).await;
    assert!(replies[2].text.as_deref().is_some_and(|text| text.contains("three")), "{replies:?}");
    health(&platform, "telegram", "healthy").await;
    platform.settled().await;
    assert_eq!(acme.telegram.conversation("42").len(), 3);
    assert_eq!(platform.count("SELECT count(*) FROM channel_webhooks").await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_reader_of_the_same_bot_is_named_on_the_channel() {
    let platform = fetching("telegram").await;
    let acme = platform.acme();
    health(&platform, "telegram", "healthy").await;
    let path = format!("{}/bot7000000001:fake-bot-token/getUpdates", acme.telegram.base_url());
    let other = async || {
        let client = botbuilder_testkit::local_client::LocalClient::new(std::time::Duration::from_secs(5));
        client
            .expect("a client")
            .post(&path)
            .expect("local")
            .send()
            .await
            .expect("an answer")
            .status()
            .as_u16()
    };
    assert_eq!(other().await, 200);
    let channel = health(&platform, "telegram", "degraded").await;
    assert_eq!(channel["error_code"], "conflict");
    assert!(channel["error_message"].as_str().is_some_and(|text| text.contains("stop it")), "{channel}");
    // It stopped: all goes on.
    health(&platform, "telegram", "healthy").await;
    acme.telegram.say(42, "one").await.expect("queued");
    acme.telegram_replies(42, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_instances_one_fetches_and_the_other_takes_over() {
    let mut platform = fetching("telegram").await;
    health(&platform, "telegram", "healthy").await;
    let client = botbuilder_service::http::Client::new(platform.outbound()).expect("a client");
    let provider = botbuilder_gateway::dispatcher::ProviderHttp::new(client);
    let mut second = botbuilder_service::lifecycle::Supervisor::new();
    second.start(botbuilder_gateway::sources::Sources::new(platform.gateway.clone(), provider));
    for number in 0..20 {
        platform.acme().telegram.say(42, &format!("word{number}")).await.expect("queued");
    }
    platform.acme().telegram_replies(42, 20).await;
    // Two readers would have been told of each other.
    health(&platform, "telegram", "healthy").await;
    platform.stop().await;
    platform.acme().telegram.say(42, "while the first is away").await.expect("queued");
    eventually("the other has it", async || (platform.acme().telegram.waiting() == 0).then_some(())).await;
    platform.start_again();
    platform.acme().telegram_replies(42, 21).await;
    platform.settled().await;
    assert_eq!(platform.acme().telegram.conversation("42").len(), 21);
    second.stop().await.expect("it stops");
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_comes_over_a_socket_and_is_acknowledged_once_it_is_durable() {
    let platform = fetching("slack").await;
    let acme = platform.acme();
    eventually("a socket is open", async || (acme.slack.sockets() == 1).then_some(())).await;
    acme.slack.say("U0ADA", "one").await.expect("acknowledged");
    acme.slack.command("U0ADA", "/order", "1002").await.expect("acknowledged");
    acme.slack.tap("U0ADA", "yes", "Yes").await.expect("acknowledged");
    acme.slack_replies("U0ADA", 3).await;
    assert_eq!(acme.slack.acknowledged(), 3);
    // A mention comes twice, and is one.
    acme.slack.mention("C0SHOP", "U0ADA", "hello", None).await.expect("acknowledged");
    acme.slack_replies("C0SHOP", 1).await;

    // While nothing is durable, nothing is acknowledged; Slack sends it once more.
    platform.stream.set_fault(Some(Fault::Unavailable));
    let saying = acme.slack.say("U0ADA", "two");
    let restored = async {
        eventually("it was sent twice", async || (acme.slack.envelopes() >= 7).then_some(())).await;
        assert_eq!(acme.slack.acknowledged(), 5);
        platform.stream.set_fault(None);
    };
    let (said, ()) = tokio::join!(saying, restored);
    said.expect("acknowledged");
    acme.slack_replies("U0ADA", 4).await;
    platform.settled().await;
    assert_eq!(acme.slack.conversation("U0ADA").len(), 4);
    assert_eq!(acme.slack.conversation("C0SHOP").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_slack_socket_is_open_before_the_old_one_goes_and_a_broken_one_is_replaced() {
    let platform = fetching("slack").await;
    let acme = platform.acme();
    eventually("a socket is open", async || (acme.slack.sockets() == 1).then_some(())).await;
    acme.slack.disconnect("refresh_requested");
    eventually("both are open, or the old one has gone", async || {
        (acme.slack.counters().requests >= 2 && acme.slack.sockets() >= 1).then_some(())
    })
    .await;
    for number in 0..10 {
        assert!(acme.slack.sockets() >= 1, "there is always one");
        acme.slack.say("U0ADA", &format!("word{number}")).await.expect("acknowledged");
    }
    acme.slack.cut();
    acme.slack.say("U0ADA", "after the break").await.expect("acknowledged");
    acme.slack_replies("U0ADA", 11).await;
    platform.settled().await;
    assert_eq!(acme.slack.conversation("U0ADA").len(), 11);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slack_without_the_right_token_says_what_is_missing_and_works_when_it_is_there() {
    let platform = fetching("slack").await;
    let acme = platform.acme();
    eventually("a socket is open", async || (acme.slack.sockets() == 1).then_some(())).await;
    acme.slack.disconnect("link_disabled");
    let channel = health(&platform, "slack", "down").await;
    assert_eq!(channel["error_code"], "socket_mode_off");
    assert!(channel["error_message"].as_str().is_some_and(|text| text.contains("switch it on")), "{channel}");
    // A change begins it anew at once.
    let changed =
        "UPDATE channels SET settings = settings || '{\"reply_in_thread\": true}' WHERE type = 'slack'";
    execute(&platform.pool, changed).await;
    health(&platform, "slack", "healthy").await;
    acme.slack.say("U0ADA", "hello").await.expect("acknowledged");
    acme.slack_replies("U0ADA", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_over_the_socket_of_one_workspace_for_another_of_the_app_finds_it() {
    let options =
        Options { organizations: vec!["acme", "other"], flow: super::echo_flow(), ..Options::default() };
    let platform = TestPlatform::with(options).await;
    let (acme, other) = (&platform.organizations[0], &platform.organizations[1]);
    // Slack's events are of the workspace of the other channel, and only this one has a socket.
    let statements = [
        "UPDATE channels SET settings = settings || '{\"polling\": true, \"team_id\": \"T0ELSE\"}' \
         WHERE type = 'slack' AND organization_id = (SELECT id FROM organizations WHERE slug = 'acme')",
        "UPDATE channels SET provider_account_id = settings ->> 'team_id' \
         WHERE type = 'slack' AND organization_id = (SELECT id FROM organizations WHERE slug = 'other')",
    ];
    for statement in statements {
        execute(&platform.pool, statement).await;
    }
    platform.gateway.accounts.forget();
    eventually("a socket is open", async || (acme.slack.sockets() == 1).then_some(())).await;
    acme.slack.say("U0ADA", "hello").await.expect("acknowledged");
    other.slack_replies("U0ADA", 1).await;
    assert!(acme.slack.conversation("U0ADA").is_empty());

    // Another app's channel is not told what this app hears.
    let statement = "UPDATE channels SET provider_account_id = NULL WHERE type = 'slack'";
    execute(&platform.pool, statement).await;
    platform.gateway.accounts.forget();
    let (before, heard) = (acme.slack.acknowledged(), acme.slack.envelopes());
    let saying = acme.slack.say("U0ADA", "again");
    tokio::select! {
        said = saying => panic!("acknowledged for nobody: {said:?}"),
        () = async { eventually("it comes again", async || (acme.slack.envelopes() >= heard + 2).then_some(())).await } => {}
    }
    assert_eq!(acme.slack.acknowledged(), before);
}
