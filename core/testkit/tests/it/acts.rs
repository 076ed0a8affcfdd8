//! What bots do beside sending, and how fast: the fakes refuse what the networks refuse.

use botbuilder_adapter_instagram::Instagram;
use botbuilder_adapter_kit::{Account, Channel, SendError};
use botbuilder_adapter_slack::Slack;
use botbuilder_adapter_telegram::Telegram;
use botbuilder_adapter_whatsapp::Whatsapp;
use botbuilder_domain::{Clock as _, Content, Media, SystemClock};
use botbuilder_testkit::fake::Behaviour;
use serde_json::{Value, json};

use super::calls::{instagram_fake, part, send, slack_fake, telegram_fake, whatsapp_fake};

fn structured(payload: Value) -> Content {
    Content::Structured { payload }
}

/// The code of a refusal; empty where it was taken.
fn code(outcome: Result<botbuilder_adapter_kit::ProviderMessageId, SendError>) -> String {
    outcome.err().and_then(|error| error.provider_code().map(str::to_owned)).unwrap_or_default()
}

#[tokio::test]
async fn telegram_changes_takes_back_reacts_and_answers() {
    let (fake, account) = telegram_fake(None).await;
    let act = async |payload: Value| {
        send(&Telegram, &account, &part(1, "42", structured(payload))).await.expect("an answer")
    };
    let sent = act(json!({ "method": "sendMessage", "text": "in stock" })).await.expect("taken").0;
    let edit = json!({ "method": "editMessageText", "message_id": sent, "text": "sold out" });
    assert_eq!(act(edit.clone()).await.expect("taken").0, sent);
    assert_eq!(fake.conversation("42")[0].text.as_deref(), Some("sold out"));
    // Once more is as it should be.
    assert_eq!(act(edit).await.expect("taken").0, "");
    assert_eq!(code(act(json!({ "method": "editMessageText", "message_id": 99, "text": "x" })).await), "400");
    assert_eq!(
        code(act(json!({ "method": "editMessageText", "message_id": sent, "text": " " })).await),
        "400"
    );
    let media = json!({ "type": "photo", "media": "https://example.org/a.png" });
    for payload in [
        json!({ "method": "editMessageReplyMarkup", "message_id": sent,
                "reply_markup": { "inline_keyboard": [[{ "text": "Look", "url": "https://example.org" }]] } }),
        json!({ "method": "editMessageMedia", "message_id": sent, "media": media }),
        json!({ "method": "setMessageReaction", "message_id": sent, "reaction": [{ "type": "emoji", "emoji": "👍" }] }),
        json!({ "method": "pinChatMessage", "message_id": sent }),
        json!({ "method": "answerCallbackQuery", "callback_query_id": "1", "text": "done" }),
        json!({ "method": "answerInlineQuery", "inline_query_id": "1", "results": [] }),
        json!({ "method": "answerPreCheckoutQuery", "pre_checkout_query_id": "1", "ok": true }),
        json!({ "method": "copyMessage", "from_chat_id": 42, "message_id": sent }),
        json!({ "method": "forwardMessage", "from_chat_id": 42, "message_id": sent }),
        json!({ "method": "sendVideoNote", "video_note": "DQACAgIAAx" }),
    ] {
        let outcome = act(payload.clone()).await;
        assert!(outcome.is_ok(), "{payload}: {outcome:?}");
    }
    for payload in [
        json!({ "method": "setMessageReaction", "message_id": sent, "reaction": [{ "type": "paid" }] }),
        json!({ "method": "answerPreCheckoutQuery", "pre_checkout_query_id": "1", "ok": false }),
        json!({ "method": "answerInlineQuery", "inline_query_id": "1" }),
        json!({ "method": "sendPoll", "question": "when?", "options": [] }),
    ] {
        assert_eq!(code(act(payload.clone()).await), "400", "{payload}");
    }
    let poll = json!({ "method": "sendPoll", "question": "when?", "options": [{ "text": "now" }, { "text": "later" }] });
    let poll = act(poll).await.expect("taken").0;
    assert_eq!(act(json!({ "method": "stopPoll", "message_id": poll })).await.expect("taken").0, "");
    let before = fake.conversation("42").len();
    assert!(act(json!({ "method": "deleteMessage", "message_id": sent })).await.is_ok());
    assert_eq!(fake.conversation("42").len(), before - 1);
    assert_eq!(code(act(json!({ "method": "deleteMessage", "message_id": sent })).await), "400");
    assert!(act(json!({ "method": "deleteMessages", "message_ids": [poll, "42:99"] })).await.is_ok());
    assert_eq!(fake.conversation("42").len(), before - 2);
}

#[tokio::test]
async fn telegram_does_what_the_answer_to_an_update_says() {
    use axum::{Json, Router, routing::post};
    let answer = json!({ "method": "sendMessage", "chat_id": 42, "text": "said by the answer" });
    let router = Router::new().route("/hook", post(async move || Json(answer)));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let (fake, _) = telegram_fake(Some(url)).await;
    fake.say(42, "hello").await.expect("taken");
    assert_eq!(fake.conversation("42")[0].text.as_deref(), Some("said by the answer"));
}

