//! The fakes, called through the real adapters, and the webhooks they send, read by the real adapters.

use std::{collections::VecDeque, time::Duration};

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, http::StatusCode, routing::post};
use botbuilder_adapter_instagram::Instagram;
use botbuilder_adapter_kit::{
    Account, Channel, Part, ProviderMessageId, ProviderResponse, RawRequest, RequestBody, SendError,
    account::Credentials,
};
use botbuilder_adapter_slack::Slack;
use botbuilder_adapter_telegram::Telegram;
use botbuilder_adapter_whatsapp::Whatsapp;
use botbuilder_domain::{
    BotId, ChannelId, ChannelKind, Choice, ChoiceOption, ChoiceStyle, Clock as _, Content, DeliveryStatus,
    Inbound, InboundEvent, MessageId, OrgId, Secret, SystemClock,
};
use botbuilder_testkit::{
    fake::{Behaviour, Fault, StatusBehaviour, instagram, slack, telegram, whatsapp},
    local_client::LocalClient,
};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use uuid::Uuid;

fn account(kind: ChannelKind, base_url: &str, secret: &str) -> Account {
    let settings = json!({ "base_url": base_url, "phone_number_id": "106540352242922" });
    let credentials =
        json!({ "access_token": "fake-access-token", "bot_token": "7000000001:fake-bot-token" });
    Account {
        org: OrgId::new(Uuid::nil()),
        bot: None::<BotId>,
        channel: ChannelId::new(Uuid::nil()),
        kind,
        public_id: "main".into(),
        provider_account_id: None,
        settings: settings.as_object().unwrap().clone(),
        credentials: Credentials::from_object(credentials.as_object().unwrap()),
        webhook_secrets: vec![Secret::new(secret.to_owned())],
    }
}

fn part(number: u128, to: &str, content: Content) -> Part {
    Part {
        message: MessageId::new(Uuid::from_u128(number)),
        index: 0,
        to: to.into(),
        thread: String::new(),
        content,
        reply_to: None,
    }
}

/// What a send came to: the adapter's verdict, or none where the connection gave no answer.
type Outcome = Option<Result<ProviderMessageId, SendError>>;

async fn send(channel: &dyn Channel, account: &Account, part: &Part) -> Outcome {
    let http = channel.http().unwrap();
    let request = http.encode(account, part).unwrap().remove(0);
    let client = LocalClient::new(Duration::from_millis(500)).unwrap();
    let mut call = client.post(request.url.expose()).unwrap();
    if let Some(token) = &request.bearer {
        call = call.bearer_auth(token.expose());
    }
    if let RequestBody::Json(body) = &request.body {
        call = call.json(body);
    }
    let answer = call.send().await.ok()?;
    let retry_after = answer.headers().get("retry-after").and_then(|value| value.to_str().ok());
    let response = ProviderResponse {
        status: answer.status().as_u16(),
        retry_after: retry_after.and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs),
        body: Bytes::new(),
    };
    let body = answer.bytes().await.ok()?;
    Some(http.interpret(&ProviderResponse { body, ..response }))
}

fn choice(titles: &[&str]) -> Content {
    let options = titles.iter().enumerate().map(|(index, title)| ChoiceOption {
        id: format!("id{index}"),
        title: (*title).to_owned(),
        description: None,
    });
    Content::Choice(Choice {
        text: "Which?".into(),
        options: options.collect(),
        style: ChoiceStyle::Buttons,
        label: None,
    })
}

/// A webhook that hands on what it gets, after refusing the first `refusals` requests.
async fn receiver(refusals: usize) -> (String, mpsc::UnboundedReceiver<RawRequest>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let left = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(refusals));
    let take = async move |State(sender): State<mpsc::UnboundedSender<RawRequest>>,
                           headers: HeaderMap,
                           body: Bytes| {
        use std::sync::atomic::Ordering::SeqCst;
        if left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok() {
            return StatusCode::SERVICE_UNAVAILABLE;
        }
        let headers =
            headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
        let request = RawRequest {
            method: "POST".into(),
            path: "main".into(),
            query: String::new(),
            headers: headers.collect(),
            body,
            received: SystemClock.now(),
        };
        sender.send(request).unwrap();
        StatusCode::OK
    };
    let router = Router::new().route("/hooks/main", post(take)).with_state(sender);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hooks/main", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, receiver)
}

