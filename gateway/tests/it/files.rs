//! Files of people, from their network to the store; files of ours, from the store to the networks. What a network
//! sends in the place of a file is in `strange_files.rs`.

use botbuilder_domain::{Clock as _, SystemClock};
use botbuilder_media::reference;
use botbuilder_testkit::{
    fake::{File, whatsapp::SIGNATURE_HEADER},
    local_client::Method,
    platform::{Options, TestPlatform, eventually, execute},
};
use bytes::Bytes;
use serde_json::{Value, json};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR of a small picture";

fn picture() -> File {
    File::new("cat.png", "image/png", PNG)
}

/// What is known of the one file that came in, once there is something.
async fn arrived(platform: &TestPlatform) -> Value {
    let rows = eventually("what became of the file", async || {
        let rows = platform
            .rows("SELECT kind, media, error_code FROM channel_messages WHERE direction = 'inbound' AND media <> '[]'")
            .await;
        (!rows.is_empty()).then_some(rows)
    })
    .await;
    rows[0].clone()
}

async fn is_kept(platform: &TestPlatform, sha256: &Value) -> Bytes {
    let org = platform.acme().seeded.org;
    let found = platform.gateway.media.read(org, sha256.as_str().expect("a digest"), None).await;
    found.expect("a store").expect("a file").all().await.expect("bytes")
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_every_network_are_kept_once() {
    let platform = TestPlatform::start().await;
    let acme = platform.acme();
    acme.whatsapp.say_file("491701", picture(), Some("look")).await.expect("a webhook");
    acme.telegram.say_file(42, picture()).await.expect("a webhook");
    acme.slack.say_file("U0ADA", picture(), "look").await.expect("a webhook");
    acme.instagram.say_file("7001", picture()).await.expect("a webhook");
    let rows = eventually("all four", async || {
        let rows = platform
            .rows("SELECT media FROM channel_messages WHERE direction = 'inbound' AND media <> '[]'")
            .await;
        (rows.len() == 4).then_some(rows)
    })
    .await;
    let digests: Vec<&Value> = rows.iter().map(|row| &row["media"][0]["sha256"]).collect();
    for row in &rows {
        assert_eq!(row["media"][0]["status"], "stored", "{row}");
        assert_eq!(row["media"][0]["type"], "image/png", "{row}");
        assert_eq!(row["media"][0]["size"], PNG.len(), "{row}");
    }
    assert!(digests.iter().all(|digest| *digest == digests[0]));
    assert_eq!(is_kept(&platform, digests[0]).await, PNG);
}

#[tokio::test(flavor = "multi_thread")]
async fn file_that_a_colleague_sent_from_the_phone_is_kept_as_well() {
    let platform = TestPlatform::start().await;
    let acme = platform.acme();
    // The fake gives a file out by its id, whoever sent it.
    let id = acme.whatsapp.say_file("491701", picture(), None).await.expect("a webhook");
    arrived(&platform).await;
    platform.settled().await;
    let echo = json!({
        "from": "15550783881", "to": "491701", "id": "wamid.phone", "type": "image",
        "timestamp": SystemClock.now().timestamp().to_string(), "image": { "id": id, "mime_type": "image/png" },
    });
    let (body, _) = acme.notification(&json!({ "message_echoes": [echo] }));
    let body = body.replace(r#""field":"messages""#, r#""field":"smb_message_echoes""#);
    let signature = acme.sign(body.as_bytes());
    let answer = platform.post(&acme.whatsapp_path(), &[(SIGNATURE_HEADER, &signature)], &body).await;
    assert_eq!(answer.status, 200);
    let row = eventually("the colleague's file", async || {
        let sent = "SELECT media, status, sender_type FROM channel_messages \
                    WHERE provider_message_id = 'wamid.phone' AND media <> '[]'";
        platform.rows(sent).await.pop()
    })
    .await;
    assert_eq!(row["media"][0]["status"], "stored", "{row}");
    assert_eq!((row["status"].as_str(), row["sender_type"].as_str()), (Some("sent"), Some("agent")));
    assert_eq!(is_kept(&platform, &row["media"][0]["sha256"]).await, PNG);
    // What we send ourselves is not fetched from anywhere.
    let ours = "SELECT count(*) FROM channel_messages WHERE direction = 'outbound' AND sender_type = 'bot' \
                AND media <> '[]'";
    assert_eq!(platform.count(ours).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn file_that_is_gone_stands_on_its_message_with_the_reason() {
    let platform = TestPlatform::start().await;
    let acme = platform.acme();
    let id = acme.whatsapp.say_file("491701", picture(), None).await.expect("a webhook");
    acme.whatsapp.expire(&id);
    // Whichever came first, the provider's answer or the file, the message says how it ended.
    let row = eventually("an end", async || {
        execute(
            &platform.pool,
            "UPDATE channel_messages SET next_attempt_at = now() WHERE next_attempt_at IS NOT NULL AND media = '[]'",
        )
        .await;
        let rows = platform
            .rows("SELECT media, error_code, error_message FROM channel_messages WHERE media <> '[]'")
            .await;
        rows.first().cloned()
    })
    .await;
    let status = row["media"][0]["status"].as_str();
    assert!(status == Some("failed") && row["error_code"].is_string() || status == Some("stored"), "{row}");
}

#[tokio::test(flavor = "multi_thread")]
async fn file_at_a_strange_host_is_not_fetched() {
    let platform = TestPlatform::start().await;
    let attachments =
        json!([{ "type": "image", "payload": { "url": "http://169.254.169.254/latest/meta-data" } }]);
    let value = json!({ "mid": "m.strange", "attachments": attachments });
    platform.acme().instagram.item("7001", "message", &value).await.expect("a webhook");
    let row = arrived(&platform).await;
    assert_eq!(
        (row["media"][0]["status"].as_str(), row["error_code"].as_str()),
        (Some("failed"), Some("host"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn file_that_is_not_what_was_announced_is_not_kept() {
    let platform = TestPlatform::start().await;
    let acme = platform.acme();
    let id = acme.whatsapp.say_file("491701", picture(), None).await.expect("a webhook");
    let image = json!({ "id": id, "mime_type": "image/png", "sha256": "00".repeat(32) });
    let message = json!({ "from": "491702", "id": "wamid.other", "timestamp": "1800000000", "type": "image", "image": image });
    let (body, signature) = acme.notification(&json!({ "messages": [message] }));
    let answer = platform.post(&acme.whatsapp_path(), &[(SIGNATURE_HEADER, &signature)], &body).await;
    assert_eq!(answer.status, 200);
    let row = eventually("an end", async || {
        execute(
            &platform.pool,
            "UPDATE channel_messages SET next_attempt_at = now() WHERE next_attempt_at IS NOT NULL AND media = '[]'",
        )
        .await;
        let rows = platform
            .rows(
                "SELECT media, error_code FROM channel_messages \
                 WHERE provider_message_id = 'wamid.other' AND media <> '[]'",
            )
            .await;
        rows.first().cloned()
    })
    .await;
    assert_eq!(
        (row["media"][0]["status"].as_str(), row["error_code"].as_str()),
        (Some("failed"), Some("digest_differs")),
        "{row}"
    );
}

/// A bot that answers everything with a file of ours.
fn flow(url: &str) -> Value {
    let cat = json!({
        "kind": "media", "media": "image", "url": url, "mime_type": "image/png", "file_name": "cat.png",
        "caption": "a cat",
    });
    json!({
        "schema": 1,
        "nodes": [
            { "id": "start", "type": "start", "data": {} },
            { "id": "say", "type": "message", "data": { "content": cat } },
        ],
        "edges": [{ "source": "start", "port": "next", "target": "say" }],
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn file_of_ours_goes_out_as_each_network_wants_it() {
    let digest = {
        use sha2::Digest as _;
        hex::encode(sha2::Sha256::digest(PNG))
    };
    let options = Options { flow: flow(&reference(&digest)), ..Options::default() };
    let platform = TestPlatform::with(options).await;
    let org = platform.acme().seeded.org;
    let mut incoming = platform.gateway.media.begin(org, platform.gateway.ids.next(), 1000);
    incoming.write(Bytes::from_static(PNG)).await.expect("a store");
    incoming.finish(None).await.expect("a store");

    let acme = platform.acme();
    acme.whatsapp.say("491701", "hi").await.expect("a webhook");
    acme.whatsapp_replies("491701", 1).await;
    acme.whatsapp.say("491702", "hi").await.expect("a webhook");
    acme.whatsapp_replies("491702", 1).await;
    let sent = acme.whatsapp.messages();
    let ids: Vec<&str> = sent.iter().filter_map(|sent| sent.body.pointer("/image/id")?.as_str()).collect();
    // Uploaded once for both.
    assert!(ids.len() == 2 && ids[0] == ids[1], "{sent:?}");
    assert_eq!(acme.whatsapp.file(ids[0]).map(|file| file.bytes), Some(Bytes::from_static(PNG)));

    acme.telegram.say(42, "hi").await.expect("a webhook");
    acme.telegram_replies(42, 1).await;
    let sent = acme.telegram.messages();
    let id = sent[0].body["photo"].as_str().expect("a picture");
    assert_eq!(acme.telegram.file(id).map(|file| file.bytes), Some(Bytes::from_static(PNG)));
    assert_eq!(sent[0].body["caption"], "a cat");

    acme.slack.say("U0ADA", "hi").await.expect("a webhook");
    acme.slack_replies("U0ADA", 1).await;
    let sent = acme.slack.messages();
    let id = sent[0].body.pointer("/files/0/id").and_then(Value::as_str).expect("a file");
    assert_eq!(acme.slack.file(id).map(|file| file.bytes), Some(Bytes::from_static(PNG)));
    assert_eq!(sent[0].body["initial_comment"], "a cat");

    acme.instagram.say("7001", "hi").await.expect("a webhook");
    acme.instagram_replies("7001", 1).await;
    let sent = acme.instagram.messages();
    let link = sent.iter().find_map(|sent| sent.body.pointer("/message/attachment/payload/url")?.as_str());
    let link = link.expect("a link");
    let path = &link[link.find("/media/").expect("a link of ours")..];
    let shown = platform.call(Method::GET, path, &[], "").await;
    assert_eq!((shown.status, shown.header("content-type")), (200, Some("image/png")));
    platform.settled().await;
}