#[tokio::test]
async fn slack_schedules_pins_and_streams() {
    let (fake, account) = slack_fake(None).await;
    let act = async |payload: Value| {
        send(&Slack, &account, &part(1, "C1", structured(payload))).await.expect("an answer")
    };
    let later = SystemClock.now().timestamp() + 3600;
    let scheduled = json!({ "method": "chat.scheduleMessage", "text": "later", "post_at": later });
    assert_eq!(act(scheduled).await.expect("taken").0, "");
    let past = json!({ "method": "chat.scheduleMessage", "text": "too late", "post_at": 1 });
    assert_eq!(code(act(past).await), "time_in_past");

    let sent = act(json!({ "text": "read this" })).await.expect("taken").0;
    let ts = sent.split_once(':').expect("channel and ts").1.to_owned();
    let pin = |method: &str| json!({ "method": method, "timestamp": ts });
    assert!(act(pin("pins.add")).await.is_ok());
    assert_eq!(code(act(pin("pins.add")).await), "already_pinned");
    assert!(act(pin("pins.remove")).await.is_ok());
    assert_eq!(code(act(pin("pins.remove")).await), "no_pin");

    let status = json!({ "method": "assistant.threads.setStatus", "thread_ts": ts, "status": "is thinking" });
    assert!(act(status).await.is_ok());
    let begun = json!({ "method": "chat.startStream", "thread_ts": ts, "markdown_text": "Let me" });
    let stream = act(begun).await.expect("taken").0;
    let at = stream.split_once(':').expect("channel and ts").1.to_owned();
    assert!(act(json!({ "method": "chat.appendStream", "ts": at, "markdown_text": " see" })).await.is_ok());
    assert!(act(json!({ "method": "chat.stopStream", "ts": at })).await.is_ok());
    assert_eq!(fake.text_of(&stream).as_deref(), Some("Let me see"));
    let more = json!({ "method": "chat.appendStream", "ts": at, "markdown_text": "!" });
    assert_eq!(code(act(more).await), "message_not_in_streaming_state");
}

/// Above its published rate each network refuses in its own words, which the adapter tells apart: the person, or all.
#[tokio::test]
async fn messages_that_come_too_fast_are_refused_as_each_network_refuses_them() {
    let minded = || Behaviour { rates: true, ..Behaviour::default() };
    let text = || Content::text("hi");

    // A slow machine sends a few more than the burst before one is refused.
    let refused = async |channel: &dyn Channel, account: &Account, to: &str, burst: usize| {
        for number in 0..burst * 2 {
            if let Err(refusal) = send(channel, account, &part(1, to, text())).await.unwrap() {
                assert!(number >= burst, "refused after {number}: {refusal}");
                return refusal;
            }
        }
        panic!("{} messages to {to} at once", burst * 2);
    };

    let (fake, account) = telegram_fake(None).await;
    fake.set_behaviour(minded());
    let refusal = refused(&Telegram, &account, "42", 20).await;
    assert!(
        matches!(refusal, SendError::RetryAfter { after: Some(_), recipient_only: true, .. }),
        "{refusal:?}"
    );
    send(&Telegram, &account, &part(1, "43", text())).await.unwrap().unwrap();
    let file = |name: &str| -> Media {
        serde_json::from_value(json!({ "media": "image", "url": format!("https://example.org/{name}.png") }))
            .unwrap()
    };
    let album = Content::Album { items: vec![file("a"), file("b")] };
    for _ in 0..20 {
        send(&Telegram, &account, &part(1, "-100", album.clone())).await.unwrap().ok();
    }
    assert!(fake.counters().too_fast > 1, "albums count by their files: {:?}", fake.counters());

    let (fake, account) = whatsapp_fake(None).await;
    fake.set_behaviour(minded());
    let refusal = refused(&Whatsapp, &account, "15550001111", 45).await;
    assert!(matches!(&refusal, SendError::RetryAfter { recipient_only: true, code, .. } if code == "131056"));
    let mut all = None;
    for person in 0..400 {
        let to = format!("1555000{person:04}");
        all = send(&Whatsapp, &account, &part(1, &to, text())).await.unwrap().err();
        if all.is_some() {
            break;
        }
    }
    // A machine that sends less than 80 in a second is never too fast.
    if let Some(refusal) = all {
        assert!(
            matches!(&refusal, SendError::RetryAfter { recipient_only: false, code, .. } if code == "130429")
        );
    }

    let (fake, account) = slack_fake(None).await;
    fake.set_behaviour(minded());
    let refusal = refused(&Slack, &account, "C1", 10).await;
    assert!(matches!(refusal, SendError::RetryAfter { after: Some(_), .. }), "{refusal:?}");

    let (fake, account) = instagram_fake(None).await;
    fake.set_behaviour(minded());
    fake.set_heard("42", SystemClock.now());
    send(&Instagram, &account, &part(1, "42", text())).await.unwrap().unwrap();
    assert_eq!(fake.counters().too_fast, 0);
}

#[tokio::test]
async fn whoever_never_wrote_is_outside_the_window_where_that_is_minded() {
    let (fake, account) = whatsapp_fake(None).await;
    let hi = || part(1, "15550001111", Content::text("hi"));
    send(&Whatsapp, &account, &hi()).await.unwrap().unwrap();
    fake.set_behaviour(Behaviour { windows: true, ..Behaviour::default() });
    let refusal = send(&Whatsapp, &account, &hi()).await.unwrap().unwrap_err();
    assert!(matches!(refusal, SendError::WindowClosed { .. }), "{refusal:?}");
    // Nobody takes what they write here; they have written all the same.
    let _ = fake.say("15550001111", "hello").await;
    send(&Whatsapp, &account, &hi()).await.unwrap().unwrap();
    fake.lapse("15550001111");
    let refusal = send(&Whatsapp, &account, &hi()).await.unwrap().unwrap_err();
    assert!(matches!(refusal, SendError::WindowClosed { .. }), "{refusal:?}");
}
