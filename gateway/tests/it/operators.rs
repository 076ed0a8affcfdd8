//! Files of operators: uploaded, sent, seen, and removed where nobody sent them.

use std::sync::Arc;

use botbuilder_domain::{Clock, SystemClock};
use botbuilder_gateway::{Gateway, media::sweep::Sweeper};
use botbuilder_testkit::{
    local_client::Method,
    platform::{Answer, TestPlatform, eventually},
};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

const PDF: &str = "%PDF-1.7 a small document";
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR of a small picture";

async fn call(platform: &TestPlatform, method: Method, path: &str, kind: &str, body: Vec<u8>) -> Answer {
    let bearer = format!("Bearer {}", platform.acme().seeded.token.expose());
    let headers = [("authorization", bearer.as_str()), ("content-type", kind)];
    platform.call(method, path, &headers, body).await
}

async fn upload(platform: &TestPlatform, name: &str, body: &[u8]) -> Value {
    let path = format!("/v1/media?name={name}");
    // Whatever it is called, its bytes say what it is.
    let answer = call(platform, Method::POST, &path, "image/webp", body.to_vec()).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.json()["data"].clone()
}

async fn send(platform: &TestPlatform, conversation: &str, content: &Value) -> Answer {
    let path = format!("/v1/conversations/{conversation}/messages");
    let body = json!({ "content": content }).to_string().into_bytes();
    call(platform, Method::POST, &path, "application/json", body).await
}

/// The only conversation, once somebody has written.
async fn conversation(platform: &TestPlatform) -> String {
    platform.acme().telegram.say(42, "hello").await.expect("an update");
    platform.acme().telegram_replies(42, 1).await;
    platform.settled().await;
    platform.rows("SELECT id FROM conversations").await[0]["id"].as_str().expect("an id").to_owned()
}

async fn opened(platform: &TestPlatform, link: &Value) -> Answer {
    let link = link.as_str().expect("a link");
    platform.call(Method::GET, &link[link.find("/media/").expect("of ours")..], &[], "").await
}

