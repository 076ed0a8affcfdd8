//! Files of visitors, and the links by which files are seen.

use botbuilder_domain::Secret;
use botbuilder_testkit::{
    local_client::Method,
    platform::{Answer, TestPlatform, eventually, execute},
};
use serde_json::{Value, json};

const PDF: &str = "%PDF-1.7 a small document";

async fn session(platform: &TestPlatform) -> Secret<String> {
    let answer = platform.post("/widget/v1/acme-web/session", &[], "").await;
    Secret::new(answer.json()["secret"].as_str().expect("a secret").to_owned())
}

async fn uploads_on(platform: &TestPlatform, most: usize) {
    let statement = format!("UPDATE widget_configs SET uploads_enabled = true, max_upload_bytes = {most}");
    execute(&platform.pool, &statement).await;
    platform.gateway.widgets.forget();
}

async fn upload(
    platform: &TestPlatform,
    secret: &Secret<String>,
    name: &str,
    kind: &str,
    file: &str,
) -> Answer {
    let bearer = format!("Bearer {}", secret.expose());
    let headers = [("authorization", bearer.as_str()), ("content-type", kind)];
    platform.post(&format!("/widget/v1/acme-web/uploads?name={name}"), &headers, file).await
}

async fn say(platform: &TestPlatform, secret: &Secret<String>, frame: &Value) -> Answer {
    let bearer = format!("Bearer {}", secret.expose());
    platform.post("/widget/v1/acme-web/messages", &[("authorization", &bearer)], frame).await
}

/// The part of a link after the server's address.
fn path(url: &Value) -> String {
    let url = url.as_str().expect("a link");
    url[url.find("/media/").expect("a link to a file")..].to_owned()
}

async fn read(platform: &TestPlatform, path: &str, headers: &[(&str, &str)]) -> Answer {
    platform.call(Method::GET, path, headers, "").await
}