async fn events(
    channel: &dyn Channel,
    account: &Account,
    received: &mut mpsc::UnboundedReceiver<RawRequest>,
) -> Vec<InboundEvent> {
    let request = tokio::time::timeout(Duration::from_secs(20), received.recv()).await.unwrap().unwrap();
    let webhook = channel.webhook().unwrap();
    let verified = webhook.verify(account, &request).unwrap();
    webhook.decode(account, verified).unwrap().events
}

/// The words of the statuses of all messages, in order of arrival, until there are `count`.
async fn statuses(
    account: &Account,
    received: &mut mpsc::UnboundedReceiver<RawRequest>,
    count: usize,
) -> Vec<(DeliveryStatus, Option<String>)> {
    let mut heard = Vec::new();
    while heard.len() < count {
        for event in events(&Whatsapp, account, received).await {
            let Inbound::Status { status, correlation, .. } = event.what else { panic!("{event:?}") };
            heard.push((status, correlation));
        }
    }
    heard
}

async fn whatsapp_fake(webhook: Option<String>) -> (whatsapp::Fake, Account) {
    let options = whatsapp::Options { webhook_url: webhook, ..whatsapp::Options::default() };
    let fake = whatsapp::Fake::start(options).await.unwrap();
    let account = account(ChannelKind::Whatsapp, &fake.base_url(), "fake-app-secret");
    (fake, account)
}

async fn telegram_fake(webhook: Option<String>) -> (telegram::Fake, Account) {
    let options = telegram::Options { webhook_url: webhook, ..telegram::Options::default() };
    let fake = telegram::Fake::start(options).await.unwrap();
    let account = account(ChannelKind::Telegram, &fake.base_url(), "fake-secret-token");
    (fake, account)
}

#[tokio::test]
async fn whatsapp_keeps_what_it_accepted_in_order() {
    let (fake, account) = whatsapp_fake(None).await;
    for number in 1..=3 {
        let part = part(number, "15550001111", Content::text(format!("text {number}")));
        let sent = send(&Whatsapp, &account, &part).await.unwrap().unwrap();
        assert_eq!(sent.0, format!("wamid.fake.{number}"));
    }
    send(&Whatsapp, &account, &part(4, "15550002222", choice(&["Yes", "No"]))).await.unwrap().unwrap();
    let conversation = fake.conversation("15550001111");
    let texts: Vec<_> = conversation.iter().map(|entry| entry.text.as_deref().unwrap()).collect();
    assert_eq!(texts, ["text 1", "text 2", "text 3"]);
    assert_eq!(conversation[1].tag.as_deref(), Some("00000000-0000-0000-0000-000000000002"));

    let url = format!("{}/__fake/messages?to=15550002222", fake.base_url());
    let shown: Value = LocalClient::new(Duration::from_secs(10))
        .unwrap()
        .get(&url)
        .unwrap()
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(shown["accepted"], 4);
    assert_eq!(shown["messages"][0]["kind"], "interactive");
    assert_eq!(shown["messages"][0]["body"]["interactive"]["action"]["buttons"][1]["reply"]["title"], "No");
}

#[tokio::test]
async fn whatsapp_refuses_what_the_real_one_refuses() {
    let (fake, account) = whatsapp_fake(None).await;
    for (content, code) in [
        (Content::text("x".repeat(4097)), "100"),
        (Content::text("  "), "100"),
        (choice(&["1", "2", "3", "4"]), "131009"),
        (choice(&["a title that has too many characters"]), "100"),
        (choice(&["same", "same"]), "131009"),
    ] {
        let refusal = send(&Whatsapp, &account, &part(1, "15550001111", content)).await.unwrap().unwrap_err();
        assert!(matches!(&refusal, SendError::Permanent { code: found, .. } if found == code), "{refusal:?}");
    }
    let mut stranger = account;
    stranger.credentials = Credentials::from_object(json!({ "access_token": "wrong" }).as_object().unwrap());
    let refusal = send(&Whatsapp, &stranger, &part(1, "15550001111", Content::text("hi"))).await.unwrap();
    assert_eq!(refusal.unwrap_err().code(), "credentials_refused");
    assert_eq!((fake.counters().accepted, fake.counters().refused), (0, 6));
}

