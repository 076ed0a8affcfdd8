//! The website's chat by plain requests.

use botbuilder_domain::Secret;
use botbuilder_testkit::{
    local_client::Method,
    platform::{Answer, TestPlatform, eventually},
};
use serde_json::{Value, json};

async fn session(platform: &TestPlatform) -> Secret<String> {
    let answer = platform.post("/widget/v1/acme-web/session", &[], "").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    Secret::new(answer.json()["secret"].as_str().expect("a secret").to_owned())
}

async fn send(platform: &TestPlatform, secret: &Secret<String>, body: &Value) -> Answer {
    let bearer = format!("Bearer {}", secret.expose());
    platform.post("/widget/v1/acme-web/messages", &[("authorization", &bearer)], body).await
}

async fn frames(platform: &TestPlatform, secret: &Secret<String>, after: i64) -> Vec<Value> {
    let answer = platform.get(&format!("/widget/v1/acme-web/messages?after={after}"), secret).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["frames"].as_array().expect("frames").clone()
}

async fn frames_at_least(
    platform: &TestPlatform,
    secret: &Secret<String>,
    after: i64,
    count: usize,
) -> Vec<Value> {
    eventually(&format!("{count} frames"), async || {
        Some(frames(platform, secret, after).await).filter(|frames| frames.len() >= count)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn visitor_without_a_socket_is_answered_and_reads_on_from_a_number() {
    let platform = TestPlatform::start().await;
    let secret = session(&platform).await;
    assert!(frames(&platform, &secret, 0).await.is_empty());

    let hello = json!({ "type": "message", "client_msg_id": "1", "text": "hello" });
    let answer = send(&platform, &secret, &hello).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    let first = frames_at_least(&platform, &secret, 0, 3).await;
    let numbers: Vec<i64> = first.iter().filter_map(|frame| frame["seq"].as_i64()).collect();
    assert_eq!(numbers, [1, 2, 3]);
    assert_eq!((first[0]["role"].as_str(), first[0]["client_msg_id"].as_str()), (Some("visitor"), Some("1")));
    assert_eq!((first[1]["role"].as_str(), first[1]["client_msg_id"].as_str()), (Some("bot"), None));

    let choice = json!({ "type": "choice", "client_msg_id": "2", "id": "order", "title": "Order status" });
    assert_eq!(send(&platform, &secret, &choice).await.status, 202);
    let second = frames_at_least(&platform, &secret, 3, 2).await;
    assert_eq!(
        (second[0]["seq"].as_i64(), second[0]["content"]["text"].as_str()),
        (Some(4), Some("Order status"))
    );
    assert!(second[1].to_string().contains("What is your order number?"), "{second:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn same_message_sent_again_counts_once() {
    let platform = TestPlatform::start().await;
    let secret = session(&platform).await;
    let hello = json!({ "type": "message", "client_msg_id": "1", "text": "hello" });
    for _ in 0..5 {
        assert_eq!(send(&platform, &secret, &hello).await.status, 202);
    }
    frames_at_least(&platform, &secret, 0, 3).await;
    platform.settled().await;
    assert_eq!(frames(&platform, &secret, 0).await.len(), 3);
    assert_eq!(platform.count("SELECT count(*) FROM channel_messages WHERE direction = 'inbound'").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_visitor_sees_nothing_of_another() {
    let platform = TestPlatform::start().await;
    let (ada, bob) = (session(&platform).await, session(&platform).await);
    let hello = json!({ "type": "message", "client_msg_id": "1", "text": "hello" });
    send(&platform, &ada, &hello).await;
    frames_at_least(&platform, &ada, 0, 3).await;
    assert!(frames(&platform, &bob, 0).await.is_empty());
    // The same id of the visitor's own making is another message when it is another visitor's.
    send(&platform, &bob, &hello).await;
    frames_at_least(&platform, &bob, 0, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn request_without_a_session_is_refused() {
    let platform = TestPlatform::start().await;
    let hello = json!({ "type": "message", "client_msg_id": "1", "text": "hello" });
    let path = "/widget/v1/acme-web/messages";
    let upper = format!("Bearer {}", "x".repeat(64));
    for headers in [vec![], vec![("authorization", "Bearer ")], vec![("authorization", upper.as_str())]] {
        let answer = platform.post(path, &headers, &hello).await;
        assert_eq!((answer.status, answer.json()["code"].as_str()), (401, Some("session_missing")));
        assert_eq!(platform.call(Method::GET, path, &headers, "").await.status, 401);
    }
    assert_eq!(platform.appended("inbound").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn page_of_a_foreign_site_is_refused() {
    let platform = TestPlatform::start().await;
    let path = "/widget/v1/acme-web/session";
    for origin in ["https://evil.example", "null", "http://127.0.0.1:1"] {
        let answer = platform.post(path, &[("origin", origin)], "").await;
        assert_eq!(
            (answer.status, answer.json()["code"].as_str()),
            (403, Some("origin_not_allowed")),
            "{origin}"
        );
    }
    assert_eq!(platform.post(path, &[("origin", &platform.base_url())], "").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn widget_of_nobody_is_not_found() {
    let platform = TestPlatform::start().await;
    for key in ["nobody-web", "acme-whatsapp", "%00"] {
        let answer = platform.post(&format!("/widget/v1/{key}/session"), &[], "").await;
        assert_eq!(answer.status, 404, "{key}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn message_that_makes_no_sense_is_a_bad_request() {
    let platform = TestPlatform::start().await;
    let secret = session(&platform).await;
    for body in [
        json!({}),
        json!([]),
        json!({ "type": "nonsense", "client_msg_id": "1" }),
        json!({ "type": "message", "client_msg_id": "1" }),
        json!({ "type": "message", "text": "hello" }),
        json!({ "type": "message", "client_msg_id": "", "text": "hello" }),
        json!({ "type": "message", "client_msg_id": "x".repeat(65), "text": "hello" }),
        json!({ "type": "message", "client_msg_id": "1", "text": "  " }),
        json!({ "type": "message", "client_msg_id": "1", "text": "x".repeat(4001) }),
        json!({ "type": "message", "client_msg_id": "1", "text": "x".repeat(70_000) }),
        json!({ "type": "message", "client_msg_id": 7, "text": "hello" }),
    ] {
        let answer = send(&platform, &secret, &body).await;
        assert!(matches!(answer.status, 400 | 413), "{:.60}: {}", body.to_string(), answer.status);
    }
    assert_eq!(platform.appended("inbound").await, 0);
}
