//! WhatsApp and Telegram, and what every fake has.

use super::calls::{choice, events, part, receiver, send, statuses, telegram_fake, whatsapp_fake};
use botbuilder_adapter_kit::account::Credentials;
use botbuilder_adapter_kit::{Channel, SendError};
use botbuilder_adapter_telegram::Telegram;
use botbuilder_adapter_whatsapp::Whatsapp;
use botbuilder_domain::{Content, DeliveryStatus, Inbound};
use botbuilder_testkit::fake::{Behaviour, Fault, StatusBehaviour, telegram, whatsapp};
use botbuilder_testkit::local_client::LocalClient;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::time::Duration;

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
    let events = super::calls::events(&Whatsapp, &account, &mut received).await;
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
    // A long one is given a short name before it leaves; an empty one is not.
    wide.options[0].id = String::new();
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
    // Without a webhook it is kept for whoever asks for updates.
    fake.set_webhook(None, "x").unwrap();
    assert_eq!(post("say", json!({ "from": "42", "text": "hi" })).await, 200);
}

#[tokio::test]
async fn a_fake_listens_and_calls_on_this_machine_only() {
    let options = whatsapp::Options { bind: ([0, 0, 0, 0], 0).into(), ..whatsapp::Options::default() };
    assert!(whatsapp::Fake::start(options).await.is_err());
    let webhook_url = Some("http://192.0.2.1/hooks/x".to_owned());
    let options = telegram::Options { webhook_url, ..telegram::Options::default() };
    assert!(telegram::Fake::start(options).await.is_err());
}