#[tokio::test]
async fn each_fault_looks_to_the_adapters_like_what_it_is() {
    let (whatsapp, whatsapp_account) = whatsapp_fake(None).await;
    let (telegram, telegram_account) = telegram_fake(None).await;
    for (fault, expected, accepted) in [
        (Fault::Throttle, Some("rate_limited"), 0),
        (Fault::ThrottleSilently, Some("rate_limited"), 0),
        (Fault::ServerError, Some("provider_unavailable"), 0),
        (Fault::Html, Some("provider_unavailable"), 0),
        (Fault::Reset, None, 0),
        (Fault::Hang, None, 0),
        (Fault::ResetAfterAccept, None, 1),
        (Fault::HangAfterAccept, None, 1),
    ] {
        let behaviour = Behaviour { next: VecDeque::from([fault]), retry_after_s: 7, ..Behaviour::default() };
        whatsapp.set_behaviour(behaviour.clone());
        telegram.set_behaviour(behaviour);
        let before = (whatsapp.counters().accepted, telegram.counters().accepted);
        let part = part(1, "15550001111", Content::text("hi"));
        for (channel, account) in
            [(&Whatsapp as &dyn Channel, &whatsapp_account), (&Telegram, &telegram_account)]
        {
            let outcome = send(channel, account, &part).await.map(Result::unwrap_err);
            assert_eq!(outcome.as_ref().map(SendError::code), expected, "{fault:?} {outcome:?}");
            if let Some(SendError::RetryAfter { after, .. }) = outcome {
                let told = (fault == Fault::Throttle).then_some(Duration::from_secs(7));
                assert_eq!(after, told, "{fault:?}");
            }
            // The fault was for one request only.
            assert!(send(channel, account, &part).await.unwrap().is_ok(), "{fault:?}");
        }
        assert_eq!(whatsapp.counters().accepted - before.0, accepted + 1, "{fault:?}");
        assert_eq!(telegram.counters().accepted - before.1, accepted + 1, "{fault:?}");
    }
}

#[tokio::test]
async fn whatsapp_reports_sent_delivered_and_read_with_the_tag() {
    let (url, mut received) = receiver(0).await;
    let (_fake, account) = whatsapp_fake(Some(url)).await;
    send(&Whatsapp, &account, &part(5, "15550001111", Content::text("hi"))).await.unwrap().unwrap();
    let tag = Some("00000000-0000-0000-0000-000000000005".to_owned());
    assert_eq!(
        statuses(&account, &mut received, 3).await,
        [DeliveryStatus::Sent, DeliveryStatus::Delivered, DeliveryStatus::Read]
            .map(|status| (status, tag.clone()))
    );
}

#[tokio::test]
async fn statuses_come_twice_and_out_of_order_when_told() {
    let (url, mut received) = receiver(0).await;
    let (fake, account) = whatsapp_fake(Some(url)).await;
    let statuses_go =
        StatusBehaviour { duplicate_percent: 100.0, reorder_percent: 100.0, ..StatusBehaviour::default() };
    fake.set_behaviour(Behaviour { seed: 1, statuses: statuses_go, ..Behaviour::default() });
    send(&Whatsapp, &account, &part(5, "15550001111", Content::text("hi"))).await.unwrap().unwrap();
    let heard: Vec<_> =
        statuses(&account, &mut received, 6).await.into_iter().map(|(word, _)| word).collect();
    let usual = [DeliveryStatus::Sent, DeliveryStatus::Delivered, DeliveryStatus::Read];
    assert_ne!(heard[..3], usual);
    assert_eq!(heard[..3], heard[3..]);
    for word in usual {
        assert_eq!(heard.iter().filter(|heard| **heard == word).count(), 2);
    }
}

#[tokio::test]
async fn a_webhook_that_refuses_is_called_again() {
    let (url, mut received) = receiver(3).await;
    let (fake, account) = whatsapp_fake(Some(url)).await;
    fake.say("15550001111", "hello").await.unwrap();
    let events = events(&Whatsapp, &account, &mut received).await;
    assert!(
        matches!(&events[0].what, Inbound::Message { content, .. } if *content == Content::text("hello"))
    );
    assert_eq!(events[0].sender.address, "15550001111");
    assert_eq!(fake.counters().webhook_attempts_failed, 3);

    fake.tap("15550001111", "yes", "Yes").await.unwrap();
    let events = self::events(&Whatsapp, &account, &mut received).await;
    assert!(matches!(&events[0].what, Inbound::Postback { payload, .. } if payload == "yes"));
}