#[tokio::test(flavor = "multi_thread")]
async fn visitors_file_becomes_a_message_that_both_sides_can_open() {
    let platform = TestPlatform::start().await;
    uploads_on(&platform, 1000).await;
    let secret = session(&platform).await;
    let answer = upload(&platform, &secret, "r%C3%A9sum%C3%A9.pdf", "image/png", PDF).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    let uploaded = answer.json();
    // By its content, whatever the browser says.
    assert_eq!(
        (uploaded["type"].as_str(), uploaded["media"].as_str()),
        (Some("application/pdf"), Some("document"))
    );
    assert_eq!((uploaded["size"].as_u64(), uploaded["name"].as_str()), (Some(25), Some("résumé.pdf")));

    let frame =
        json!({ "type": "file", "client_msg_id": "f1", "upload": uploaded["id"], "text": "see here" });
    assert_eq!(say(&platform, &secret, &frame).await.status, 202);
    let frames = eventually("the bot's answer", async || {
        let answer = platform.get("/widget/v1/acme-web/messages?after=0", &secret).await;
        answer.json()["frames"].as_array().cloned().filter(|frames| frames.len() > 1)
    })
    .await;
    let content = &frames[0]["content"];
    assert_eq!((content["kind"].as_str(), content["caption"].as_str()), (Some("media"), Some("see here")));
    for link in [&uploaded["url"], &content["url"]] {
        let file = read(&platform, &path(link), &[]).await;
        assert_eq!((file.status, file.body.as_str()), (200, PDF));
        assert_eq!(file.header("content-type"), Some("application/pdf"));
        assert_eq!(
            file.header("content-disposition"),
            Some("attachment; filename*=UTF-8''r%C3%A9sum%C3%A9.pdf")
        );
        assert_eq!(file.header("x-content-type-options"), Some("nosniff"));
        assert!(file.header("content-security-policy").is_some_and(|policy| policy.contains("sandbox")));
    }
    // The message holds an address that does not end.
    let stored =
        platform.rows("SELECT kind, payload FROM channel_messages WHERE direction = 'inbound'").await;
    assert_eq!(stored[0]["kind"], "document");
    assert!(stored[0]["payload"]["url"].as_str().is_some_and(|url| url.starts_with("object:")), "{stored:?}");
    platform.settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn file_is_served_in_parts_and_only_to_a_good_link() {
    let platform = TestPlatform::start().await;
    uploads_on(&platform, 1000).await;
    let secret = session(&platform).await;
    let uploaded = upload(&platform, &secret, "a.txt", "text/plain", "0123456789").await.json();
    let link = path(&uploaded["url"]);
    let whole = read(&platform, &link, &[]).await;
    assert_eq!((whole.status, whole.header("accept-ranges")), (200, Some("bytes")));
    for (range, body, span) in [
        ("bytes=2-4", "234", "bytes 2-4/10"),
        ("bytes=7-", "789", "bytes 7-9/10"),
        ("bytes=-3", "789", "bytes 7-9/10"),
        ("bytes=8-99", "89", "bytes 8-9/10"),
    ] {
        let part = read(&platform, &link, &[("range", range)]).await;
        assert_eq!((part.status, part.body.as_str()), (206, body), "{range}");
        assert_eq!(part.header("content-range"), Some(span), "{range}");
    }
    let beyond = read(&platform, &link, &[("range", "bytes=10-")]).await;
    assert_eq!((beyond.status, beyond.header("content-range")), (416, Some("bytes */10")));
    let tag = whole.header("etag").expect("a tag");
    assert_eq!(read(&platform, &link, &[("if-none-match", tag)]).await.status, 304);
    let other = read(&platform, &link, &[("range", "bytes=2-4"), ("if-range", "\"other\"")]).await;
    assert_eq!((other.status, other.body.as_str()), (200, "0123456789"));
    let changed = link.replace("/media/e", "/media/f");
    assert_ne!(changed, link);
    for bad in [changed.as_str(), "/media/x", "/media/a.b"] {
        assert_eq!(read(&platform, bad, &[]).await.status, 404, "{bad}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_harmless_file_of_the_right_size_is_refused() {
    let platform = TestPlatform::start().await;
    let secret = session(&platform).await;
    let code = async |name: &str, file: &str| {
        let answer = upload(&platform, &secret, name, "image/png", file).await;
        (answer.status, answer.json()["code"].as_str().map(str::to_owned))
    };
    let refused = |status, code: &str| (status, Some(code.to_owned()));
    assert_eq!(code("a.png", PDF).await, refused(403, "uploads_off"));
    uploads_on(&platform, 30).await;
    assert_eq!(code("a.png", "<html><script>alert(1)</script>").await, refused(413, "file_too_large"));
    assert_eq!(code("a.png", "<svg onload='x'>").await, refused(415, "file_type_not_allowed"));
    assert_eq!(code("a.png", "#!/bin/sh\nreboot").await, refused(415, "file_type_not_allowed"));
    assert_eq!(code("a.png", "").await, refused(400, "bad_request"));

    let nobody = platform.post("/widget/v1/acme-web/uploads", &[], PDF).await;
    assert_eq!((nobody.status, nobody.json()["code"].as_str()), (401, Some("session_missing")));
    let elsewhere = [("origin", "https://evil.example"), ("authorization", "Bearer x.y")];
    assert_eq!(platform.post("/widget/v1/acme-web/uploads", &elsewhere, PDF).await.status, 403);

    // Another visitor cannot send it, and neither can what is no upload be sent.
    let uploaded = upload(&platform, &secret, "a.pdf", "", PDF).await.json();
    let other = session(&platform).await;
    for (who, id) in [(&other, uploaded["id"].clone()), (&secret, json!("x.y"))] {
        let frame = json!({ "type": "file", "client_msg_id": "f", "upload": id });
        assert_eq!(say(&platform, who, &frame).await.status, 400);
    }
    assert_eq!(platform.appended("inbound").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn visitor_who_uploads_too_much_has_to_wait() {
    let platform = TestPlatform::start().await;
    uploads_on(&platform, PDF.len()).await;
    execute(&platform.pool, "UPDATE widget_configs SET rate_per_minute = 600").await;
    platform.gateway.widgets.forget();
    let secret = session(&platform).await;
    let mut taken = 0;
    let refused = loop {
        let answer = upload(&platform, &secret, "a.pdf", "", PDF).await;
        if answer.status != 201 || taken > 100 {
            break answer;
        }
        taken += 1;
    };
    assert_eq!((taken, refused.status, refused.json()["code"].as_str()), (10, 429, Some("rate_limited")));
    assert!(refused.header("retry-after").is_some());
    assert_eq!(upload(&platform, &session(&platform).await, "a.pdf", "", PDF).await.status, 201);
}
