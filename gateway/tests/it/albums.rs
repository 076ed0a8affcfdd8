//! Several files at once, and buttons whose ids are longer than the network takes.

use botbuilder_domain::{Clock as _, SystemClock};
use botbuilder_media::reference;
use botbuilder_testkit::{
    fake::{File, telegram},
    local_client::Method,
    platform::{Options, TestPlatform, eventually, execute},
};
use bytes::Bytes;
use serde_json::{Value, json};
use sha2::Digest as _;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR of a small picture";

/// Pictures that differ.
fn pictures(count: u8) -> Vec<File> {
    let picture = |number: u8| {
        let mut bytes = PNG.to_vec();
        bytes.push(number);
        File::new(&format!("{number}.png"), "image/png", bytes)
    };
    (0..count).map(picture).collect()
}

/// A flow that asks for a file and tells where it is.
fn asking() -> Value {
    json!({
        "schema": 1,
        "nodes": [
            { "id": "start", "type": "start", "data": {} },
            { "id": "ask", "type": "input", "data": { "text": "Send it.", "variable": "file", "format": "file" } },
            { "id": "tell", "type": "message", "data": { "text": "{{file.url}}" } },
            { "id": "back", "type": "message", "data": { "content": {
                "kind": "media", "media": "image", "url": "{{file.url}}", "caption": "yours" } } },
        ],
        "edges": [
            { "source": "start", "port": "next", "target": "ask" },
            { "source": "ask", "port": "next", "target": "tell" },
            { "source": "tell", "port": "next", "target": "back" },
        ],
        "variables": [{ "name": "file", "type": "object" }],
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_sent_at_once_are_one_message_and_are_answered_once() {
    let platform = TestPlatform::start().await;
    let acme = platform.acme();
    acme.telegram.say_album(42, pictures(3), "our garden").await.expect("three updates");
    let message = eventually("the album", async || {
        let rows = platform
            .rows("SELECT kind, text, media, payload FROM channel_messages WHERE direction = 'inbound' AND media <> '[]'")
            .await;
        rows.into_iter().find(|row| row["media"].as_array().is_some_and(|files| files.len() == 3))
    })
    .await;
    assert_eq!((message["kind"].as_str(), message["text"].as_str()), (Some("image"), Some("our garden")));
    for (index, file) in message["media"].as_array().expect("files").iter().enumerate() {
        assert_eq!(
            (file["status"].as_str(), file["size"].as_u64()),
            (Some("stored"), Some(PNG.len() as u64 + 1))
        );
        let digest = file["sha256"].as_str().expect("a digest");
        let kept = platform.gateway.media.read(acme.seeded.org, digest, None).await.expect("a store");
        let bytes = kept.expect("a file").all().await.expect("bytes");
        assert_eq!(bytes.last().copied().map(usize::from), Some(index), "in their order");
    }
    acme.telegram_replies(42, 1).await;
    platform.settled().await;
    assert_eq!(platform.count("SELECT count(*) FROM channel_messages WHERE direction = 'inbound'").await, 1);
    let turns = platform.count("SELECT count(*) FROM message_events WHERE stage = 'turn'").await;
    assert_eq!(turns, 2, "its arrival, and the bot's turn over all of it");
    let before = acme.telegram.conversation("42").len();

    // One that comes when the bot has answered is a message of its own.
    let group = message["payload"]["items"][0]["provider_ref"].clone();
    assert!(group.is_string());
    acme.telegram.say_album(42, pictures(1), "another").await.expect("an update");
    acme.telegram_replies(42, before + 1).await;
    assert_eq!(platform.count("SELECT count(*) FROM channel_messages WHERE direction = 'inbound'").await, 2);
    platform.settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_that_come_again_or_too_late_are_not_lost_and_not_doubled() {
    let platform = TestPlatform::start().await;
    let acme = platform.acme();
    let part = |update: u64| {
        json!({ "update_id": update, "message": {
            "message_id": update, "date": 1_800_000_000, "media_group_id": "g1",
            "chat": { "id": 42, "type": "private" }, "from": { "id": 42, "is_bot": false, "first_name": "Ada" },
            "photo": [{ "file_id": format!("gone-{update}"), "width": 1, "height": 1 }],
        }})
    };
    let post = async |update: u64| {
        let headers = [(telegram::SECRET_HEADER, acme.telegram_secret.as_str())];
        assert_eq!(platform.post(&acme.telegram_path(), &headers, &part(update)).await.status, 200);
    };
    for update in [1, 2, 1, 2, 2] {
        post(update).await;
    }
    acme.telegram_replies(42, 1).await;
    platform.settled().await;
    let items = "SELECT jsonb_array_length(payload -> 'items') AS parts FROM channel_messages WHERE direction = 'inbound'";
    assert_eq!(platform.rows(items).await, [json!({ "parts": 2 })]);
    post(3).await;
    eventually("the late one", async || {
        let count = "SELECT count(*) FROM channel_messages WHERE direction = 'inbound'";
        (platform.count(count).await == 2).then_some(())
    })
    .await;
    platform.settled().await;
}

/// A flow that says what was said.
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

#[tokio::test(flavor = "multi_thread")]
async fn message_written_while_parts_are_waited_for_is_answered_after_them() {
    let platform = TestPlatform::with(Options { flow: echoing(), ..Options::default() }).await;
    let acme = platform.acme();
    let patient =
        r#"UPDATE channels SET settings = settings || '{"join_parts_ms": 10000}' WHERE type = 'telegram'"#;
    execute(&platform.pool, patient).await;
    platform.gateway.forget();
    // The same again in a conversation that is known already.
    for round in 0..2 {
        let before = acme.telegram.conversation("42").len();
        acme.telegram.say_album(42, pictures(3), "our garden").await.expect("three updates");
        acme.telegram.say(42, "and our house").await.expect("an update");
        acme.telegram.say(42, "that is all").await.expect("an update");
        let said: Vec<String> = acme.telegram_replies(42, before + 3).await[before..]
            .iter()
            .filter_map(|reply| reply.text.clone())
            .collect();
        assert_eq!(said, ["You said: our garden", "You said: and our house", "You said: that is all"]);
        let albums = "SELECT jsonb_array_length(payload -> 'items') AS parts FROM channel_messages \
                      WHERE direction = 'inbound' AND payload ->> 'kind' = 'album'";
        assert_eq!(platform.rows(albums).await, vec![json!({ "parts": 3 }); round + 1]);
    }
    // The end of the wait changes nothing any more.
    platform.settled().await;
    assert_eq!(acme.telegram.conversation("42").len(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn bot_is_told_of_a_file_by_a_link_to_our_copy_and_can_send_it_on() {
    let platform = TestPlatform::with(Options { flow: asking(), ..Options::default() }).await;
    let acme = platform.acme();
    acme.telegram.say(42, "hello").await.expect("an update");
    acme.telegram_replies(42, 1).await;
    acme.telegram.say_album(42, pictures(2), "look").await.expect("two updates");
    let replies = acme.telegram_replies(42, 2).await;
    assert!(replies[1].text.is_some());
    let told = acme.telegram.messages()[1].text.clone().expect("a link");
    let path = told[told.find("/media/").expect("a link of ours")..].to_owned();
    let shown = eventually("the file", async || {
        let shown = platform.call(Method::GET, &path, &[], "").await;
        (shown.status == 200).then_some(shown)
    })
    .await;
    assert_eq!(shown.header("content-type"), Some("image/png"));
    assert_eq!(shown.header("content-length"), Some(&*(PNG.len() + 1).to_string()));
    // Sent on, it is our copy that goes, and not the address.
    acme.telegram_replies(42, 3).await;
    let back = &acme.telegram.messages()[2];
    assert_eq!(back.body["caption"], "yours");
    let id = back.body["photo"].as_str().expect("a picture");
    let uploaded = acme.telegram.file(id).map(|file| file.bytes.len());
    assert!(uploaded == Some(PNG.len() + 1) || id.contains("/media/"), "{back:?}");
    for wrong in [format!("{path}x"), path.replace("/media/", "/media/A")] {
        assert_eq!(platform.call(Method::GET, &wrong, &[], "").await.status, 404);
    }
    platform.settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn button_with_a_long_id_is_found_again_after_a_restart() {
    // Sixty characters, which a flow takes, and eighty bytes, which Telegram does not.
    let long = "größe-".repeat(10);
    let flow = json!({
        "schema": 1,
        "nodes": [
            { "id": "start", "type": "start", "data": {} },
            { "id": "ask", "type": "input", "data": {
                "text": "Which?", "variable": "order", "format": "choice",
                "options": [{ "id": long, "title": "The first" }, { "id": "other", "title": "Another" }],
            } },
            { "id": "tell", "type": "message", "data": { "text": "You chose {{order}}." } },
        ],
        "edges": [
            { "source": "start", "port": "next", "target": "ask" },
            { "source": "ask", "port": "next", "target": "tell" },
        ],
        "variables": [{ "name": "order", "type": "string" }],
    });
    let mut platform = TestPlatform::with(Options { flow, ..Options::default() }).await;
    platform.acme().telegram.say(42, "hello").await.expect("an update");
    platform.acme().telegram_replies(42, 1).await;
    let sent = platform.acme().telegram.messages()[0].body.clone();
    let button = sent.pointer("/reply_markup/inline_keyboard/0/0").expect("a button").clone();
    let data = button["callback_data"].as_str().expect("its payload").to_owned();
    assert!(data.len() <= 64 && data != long, "{data}");
    platform.settled().await;
    platform.stop().await;
    platform.start_again();
    let acme = platform.acme();
    acme.telegram.tap(42, &data).await.expect("an update");
    let replies = acme.telegram_replies(42, 2).await;
    let wanted: String = format!("You chose {long}.").chars().take(100).collect();
    assert!(replies[1].text.as_deref().is_some_and(|text| text.starts_with(&wanted)), "{replies:?}");
    // A key that no button of the message has is nobody's choice.
    platform.settled().await;
}

/// A flow that answers everything with two pictures and a document of ours.
fn giving(digest: &str) -> Value {
    let file =
        |media: &str, name: &str| json!({ "media": media, "url": reference(digest), "file_name": name });
    let mut first = file("image", "one.png");
    first["caption"] = "our garden".into();
    let album = json!({
        "kind": "album", "items": [first, file("image", "two.png"), file("document", "three.png")],
    });
    json!({
        "schema": 1,
        "nodes": [
            { "id": "start", "type": "start", "data": {} },
            { "id": "say", "type": "message", "data": { "content": album } },
        ],
        "edges": [{ "source": "start", "port": "next", "target": "say" }],
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn files_sent_at_once_on_slack_and_instagram_are_one_message() {
    let digest = hex::encode(sha2::Sha256::digest(PNG));
    let platform = TestPlatform::with(Options { flow: giving(&digest), ..Options::default() }).await;
    let acme = platform.acme();
    let mut incoming = platform.gateway.media.begin(acme.seeded.org, platform.gateway.ids.next(), 1000);
    incoming.write(Bytes::from_static(PNG)).await.expect("a store");
    incoming.finish(None).await.expect("a store");

    acme.slack.say_files("U0ADA", pictures(3), "look").await.expect("a webhook");
    acme.instagram.say_files("7001", pictures(2)).await.expect("a webhook");
    let rows = eventually("both", async || {
        let rows = platform
            .rows(
                "SELECT text, media FROM channel_messages WHERE direction = 'inbound' \
                 ORDER BY jsonb_array_length(media)",
            )
            .await;
        (rows.iter().filter(|row| row["media"] != json!([])).count() == 2).then_some(rows)
    })
    .await;
    let files = |row: &Value| -> Vec<Value> {
        row["media"].as_array().expect("files").iter().map(|file| file["status"].clone()).collect()
    };
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert_eq!(files(&rows[0]), ["stored"; 2]);
    assert_eq!(files(&rows[1]), ["stored"; 3]);
    assert_eq!(rows[1]["text"], "look");

    // Files of one kind stand together at Slack, in the conversation that a person's id leads to.
    acme.slack_replies("U0ADA", 2).await;
    let sent = acme.slack.messages();
    let shared: Vec<(usize, &Value)> = sent
        .iter()
        .map(|sent| (sent.body["files"].as_array().map_or(0, Vec::len), &sent.body["channel_id"]))
        .collect();
    assert_eq!(shared, [(2, &json!("D0ADA")), (1, &json!("D0ADA"))]);
    assert_eq!(sent[0].body["initial_comment"], "our garden");
    assert_eq!(acme.slack.openings(), 1, "asked once for both");
    // At Instagram pictures stand together, whatever they were called, and what stands below the first comes after them.
    let replies = acme.instagram_replies("7001", 2).await;
    assert_eq!(replies[1].text.as_deref(), Some("our garden"));
    let sent = acme.instagram.messages();
    assert_eq!(sent[0].body.pointer("/message/attachments").and_then(Value::as_array).map(Vec::len), Some(3));
    platform.settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_picture_of_an_album_of_ours_leads_to_its_message() {
    let digest = hex::encode(sha2::Sha256::digest(PNG));
    let platform = TestPlatform::with(Options { flow: giving(&digest), ..Options::default() }).await;
    let acme = platform.acme();
    let mut incoming = platform.gateway.media.begin(acme.seeded.org, platform.gateway.ids.next(), 1000);
    incoming.write(Bytes::from_static(PNG)).await.expect("a store");
    incoming.finish(None).await.expect("a store");
    acme.telegram.say(42, "hello").await.expect("an update");
    // Two pictures stand together, and a document behind them.
    let sent = acme.telegram_replies(42, 3).await;
    platform.settled().await;
    for (index, picture) in sent.iter().enumerate() {
        let number: u64 = picture.id.parse().expect("a number");
        let update = 900 + index;
        let answer = json!({ "update_id": update, "message": {
            "message_id": update, "date": SystemClock.now().timestamp(), "text": "this one",
            "chat": { "id": 42, "type": "private" }, "from": { "id": 42, "is_bot": false, "first_name": "Ada" },
            "reply_to_message": { "message_id": number, "date": 1, "chat": { "id": 42, "type": "private" } },
        }});
        let headers = [(telegram::SECRET_HEADER, acme.telegram_secret.as_str())];
        assert_eq!(platform.post(&acme.telegram_path(), &headers, &answer).await.status, 200);
    }
    eventually("three answers", async || {
        let answers = "SELECT count(*) FROM channel_messages WHERE text = 'this one'";
        (platform.count(answers).await == 3).then_some(())
    })
    .await;
    let answered = "SELECT count(DISTINCT m.reply_to_id) FROM channel_messages m \
                    JOIN channel_messages a ON a.id = m.reply_to_id WHERE m.text = 'this one'";
    assert_eq!(platform.count(answered).await, 1);
    let named = "SELECT count(*) FROM channel_messages WHERE text = 'this one' AND reply_to_id IS NOT NULL";
    assert_eq!(platform.count(named).await, 3);
    platform.settled().await;
}