#[tokio::test]
async fn telegram_keeps_refuses_and_calls_back() {
    let (url, mut received) = receiver(0).await;
    let (fake, account) = telegram_fake(Some(url)).await;

    let sent = send(&Telegram, &account, &part(1, "42", choice(&["Yes", "No"]))).await.unwrap().unwrap();
    assert_eq!(sent.0, "42:1");
    let sent = send(&Telegram, &account, &part(2, "42", Content::text("second"))).await.unwrap().unwrap();
    assert_eq!(sent.0, "42:2");
    assert_eq!(fake.conversation("42")[1].text.as_deref(), Some("second"));

    let long = Content::text("😀".repeat(2049));
    let refusal = send(&Telegram, &account, &part(3, "42", long)).await.unwrap().unwrap_err();
    assert_eq!(refusal.code(), "refused");
    let Content::Choice(mut wide) = choice(&["Yes"]) else { unreachable!() };
    wide.options[0].id = "x".repeat(65);
    let refusal =
        send(&Telegram, &account, &part(3, "42", Content::Choice(wide))).await.unwrap().unwrap_err();
    assert!(refusal.to_string().contains("BUTTON_DATA_INVALID"), "{refusal}");

    fake.set_behaviour(Behaviour { unreachable: vec!["42".into()], ..Behaviour::default() });
    let refusal = send(&Telegram, &account, &part(3, "42", Content::text("hi"))).await.unwrap().unwrap_err();
    assert!(matches!(refusal, SendError::RecipientGone { blocked: true, .. }));

    fake.say(42, "hello").await.unwrap();
    let heard = events(&Telegram, &account, &mut received).await;
    assert!(matches!(&heard[0].what, Inbound::Message { content, .. } if *content == Content::text("hello")));
    fake.tap(42, "id1").await.unwrap();
    let heard = events(&Telegram, &account, &mut received).await;
    assert!(matches!(&heard[0].what, Inbound::Postback { payload, .. } if payload == "id1"));
}

#[tokio::test]
async fn telegram_has_its_methods_and_refuses_a_wrong_token() {
    let (fake, _) = telegram_fake(None).await;
    let client = LocalClient::new(Duration::from_secs(10)).unwrap();
    let call = async |token: &str, method: &str, body: Value| {
        let url = format!("{}/bot{token}/{method}", fake.base_url());
        let answer = client.post(&url).unwrap().json(&body).send().await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_slice::<Value>(&answer.bytes().await.unwrap()).unwrap())
    };
    let token = "7000000001:fake-bot-token";
    let (status, me) = call(token, "getMe", json!({})).await;
    assert_eq!((status, &me["result"]["id"]), (200, &json!(7_000_000_001_i64)));
    assert_eq!(call("7000000001:other", "getMe", json!({})).await.0, 401);
    assert_eq!(call("rubbish", "getMe", json!({})).await.0, 404);
    assert_eq!(call(token, "noSuchMethod", json!({})).await.0, 404);
    assert_eq!(call(token, "sendChatAction", json!({ "chat_id": 1, "action": "typing" })).await.0, 200);

    let hook = json!({ "url": "http://127.0.0.1:9/hooks/x", "secret_token": "abc" });
    assert_eq!(call(token, "setWebhook", hook).await.0, 200);
    let (_, info) = call(token, "getWebhookInfo", json!({})).await;
    assert_eq!(info["result"]["url"], "http://127.0.0.1:9/hooks/x");
    for refused in [
        json!({ "url": "http://127.0.0.1:9/", "secret_token": "a b" }),
        json!({ "url": "http://127.0.0.1:9/", "secret_token": "x".repeat(257) }),
        json!({ "url": "http://example.org/" }),
    ] {
        assert_eq!(call(token, "setWebhook", refused).await.0, 400);
    }
}

#[tokio::test]
async fn behaviour_is_set_over_http() {
    let (fake, account) = whatsapp_fake(None).await;
    let client = LocalClient::new(Duration::from_secs(10)).unwrap();
    let url = format!("{}/__fake/behaviour", fake.base_url());
    let set = client.post(&url).unwrap().json(&json!({ "next": ["server_error"] })).send().await.unwrap();
    assert_eq!(set.status(), 200);
    let wrong = client.post(&url).unwrap().json(&json!({ "nxt": [] })).send().await.unwrap();
    assert!(wrong.status().is_client_error());
    let outcome = send(&Whatsapp, &account, &part(1, "15550001111", Content::text("hi"))).await.unwrap();
    assert_eq!(outcome.unwrap_err().code(), "provider_unavailable");
    assert_eq!(fake.counters().faults["server_error"], 1);
}

