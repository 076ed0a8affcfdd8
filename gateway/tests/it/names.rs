//! Names that a network tells only when it is asked, and replies where the app is not in the channel.

use botbuilder_testkit::{
    fake::{Behaviour, Fault},
    platform::{Options, TestPlatform, eventually},
};
use serde_json::{Value, json};

fn echoing() -> Value {
    json!({
        "schema": 1,
        "nodes": [
            { "id": "start", "type": "start", "data": {} },
            { "id": "say", "type": "message", "data": { "text": "You said: {{input.text}}" } },
        ],
        "edges": [{ "source": "start", "port": "next", "target": "say" }],
    })
}

async fn platform() -> TestPlatform {
    TestPlatform::with(Options { flow: echoing(), ..Options::default() }).await
}

/// How the contact with this address is called, once that is known.
async fn name(platform: &TestPlatform, address: &str) -> (String, String) {
    let row = eventually("a name", async || {
        let query = format!(
            "SELECT display_name, username FROM channel_contacts \
             WHERE external_id = '{address}' AND display_name IS NOT NULL"
        );
        platform.rows(&query).await.pop()
    })
    .await;
    let text = |field: &str| row[field].as_str().unwrap_or_default().to_owned();
    (text("display_name"), text("username"))
}

#[tokio::test(flavor = "multi_thread")]
async fn people_of_slack_and_instagram_get_their_names_after_their_message() {
    let platform = platform().await;
    let acme = platform.acme();
    acme.slack.say("U0ADA", "hello").await.expect("a webhook");
    acme.instagram.say("7001", "hello").await.expect("a webhook");
    assert_eq!(name(&platform, "U0ADA").await, ("U0ADA".to_owned(), "U0ADA".to_owned()));
    assert_eq!(name(&platform, "7001").await, ("Person 7001".to_owned(), "person_7001".to_owned()));
    // Asked once: what comes next has the name that is remembered.
    let asked = || {
        let instagram = acme.instagram.counters();
        acme.slack.counters().requests + instagram.requests - instagram.signals
    };
    acme.slack_replies("U0ADA", 1).await;
    acme.instagram_replies("7001", 1).await;
    platform.settled().await;
    let before = asked();
    acme.slack.say("U0ADA", "again").await.expect("a webhook");
    acme.instagram.say("7001", "again").await.expect("a webhook");
    acme.slack_replies("U0ADA", 2).await;
    acme.instagram_replies("7001", 2).await;
    platform.settled().await;
    assert!(asked() <= before + 2, "two replies and no more");
    assert_eq!(platform.count("SELECT count(*) FROM channel_contacts").await, 2);
    assert_eq!(platform.count("SELECT count(*) FROM channel_messages WHERE direction = 'inbound'").await, 4);
    // Who spoke in a channel is known by then, too.
    acme.slack.mention("C0GENERAL", "U0ADA", "and here", None).await.expect("two webhooks");
    let speaker = eventually("the mention", async || {
        let query = "SELECT payload -> 'speaker' AS speaker FROM channel_messages WHERE payload ? 'speaker'";
        platform.rows(query).await.pop()
    })
    .await;
    assert_eq!(speaker["speaker"]["display_name"], "U0ADA");
    platform.settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn network_that_does_not_tell_names_holds_up_nothing() {
    let platform = platform().await;
    let acme = platform.acme();
    // Whatever is asked first gets no answer, be it the name or the reply's way out.
    acme.slack.set_behaviour(Behaviour {
        percent: [(Fault::Refuse, 100.0)].into(),
        refuse_word: Some("missing_scope".to_owned()),
        ..Behaviour::default()
    });
    acme.slack.say("U0ADA", "hello").await.expect("a webhook");
    eventually("the turn", async || {
        (platform.count("SELECT count(*) FROM message_events WHERE stage = 'turn'").await == 1).then_some(())
    })
    .await;
    let unnamed = "SELECT count(*) FROM channel_contacts WHERE display_name IS NULL";
    assert_eq!(platform.count(unnamed).await, 1);
    acme.slack.set_behaviour(Behaviour::default());
    let mut platform = platform;
    platform.expected.anything = true;
}

#[tokio::test(flavor = "multi_thread")]
async fn command_is_answered_where_the_app_is_not_in_the_channel_five_times() {
    let mut platform = platform().await;
    let acme = platform.acme();
    acme.slack.set_behaviour(Behaviour { unreachable: vec!["C0OTHER".into()], ..Behaviour::default() });
    acme.slack.command_in("C0OTHER", "U0ADA", "/echo", "hello").await.expect("a webhook");
    acme.slack_replies("C0OTHER", 1).await;
    let sent = &acme.slack.messages()[0];
    assert_eq!((sent.kind.as_str(), sent.text.as_deref()), ("response", Some("You said: /echo hello")));
    assert_eq!(sent.body["response_type"], "in_channel");
    platform.settled().await;
    let trail = platform.rows("SELECT detail FROM message_events WHERE stage = 'downgraded'").await;
    assert_eq!(trail[0]["detail"]["downgrades"][0]["to"], "reply_address");
    assert_eq!(platform.count("SELECT count(*) FROM channel_messages WHERE status = 'sent'").await, 1);

    // What is written there later is answered nowhere: it opened no way.
    acme.slack.mention("C0OTHER", "U0ADA", "and now?", None).await.expect("two webhooks");
    eventually("the refusal", async || {
        let failed = "SELECT count(*) FROM channel_messages WHERE error_code = 'recipient_gone'";
        (platform.count(failed).await == 1).then_some(())
    })
    .await;
    // Where the app is, it writes as ever.
    acme.slack.command_in("C0GENERAL", "U0ADA", "/echo", "hi").await.expect("a webhook");
    acme.slack_replies("C0GENERAL", 1).await;
    assert_eq!(acme.slack.messages()[1].kind, "postMessage");
    platform.expected.anything = true;
}

#[tokio::test(flavor = "multi_thread")]
async fn public_channel_that_the_app_is_not_in_is_joined_where_it_may() {
    let mut platform = platform().await;
    let acme = platform.acme();
    let outside = || vec!["C0SHOP".to_owned(), "G0BOARD".to_owned()];
    let may_not = Behaviour {
        outside: outside(),
        scopes_missing: vec!["channels:join".to_owned()],
        ..Behaviour::default()
    };
    acme.slack.set_behaviour(may_not);
    let failed = async |count: i64| {
        eventually("a refusal", async || {
            let reasons =
                "SELECT error_message FROM channel_messages WHERE error_code = 'recipient_gone' ORDER BY id";
            let rows = platform.rows(reasons).await;
            (i64::try_from(rows.len()).ok() == Some(count)).then(|| rows[rows.len() - 1].clone())
        })
        .await
    };
    acme.slack.mention("C0SHOP", "U0ADA", "hello", None).await.expect("two webhooks");
    let row = failed(1).await;
    assert!(row["error_message"].as_str().is_some_and(|why| why.contains("channels:join")), "{row}");
    // With the scope it joins, and what it says is said.
    acme.slack.set_behaviour(Behaviour { outside: outside(), ..Behaviour::default() });
    acme.slack.mention("C0SHOP", "U0ADA", "hello again", None).await.expect("two webhooks");
    acme.slack_replies("C0SHOP", 1).await;
    // A private channel is joined by invitation alone.
    acme.slack.mention("G0BOARD", "U0ADA", "hello", None).await.expect("two webhooks");
    let row = failed(2).await;
    assert_eq!(acme.slack.conversation("G0BOARD").len(), 0, "{row}");
    platform.expected.anything = true;
}
