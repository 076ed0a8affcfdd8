//! The website's chat over a socket.

use botbuilder_testkit::platform::{Fault, TestPlatform, Visitor, execute};
use serde_json::json;

const WIDGET: &str = "acme-web";

#[tokio::test(flavor = "multi_thread")]
async fn visitor_who_reconnects_gets_what_was_missed_and_nothing_twice() {
    let platform = TestPlatform::start().await;
    let mut visitor = Visitor::begin(&platform, WIDGET).await;
    assert_eq!(visitor.ready_at, 0);
    visitor.say("hello").await;
    // The visitor's own is the first.
    assert_eq!((visitor.frame().await.seq, visitor.frame().await.seq), (2, 3));
    visitor.choose("order", "Order status").await;
    let secret = visitor.secret.clone();
    // Gone before the answer may have come.
    drop(visitor);
    platform.settled().await;

    let mut again = Visitor::resume(&platform, WIDGET, secret, 3).await;
    assert_eq!(again.ready_at, 5);
    let frame = again.frame().await;
    assert_eq!(frame.seq, 5);
    assert!(frame.text().contains("What is your order number?"), "{frame:?}");
    again.say("1001").await;
    assert_eq!(again.frame().await.seq, 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn history_longer_than_a_page_comes_whole() {
    let platform = TestPlatform::start().await;
    let mut visitor = Visitor::begin(&platform, WIDGET).await;
    visitor.say("hello").await;
    platform.settled().await;
    let many = "INSERT INTO widget_messages (id, created_at, organization_id, bot_id, session_id, visitor_id, seq,
                                             role, payload)
                SELECT k.id, app.uuid_v7_ts(k.id), f.organization_id, f.bot_id, f.session_id, f.visitor_id, 3 + k.n,
                       'bot', '{\"kind\": \"text\", \"text\": \"x\"}'
                FROM (SELECT app.uuid_v7() AS id, n FROM generate_series(1, 450) AS n) AS k
                CROSS JOIN (SELECT * FROM widget_messages WHERE seq = 1) AS f";
    execute(&platform.pool, many).await;
    let secret = visitor.secret.clone();
    drop(visitor);
    platform.settled().await;

    let mut again = Visitor::resume(&platform, WIDGET, secret, 0).await;
    assert_eq!(again.ready_at, 453);
    for seq in 2..=again.ready_at {
        assert_eq!(again.frame().await.seq, seq);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn number_of_another_history_gets_all_of_this_one_and_what_follows() {
    let platform = TestPlatform::start().await;
    let mut visitor = Visitor::begin(&platform, WIDGET).await;
    visitor.say("hello").await;
    platform.settled().await;
    for last_seq in [4, 99, i64::MAX] {
        let mut again = Visitor::resume(&platform, WIDGET, visitor.secret.clone(), last_seq).await;
        assert_eq!(again.ready_at, 3, "{last_seq}");
        assert_eq!((again.frame().await.seq, again.frame().await.seq), (2, 3), "{last_seq}");
    }
    let mut again = Visitor::resume(&platform, WIDGET, visitor.secret.clone(), 99).await;
    assert_eq!((again.frame().await.seq, again.frame().await.seq), (2, 3));
    again.choose("order", "Order status").await;
    assert_eq!(again.frame().await.seq, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_socket_of_a_visitor_gets_every_frame_and_another_visitor_none() {
    let platform = TestPlatform::start().await;
    let mut first = Visitor::begin(&platform, WIDGET).await;
    let mut second = Visitor::resume(&platform, WIDGET, first.secret.clone(), 0).await;
    let mut other = Visitor::begin(&platform, WIDGET).await;
    first.say("hello").await;
    for socket in [&mut first, &mut second] {
        assert_eq!((socket.frame().await.seq, socket.frame().await.seq), (2, 3));
    }
    // The other's history begins with what the other said, so nothing was put into it.
    other.say("hello").await;
    assert_eq!(other.frame().await.seq, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn same_message_sent_again_over_a_new_socket_counts_once() {
    let platform = TestPlatform::start().await;
    let mut visitor = Visitor::begin(&platform, WIDGET).await;
    let hello = json!({ "type": "message", "client_msg_id": "mine", "text": "hello" });
    visitor.send(&hello).await;
    visitor.accepted("mine").await;
    let secret = visitor.secret.clone();
    drop(visitor);
    let mut again = Visitor::resume(&platform, WIDGET, secret.clone(), 0).await;
    again.send(&hello).await;
    again.accepted("mine").await;
    platform.settled().await;
    assert_eq!(Visitor::resume(&platform, WIDGET, secret, 0).await.ready_at, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn message_while_the_stream_refuses_is_not_accepted_and_can_be_sent_again() {
    let platform = TestPlatform::start().await;
    let mut visitor = Visitor::begin(&platform, WIDGET).await;
    let hello = json!({ "type": "message", "client_msg_id": "mine", "text": "hello" });
    platform.stream.set_fault(Some(Fault::Unavailable));
    visitor.send(&hello).await;
    let answer = visitor.receive().await.expect("an answer");
    assert_eq!((answer["type"].as_str(), answer["client_msg_id"].as_str()), (Some("error"), Some("mine")));
    platform.stream.set_fault(None);
    visitor.send(&hello).await;
    visitor.accepted("mine").await;
    assert_eq!(visitor.frame().await.seq, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn frame_that_makes_no_sense_is_answered_and_the_socket_stays_open() {
    let platform = TestPlatform::start().await;
    let mut visitor = Visitor::begin(&platform, WIDGET).await;
    for frame in [
        json!({}),
        json!(7),
        json!({ "type": "nonsense" }),
        json!({ "type": "message", "client_msg_id": "1", "text": "" }),
        json!({ "type": "hello", "secret": "again" }),
    ] {
        visitor.send(&frame).await;
        let answer = visitor.receive().await.expect("an answer");
        assert_eq!(answer["type"], "error", "{frame}: {answer}");
    }
    visitor.say("hello").await;
    assert_eq!(visitor.frame().await.seq, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn socket_that_does_not_say_hello_first_is_closed() {
    const POLICY: u16 = 1008;
    let platform = TestPlatform::start().await;
    for first in [
        json!({ "type": "message", "client_msg_id": "1", "text": "hello" }),
        json!({ "type": "hello" }),
        json!({ "type": "hello", "secret": "short" }),
        json!({ "type": "hello", "secret": "z".repeat(64) }),
    ] {
        let mut socket = Visitor::silent(&platform, WIDGET, String::new()).await;
        socket.send(&first).await;
        assert_eq!(socket.closed().await, Some(POLICY), "{first}");
    }
    assert_eq!(platform.appended("inbound").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn binary_frame_ends_the_socket() {
    const UNSUPPORTED: u16 = 1003;
    let platform = TestPlatform::start().await;
    let mut visitor = Visitor::begin(&platform, WIDGET).await;
    visitor.send_bytes(vec![0, 1, 2]).await;
    assert_eq!(visitor.closed().await, Some(UNSUPPORTED));
}

#[tokio::test(flavor = "multi_thread")]
async fn frame_over_the_cap_ends_the_socket_and_no_other() {
    let platform = TestPlatform::start().await;
    let mut visitor = Visitor::begin(&platform, WIDGET).await;
    let mut other = Visitor::begin(&platform, WIDGET).await;
    let text = "x".repeat(100_000);
    visitor.send(&json!({ "type": "message", "client_msg_id": "1", "text": text })).await;
    visitor.closed().await;
    other.say("hello").await;
    assert_eq!(other.frame().await.seq, 2);
    assert_eq!(platform.appended("inbound").await, 1);
}