#[tokio::test]
async fn a_person_speaks_over_http() {
    let (url, mut received) = receiver(0).await;
    let client = LocalClient::new(Duration::from_secs(10)).unwrap();
    let (fake, account) = telegram_fake(Some(url)).await;
    let post = async |path: &str, body: Value| {
        let url = format!("{}/__fake/{path}", fake.base_url());
        client.post(&url).unwrap().json(&body).send().await.unwrap().status().as_u16()
    };
    assert_eq!(post("say", json!({ "from": "42", "text": "/start ad_7" })).await, 200);
    let heard = events(&Telegram, &account, &mut received).await;
    assert_eq!(heard[0].what, Inbound::Opened { payload: Some("ad_7".into()) });
    assert_eq!(post("tap", json!({ "from": "42", "payload": "yes" })).await, 200);
    let heard = events(&Telegram, &account, &mut received).await;
    assert!(matches!(&heard[0].what, Inbound::Postback { payload, .. } if payload == "yes"));
    assert_eq!(post("say", json!({ "from": "nobody", "text": "hi" })).await, 400);
    fake.set_webhook(None, "x").unwrap();
    assert_eq!(post("say", json!({ "from": "42", "text": "hi" })).await, 502);
}

#[tokio::test]
async fn a_fake_listens_and_calls_on_this_machine_only() {
    let options = whatsapp::Options { bind: ([0, 0, 0, 0], 0).into(), ..whatsapp::Options::default() };
    assert!(whatsapp::Fake::start(options).await.is_err());
    let webhook_url = Some("http://192.0.2.1/hooks/x".to_owned());
    let options = telegram::Options { webhook_url, ..telegram::Options::default() };
    assert!(telegram::Fake::start(options).await.is_err());
}

async fn slack_fake(webhook_url: Option<String>) -> (slack::Fake, Account) {
    let options = slack::Options { webhook_url, ..slack::Options::default() };
    let fake = slack::Fake::start(options.clone()).await.unwrap();
    let mut account = account(ChannelKind::Slack, &fake.base_url(), &options.signing_secret);
    let credentials = json!({ "bot_token": options.bot_token });
    account.credentials = Credentials::from_object(credentials.as_object().unwrap());
    account.settings.insert("team_id".into(), options.team_id.into());
    account.settings.insert("app_id".into(), options.app_id.into());
    (fake, account)
}

async fn instagram_fake(webhook_url: Option<String>) -> (instagram::Fake, Account) {
    let options = instagram::Options { webhook_url, ..instagram::Options::default() };
    let fake = instagram::Fake::start(options.clone()).await.unwrap();
    let mut account = account(ChannelKind::Instagram, &fake.base_url(), &options.app_secret);
    account.settings.insert("ig_user_id".into(), options.ig_user_id.into());
    (fake, account)
}