#[tokio::test(flavor = "multi_thread")]
async fn uploaded_file_is_sent_and_shown_by_a_link() {
    let platform = TestPlatform::start().await;
    let acme = platform.acme();
    let conversation = conversation(&platform).await;
    let before = acme.telegram.conversation("42").len();
    let uploaded = upload(&platform, "invoice.pdf", PDF.as_bytes()).await;
    assert_eq!(
        (uploaded["type"].as_str(), uploaded["size"].as_u64(), uploaded["name"].as_str()),
        (Some("application/pdf"), Some(25), Some("invoice.pdf"))
    );
    assert_eq!(opened(&platform, &uploaded["url"]).await.body, PDF);

    let mut content = uploaded["content"].clone();
    content["caption"] = "Your invoice".into();
    let sent = send(&platform, &conversation, &content).await;
    assert_eq!(sent.status, 202, "{sent:?}");
    let sent = sent.json()["data"].clone();
    assert_eq!(opened(&platform, &sent["media"][0]["url"]).await.body, PDF);
    acme.telegram_replies(42, before + 1).await;
    let last = acme.telegram.messages().pop().expect("a message");
    let id = last.body["document"].as_str().expect("a document");
    let file = acme.telegram.file(id).expect("a file");
    assert_eq!((file.name.as_str(), file.bytes.as_ref()), ("invoice.pdf", PDF.as_bytes()));
    assert_eq!(last.body["caption"], "Your invoice");

    let id = sent["id"].as_str().expect("an id");
    for path in [
        format!("/v1/messages/{id}"),
        format!("/v1/conversations/{conversation}/messages/{id}"),
        format!("/v1/conversations/{conversation}/messages?limit=1&sort=-created_at"),
    ] {
        let answer = platform.get(&path, &acme.seeded.token).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        let data = answer.json()["data"].clone();
        let message = if data.is_array() { &data[0] } else { &data };
        assert_eq!(opened(&platform, &message["media"][0]["url"]).await.body, PDF, "{path}");
        assert_eq!(opened(&platform, &message["payload"]["url"]).await.body, PDF, "{path}");
    }
    let link =
        platform.get(&format!("/v1/media/{}", uploaded["id"].as_str().unwrap()), &acme.seeded.token).await;
    assert_eq!(opened(&platform, &link.json()["data"]["url"]).await.body, PDF);
    platform.settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_files_go_out_as_one_album() {
    let platform = TestPlatform::start().await;
    let acme = platform.acme();
    let conversation = conversation(&platform).await;
    let before = acme.telegram.conversation("42").len();
    let mut other = PNG.to_vec();
    other.push(1);
    let items = [upload(&platform, "a.png", PNG).await, upload(&platform, "b.png", &other).await];
    let items: Vec<Value> = items.iter().map(|one| one["content"].clone()).collect();
    let sent = send(&platform, &conversation, &json!({ "kind": "album", "items": items })).await;
    assert_eq!(sent.status, 202, "{sent:?}");
    acme.telegram_replies(42, before + 2).await;
    platform.settled().await;
    let sent = acme.telegram.messages();
    for (message, bytes) in sent[sent.len() - 2..].iter().zip([PNG, &other]) {
        let id = message.body["media"].as_str().expect("a picture");
        assert_eq!(acme.telegram.file(id).map(|file| file.bytes), Some(bytes.to_vec().into()));
    }
    let row =
        "SELECT media FROM channel_messages WHERE direction = 'outbound' ORDER BY created_at DESC LIMIT 1";
    assert_eq!(platform.rows(row).await[0]["media"].as_array().map(Vec::len), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_file_to_send_is_refused() {
    let platform = TestPlatform::start().await;
    let conversation = conversation(&platform).await;
    let post = async |path: &str, body: &[u8]| {
        call(&platform, Method::POST, path, "application/octet-stream", body.to_vec()).await
    };
    assert_eq!(post("/v1/media", b"").await.status, 400);
    assert_eq!(post("/v1/media?nam=x", b"x").await.status, 400);
    // A page is a page, whatever its name says.
    let page = post("/v1/media?name=a.pdf", b"<!doctype html><script>alert(1)</script>").await;
    assert_eq!(page.status, 400, "{page:?}");
    let unknown = json!({ "kind": "media", "media": "image", "url": format!("object:{}", "ab".repeat(32)) });
    assert_eq!(send(&platform, &conversation, &unknown).await.status, 400);
    let nobody = platform.call(Method::POST, "/v1/media", &[], "x").await;
    assert_eq!(nobody.status, 401);
    let missing =
        platform.get(&format!("/v1/media/{}", "ab".repeat(32)), &platform.acme().seeded.token).await;
    assert_eq!(missing.status, 404);
}

/// The clock of the day after tomorrow.
struct Later;

impl Clock for Later {
    fn now(&self) -> DateTime<Utc> {
        SystemClock.now() + TimeDelta::hours(25)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_that_nobody_sends_are_gone_after_a_day() {
    let platform = TestPlatform::start().await;
    let conversation = conversation(&platform).await;
    let sent = upload(&platform, "sent.pdf", PDF.as_bytes()).await;
    let unsent = upload(&platform, "unsent.png", PNG).await;
    assert_eq!(send(&platform, &conversation, &sent["content"]).await.status, 202);
    platform.settled().await;
    let today = Sweeper::new(platform.gateway.clone());
    assert_eq!(today.look().await.expect("a look"), 0);
    let later = Gateway { clock: Arc::new(Later), ..platform.gateway.clone() };
    assert_eq!(Sweeper::new(later).look().await.expect("a look"), 1);
    let is_there = async |file: &Value| {
        let path = format!("/v1/media/{}", file["id"].as_str().expect("an id"));
        platform.get(&path, &platform.acme().seeded.token).await.status == 200
    };
    assert!(is_there(&sent).await && !is_there(&unsent).await);
    let gone = send(&platform, &conversation, &unsent["content"]).await;
    assert_eq!(gone.status, 400, "{gone:?}");
    eventually("the sent one is delivered", async || {
        let sent = "SELECT count(*) FROM channel_messages WHERE media <> '[]' AND status = 'sent'";
        (platform.count(sent).await == 1).then_some(())
    })
    .await;
}
