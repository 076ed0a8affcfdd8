//! Slack and Instagram; and that no fake and adapter disagree about limits.

use super::calls::{
    choice, events, instagram_fake, part, receiver, send, slack_fake, telegram_fake, whatsapp_fake,
};
use botbuilder_adapter_instagram::Instagram;
use botbuilder_adapter_kit::account::Credentials;
use botbuilder_adapter_kit::{Account, Channel, Part, RequestBody, SendError, Template};
use botbuilder_adapter_slack::Slack;
use botbuilder_adapter_telegram::Telegram;
use botbuilder_adapter_whatsapp::Whatsapp;
use botbuilder_domain::{
    Clock as _, Content, DeliveryStatus, Inbound, SystemClock, TemplateHeader, TemplateMessage, TemplateValue,
};
use botbuilder_testkit::fake::{Behaviour, Fault, whatsapp};
use botbuilder_testkit::local_client::LocalClient;
use serde_json::{Value, json};
use std::time::Duration;

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
                if let Content::Template(message) = &part.content {
                    submitted(&whatsapp, account, message).await;
                }
                let outcome = send(channel, account, &part).await.unwrap();
                assert!(outcome.is_ok(), "{}: {outcome:?}", path.display());
                // Each file of an album is a message at Telegram.
                let by_file = channel.kind() == Telegram.kind();
                let messages = if by_file { part.content.files().len().max(1) } else { 1 };
                sent += u64::try_from(messages).unwrap();
            }
        }
    }
    let accepted = [whatsapp.counters(), telegram.counters(), slack.counters(), instagram.counters()];
    assert_eq!(sent, accepted.iter().map(|counters| counters.accepted).sum::<u64>());
    assert!(sent > 110, "{sent} messages");
}

/// Has the fake approve a template that takes what a message brings along, if it does not know it.
async fn submitted(fake: &whatsapp::Fake, account: &Account, message: &TemplateMessage) {
    let header = match message.header.as_deref() {
        None => json!({}),
        Some(TemplateHeader::Text { .. }) => {
            json!({ "format": "text", "text": "Order {{1}}", "example": "1002" })
        }
        Some(TemplateHeader::Location(_)) => json!({ "format": "location" }),
        Some(TemplateHeader::Media(file)) => json!({ "format": file.media }),
    };
    let buttons = message.buttons.iter().map(|button| match button.value {
        TemplateValue::Payload(_) => json!({ "type": "quick_reply", "text": "Thanks" }),
        TemplateValue::UrlSuffix(_) => {
            json!({ "type": "url", "text": "Track", "url": "https://shop.example/{{1}}", "example": "1002" })
        }
        TemplateValue::Code(_) => json!({ "type": "copy_code", "example": "SAVE10" }),
    });
    let names = (0..message.variables.len()).map(|place| match message.names.get(place) {
        Some(name) => format!("for {{{{{name}}}}}"),
        None => format!("for {{{{{}}}}}", place + 1),
    });
    let body = format!("There is news {} in the shop", names.collect::<Vec<_>>().join(" "));
    let template: Template = serde_json::from_value(json!({
        "name": message.name, "language": message.language, "category": "utility", "header": header, "body": body,
        "buttons": buttons.collect::<Vec<_>>(), "variables": vec!["x"; message.variables.len()],
    }))
    .unwrap();
    assert_eq!(botbuilder_adapter_kit::templates::check(&template), Ok(()));
    let mut account = account.clone();
    account.settings.insert("waba_id".to_owned(), whatsapp::WABA_ID.into());
    let templates = Whatsapp.templates().unwrap();
    let request = templates.submit(&account, &template).unwrap();
    let RequestBody::Json(body) = &request.body else { panic!("no body") };
    let client = LocalClient::new(Duration::from_secs(10)).unwrap();
    let call = client.post(request.url.expose()).unwrap().bearer_auth(request.bearer.unwrap().expose());
    let status = call.json(body).send().await.unwrap().status().as_u16();
    // 400: it knows one of that name from the beginning.
    assert!(
        status == 200 || ["order_ready", "hello_world"].contains(&message.name.as_str()),
        "{}",
        message.name
    );
    fake.approve(&message.name, &message.language);
}

/// A text member of a structured payload for the newer two networks; their methods may change or make no message.
fn content_of(part: &Part, name: &str) -> Option<String> {
    let Content::Structured { payload } = &part.content else { return None };
    let text = payload.get(name)?.as_str()?;
    (!text.starts_with("send")).then(|| text.to_owned())
}