#[tokio::test]
async fn slack_keeps_refuses_and_calls_back() {
    let (url, mut received) = receiver(1).await;
    let (fake, account) = slack_fake(Some(url)).await;

    let sent = send(&Slack, &account, &part(1, "U1", choice(&["Yes", "No"]))).await.unwrap().unwrap();
    assert!(sent.0.starts_with("D1:"), "{sent:?}");
    let sent = send(&Slack, &account, &part(2, "C1", Content::text("a < b"))).await.unwrap().unwrap();
    assert_eq!(fake.text_of(&sent.0).as_deref(), Some("a < b"));
    assert_eq!(fake.conversation("C1")[0].text.as_deref(), Some("a < b"));
    let ts = sent.0.split_once(':').unwrap().1.to_owned();
    for (payload, expected) in [
        (json!({ "method": "chat.update", "ts": ts, "text": "changed" }), true),
        (json!({ "method": "reactions.add", "timestamp": ts, "name": "eyes" }), true),
        // Once more is as it should be.
        (json!({ "method": "reactions.add", "timestamp": ts, "name": "eyes" }), true),
        (json!({ "method": "chat.update", "ts": "1.000000", "text": "changed" }), false),
    ] {
        let outcome = send(&Slack, &account, &part(3, "C1", Content::Structured { payload })).await.unwrap();
        assert_eq!(outcome.is_ok(), expected, "{outcome:?}");
    }
    assert_eq!(fake.text_of(&sent.0).as_deref(), Some("changed"));
    let payload = json!({ "method": "chat.delete", "ts": ts });
    send(&Slack, &account, &part(3, "C1", Content::Structured { payload })).await.unwrap().unwrap();
    assert_eq!(fake.text_of(&sent.0), None);

    let long = Content::text("x".repeat(4041));
    let refusal = send(&Slack, &account, &part(4, "C1", long)).await.unwrap().unwrap_err();
    assert_eq!(refusal.provider_code(), Some("msg_too_long"));
    let Content::Choice(mut wide) = choice(&["Yes"]) else { unreachable!() };
    wide.options[0].title = "x".repeat(76);
    let refusal = send(&Slack, &account, &part(4, "C1", Content::Choice(wide))).await.unwrap().unwrap_err();
    assert_eq!(refusal.provider_code(), Some("invalid_blocks"));
    fake.set_behaviour(Behaviour {
        next: [Fault::Throttle].into(),
        retry_after_s: 7,
        ..Behaviour::default()
    });
    let refusal = send(&Slack, &account, &part(4, "C1", Content::text("x"))).await.unwrap().unwrap_err();
    let after = Some(Duration::from_secs(7));
    assert!(matches!(refusal, SendError::RetryAfter { after: told, .. } if told == after), "{refusal}");
    let mut other = account.clone();
    let credentials = json!({ "bot_token": "xoxb-other" });
    other.credentials = Credentials::from_object(credentials.as_object().unwrap());
    let refusal = send(&Slack, &other, &part(4, "C1", Content::text("x"))).await.unwrap().unwrap_err();
    assert_eq!(refusal.provider_code(), Some("invalid_auth"));

    fake.say("U1", "hello").await.unwrap();
    let heard = events(&Slack, &account, &mut received).await;
    assert!(matches!(&heard[0].what, Inbound::Message { content, .. } if *content == Content::text("hello")));
    assert_eq!(heard[0].sender.address, "U1");
    fake.tap("U1", "yes", "Yes").await.unwrap();
    let heard = events(&Slack, &account, &mut received).await;
    assert!(matches!(&heard[0].what, Inbound::Postback { payload, .. } if payload == "yes"));
    fake.command("U1", "/order", "7").await.unwrap();
    let heard = events(&Slack, &account, &mut received).await;
    assert!(
        matches!(&heard[0].what, Inbound::Message { content, .. } if *content == Content::text("/order 7"))
    );
    let root = fake.mention("C1", "U1", "hello", None).await.unwrap();
    let pair = [events(&Slack, &account, &mut received).await, events(&Slack, &account, &mut received).await];
    assert_eq!(pair[0], pair[1]);
    assert_eq!((pair[0][0].thread.as_str(), pair[0][0].sender.address.as_str()), (root.as_str(), "C1"));
}

