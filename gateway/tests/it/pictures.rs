//! Pictures that a network does not show go to it in a form that it does, or not at all.

use botbuilder_media::{kind, reference};
use botbuilder_testkit::{
    local_client::Method,
    platform::{Options, TestPlatform, eventually},
};
use bytes::Bytes;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// One pixel, as WebP and as GIF.
const WEBP: &[u8] = b"RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0\x2f\0\0\0\x10\x07\x10\x11\x11\x88\x88\xfe\x07\0";
const GIF: &[u8] = b"GIF89a\x01\0\x01\0\x80\0\0\xff\xff\xff\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";
/// The same GIF, which says that it is 65 535 pixels high and wide.
const BOMB: &[u8] =
    b"GIF89a\xff\xff\xff\xff\x80\0\0\xff\xff\xff\0\0\0,\0\0\0\0\xff\xff\xff\xff\0\x02\x02D\x01\0;";

/// A platform whose bot answers everything with this file of ours.
async fn answering(bytes: &'static [u8], media: &str, name: &str) -> TestPlatform {
    let digest = hex::encode(Sha256::digest(bytes));
    let file = json!({ "kind": "media", "media": media, "url": reference(&digest), "file_name": name });
    let flow = json!({
        "schema": 1,
        "nodes": [
            { "id": "start", "type": "start", "data": {} },
            { "id": "say", "type": "message", "data": { "content": file } },
        ],
        "edges": [{ "source": "start", "port": "next", "target": "say" }],
    });
    let platform = TestPlatform::with(Options { flow, ..Options::default() }).await;
    let org = platform.acme().seeded.org;
    let mut incoming = platform.gateway.media.begin(org, platform.gateway.ids.next(), 1000);
    incoming.write(Bytes::from_static(bytes)).await.expect("a store");
    incoming.finish(None).await.expect("a store");
    platform
}

/// What the trail of the only reply says was done to it.
async fn notes(platform: &TestPlatform) -> Vec<Value> {
    let noted = eventually("the trail", async || {
        let rows = platform.rows("SELECT detail FROM message_events WHERE stage = 'downgraded'").await;
        (!rows.is_empty()).then_some(rows)
    })
    .await;
    noted.iter().flat_map(|row| row["detail"]["downgrades"].as_array().expect("a list").clone()).collect()
}

fn is_shown_everywhere(mime_type: &str) -> bool {
    matches!(mime_type, "image/png" | "image/jpeg")
}

#[tokio::test(flavor = "multi_thread")]
async fn picture_that_whatsapp_does_not_show_goes_up_in_another_form_once() {
    for (bytes, name, from) in [(WEBP, "cat.webp", "image/webp"), (GIF, "cat.gif", "image/gif")] {
        let platform = answering(bytes, "image", name).await;
        let acme = platform.acme();
        acme.whatsapp.say("491701", "hi").await.expect("a webhook");
        acme.whatsapp_replies("491701", 1).await;
        acme.whatsapp.say("491702", "hi").await.expect("a webhook");
        acme.whatsapp_replies("491702", 1).await;
        let sent = acme.whatsapp.messages();
        let ids: Vec<&str> =
            sent.iter().filter_map(|sent| sent.body.pointer("/image/id")?.as_str()).collect();
        assert!(ids.len() == 2 && ids[0] == ids[1], "{sent:?}");
        let file = acme.whatsapp.file(ids[0]).expect("an upload");
        assert!(
            is_shown_everywhere(&kind::of(&file.bytes, None)) && file.bytes != bytes,
            "{}",
            file.mime_type
        );
        assert_eq!(file.mime_type, kind::of(&file.bytes, None));
        let ending = if file.mime_type == "image/png" { "cat.png" } else { "cat.jpg" };
        assert_eq!(file.name, ending);
        platform.settled().await;
        // Both say so, the second too, for which nothing was done any more.
        let notes = notes(&platform).await;
        assert_eq!(notes.len(), 2, "{notes:?}");
        for note in notes {
            assert_eq!((note["from"].as_str(), note["to"].as_str()), (Some(from), Some(&*file.mime_type)));
            assert!(note["reason"].as_str().is_some_and(|reason| reason.contains("image/jpeg")), "{note}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn picture_that_instagram_does_not_show_lies_behind_its_link_in_another_form() {
    let platform = answering(WEBP, "image", "cat.webp").await;
    let acme = platform.acme();
    for person in ["7001", "7002"] {
        acme.instagram.say(person, "hi").await.expect("a webhook");
        acme.instagram_replies(person, 1).await;
    }
    let sent = acme.instagram.messages();
    let digests: Vec<String> = {
        let mut digests = Vec::new();
        for sent in &sent {
            let link = sent.body.pointer("/message/attachment/payload/url").and_then(Value::as_str);
            let link = link.expect("a link");
            let path = &link[link.find("/media/").expect("a link of ours")..];
            let shown = platform.call(Method::GET, path, &[], "").await;
            assert!(shown.status == 200 && shown.header("content-type").is_some_and(is_shown_everywhere));
            let disposition = shown.header("content-disposition").unwrap_or_default();
            assert!(!disposition.contains("webp"), "{disposition}");
            digests.push(hex::encode(Sha256::digest(&shown.body)));
        }
        digests
    };
    assert!(digests.len() == 2 && digests[0] == digests[1]);
    platform.settled().await;
    let from: Vec<Value> = notes(&platform).await.iter().map(|note| note["from"].clone()).collect();
    assert_eq!(from, ["image/webp", "image/webp"]);
    // It goes away by itself: it is noted as an upload that nobody sent.
    let later = chrono::DateTime::<chrono::Utc>::MAX_UTC;
    assert_eq!(platform.gateway.media.uploads_before(later, 9).await.expect("a store").len(), 1);

    // An animation is shown, and goes as it is.
    let platform = answering(GIF, "image", "cat.gif").await;
    let acme = platform.acme();
    acme.instagram.say("7001", "hi").await.expect("a webhook");
    acme.instagram_replies("7001", 1).await;
    platform.settled().await;
    assert_eq!(platform.count("SELECT count(*) FROM message_events WHERE stage = 'downgraded'").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn picture_that_would_unpack_to_something_huge_is_refused_with_the_reason() {
    let platform = answering(BOMB, "image", "cat.gif").await;
    platform.acme().whatsapp.say("491701", "hi").await.expect("a webhook");
    let row = eventually("the refusal", async || {
        let failed = "SELECT error_code, error_message FROM channel_messages WHERE status = 'failed'";
        platform.rows(failed).await.pop()
    })
    .await;
    assert_eq!(row["error_code"], "refused");
    assert!(row["error_message"].as_str().is_some_and(|reason| reason.contains("65535 × 65535")), "{row}");
    platform.settled().await;
    let trail = platform.rows("SELECT detail FROM message_events WHERE stage = 'dead'").await;
    assert!(trail.iter().all(|entry| entry["detail"]["reason"].is_string()), "{trail:?}");
    assert!(platform.acme().whatsapp.messages().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn file_that_instagram_does_not_take_is_refused_with_the_reason() {
    let platform = answering(b"a,b\n1,2\n", "document", "table.csv").await;
    platform.acme().instagram.say("7001", "hi").await.expect("a webhook");
    let row = eventually("the refusal", async || {
        let failed = "SELECT error_code, error_message FROM channel_messages WHERE status = 'failed'";
        platform.rows(failed).await.pop()
    })
    .await;
    assert_eq!(row["error_code"], "refused");
    assert!(row["error_message"].as_str().is_some_and(|reason| reason.contains("text/plain")), "{row}");
    platform.settled().await;
}