#[tokio::test]
async fn instagram_keeps_refuses_and_calls_back() {
    let (url, mut received) = receiver(1).await;
    let (fake, account) = instagram_fake(Some(url)).await;
    let hi = |number| part(number, "42", Content::text("hi"));

    let refusal = send(&Instagram, &account, &hi(1)).await.unwrap().unwrap_err();
    assert!(matches!(refusal, SendError::WindowClosed { .. }), "nobody has written yet: {refusal}");
    fake.say("42", "hello").await.unwrap();
    let heard = events(&Instagram, &account, &mut received).await;
    assert!(matches!(&heard[0].what, Inbound::Message { content, .. } if *content == Content::text("hello")));
    let sent = send(&Instagram, &account, &hi(1)).await.unwrap().unwrap();
    assert_eq!(fake.conversation("42")[0].id, sent.0);
    fake.set_heard("42", SystemClock.now() - chrono::TimeDelta::hours(25));
    let refusal = send(&Instagram, &account, &hi(2)).await.unwrap().unwrap_err();
    assert!(matches!(refusal, SendError::WindowClosed { .. }), "{refusal}");

    fake.tap("42", "yes", "Yes").await.unwrap();
    let heard = events(&Instagram, &account, &mut received).await;
    assert!(matches!(&heard[0].what, Inbound::Postback { payload, .. } if payload == "yes"));
    fake.see("42", &sent.0).await.unwrap();
    let heard = events(&Instagram, &account, &mut received).await;
    let read = DeliveryStatus::Read;
    assert!(matches!(&heard[0].what, Inbound::Status { status, .. } if *status == read), "{heard:?}");

    let long = part(3, "42", Content::text("ü".repeat(501)));
    let refusal = send(&Instagram, &account, &long).await.unwrap().unwrap_err();
    assert_eq!(refusal.code(), "refused");
    let Content::Choice(mut wide) = choice(&["Yes"]) else { unreachable!() };
    wide.options[0].title = "x".repeat(21);
    let wide = part(3, "42", Content::Choice(wide));
    assert_eq!(send(&Instagram, &account, &wide).await.unwrap().unwrap_err().code(), "refused");
    fake.set_behaviour(Behaviour { unreachable: vec!["42".into()], ..Behaviour::default() });
    let refusal = send(&Instagram, &account, &hi(4)).await.unwrap().unwrap_err();
    assert!(matches!(refusal, SendError::RecipientGone { .. }), "{refusal}");

    let typing = Instagram.http().unwrap().encode_typing(&account, "42").unwrap().unwrap();
    let client = LocalClient::new(Duration::from_secs(10)).unwrap();
    let RequestBody::Json(body) = &typing.body else { panic!("no body") };
    let token = typing.bearer.as_ref().unwrap().expose();
    let answer =
        client.post(typing.url.expose()).unwrap().bearer_auth(token).json(body).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), fake.counters().signals), (200, 1));
}

/// Whatever an adapter writes for its outbound fixtures, the fake takes: neither knows the other's limits.
#[tokio::test]
async fn the_fakes_take_what_the_adapters_write() {
    let (whatsapp, whatsapp_account) = whatsapp_fake(None).await;
    let (telegram, telegram_account) = telegram_fake(None).await;
    let (slack, slack_account) = slack_fake(None).await;
    let (instagram, instagram_account) = instagram_fake(None).await;
    instagram.set_heard("1254459154682919", SystemClock.now());
    let mut sent = 0;
    for (channel, account, folder) in [
        (&Whatsapp as &dyn Channel, &whatsapp_account, "../../adapters/whatsapp/fixtures/outbound"),
        (&Telegram, &telegram_account, "../../adapters/telegram/fixtures/outbound"),
        (&Slack, &slack_account, "../../adapters/slack/fixtures/outbound"),
        (&Instagram, &instagram_account, "../../adapters/instagram/fixtures/outbound"),
    ] {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.to_str().unwrap().ends_with(".expected.json") {
                continue;
            }
            let fixture: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            let content: Content = serde_json::from_value(fixture["content"].clone()).unwrap();
            let Ok(plan) = botbuilder_adapter_kit::plan(&content, &channel.capabilities()) else { continue };
            for content in plan.parts {
                let part = part(1, fixture["to"].as_str().unwrap(), content);
                let encoded = channel.http().unwrap().encode(account, &part);
                // A payload for another channel, a template where there are none, a poll the fake does not know; what
                // changes a message that is not there, or makes none.
                let written = content_of(&part, "method").or_else(|| content_of(&part, "sender_action"));
                let makes_none = written.is_some_and(|method| method != "chat.postEphemeral");
                if encoded.is_err() || encoded.unwrap()[0].shown_as.ends_with("sendPoll") || makes_none {
                    continue;
                }
                let outcome = send(channel, account, &part).await.unwrap();
                assert!(outcome.is_ok(), "{}: {outcome:?}", path.display());
                sent += 1;
            }
        }
    }
    let accepted = [whatsapp.counters(), telegram.counters(), slack.counters(), instagram.counters()];
    assert_eq!(sent, accepted.iter().map(|counters| counters.accepted).sum::<u64>());
    assert!(sent > 110, "{sent} messages");
}

/// A text member of a structured payload for the newer two networks; their methods may change or make no message.
fn content_of(part: &Part, name: &str) -> Option<String> {
    let Content::Structured { payload } = &part.content else { return None };
    let text = payload.get(name)?.as_str()?;
    (!text.starts_with("send")).then(|| text.to_owned())
}
