//! What the hub adds to a socket: several devices, marks, bounds, tokens, and the end of a process.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use botbuilder_domain::Secret;
use botbuilder_store::{OrgScope, bots::widget_configs, tenancy::organizations};
use botbuilder_testkit::{
    local_client::Method,
    platform::{Answer, TestPlatform, Visitor, eventually, execute},
};
use serde_json::{Value, json};

const WIDGET: &str = "acme-web";
const SITE: &str = "https://shop.example";

/// The next thing of that type; others are passed over.
async fn next(visitor: &mut Visitor, kind: &str) -> Value {
    loop {
        let said = visitor.receive().await.unwrap_or_else(|| panic!("the socket ended before {kind}"));
        if said["type"] == kind {
            return said;
        }
    }
}

async fn allow(platform: &TestPlatform, origin: &str) {
    let statement = format!("UPDATE widget_configs SET allowed_origins = '{{{origin}}}'");
    execute(&platform.pool, &statement).await;
    platform.gateway.widgets.forget();
}

async fn begin(platform: &TestPlatform, headers: &[(&str, &str)], body: &Value) -> Answer {
    platform.post(&format!("/widget/v1/{WIDGET}/session"), headers, body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_on_one_device_is_shown_on_the_other_under_its_number() {
    let platform = TestPlatform::start().await;
    let mut here = Visitor::begin(&platform, WIDGET).await;
    let mut there = Visitor::resume(&platform, WIDGET, here.secret.clone(), 0).await;
    here.send(&json!({ "type": "message", "client_msg_id": "m1", "text": "hello" })).await;
    let shown = next(&mut there, "frame").await;
    assert_eq!((shown["seq"].as_i64(), shown["role"].as_str()), (Some(1), Some("visitor")));
    assert_eq!(
        (shown["client_msg_id"].as_str(), shown["content"]["text"].as_str()),
        (Some("m1"), Some("hello"))
    );
    let accepted = next(&mut here, "accepted").await;
    assert_eq!(accepted["seq"], 1);
    platform.settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_read_is_told_to_the_other_devices_and_becomes_the_state_of_the_messages() {
    let platform = TestPlatform::start().await;
    let mut here = Visitor::begin(&platform, WIDGET).await;
    here.say("hello").await;
    assert_eq!((here.frame().await.seq, here.frame().await.seq), (2, 3));
    let mut there = Visitor::resume(&platform, WIDGET, here.secret.clone(), 3).await;
    here.send(&json!({ "type": "ack", "seq": 3 })).await;
    eventually("both are delivered", async || {
        let query =
            "SELECT count(*) FROM channel_messages WHERE direction = 'outbound' AND status = 'delivered'";
        (platform.count(query).await == 2).then_some(())
    })
    .await;
    here.send(&json!({ "type": "read", "seq": 2 })).await;
    assert_eq!(next(&mut there, "read").await["seq"], 2);
    eventually("one is read", async || {
        let query = "SELECT count(*) FROM channel_messages WHERE direction = 'outbound' AND status = 'read'";
        (platform.count(query).await == 1).then_some(())
    })
    .await;
    // Said again, it changes nothing and is told to nobody.
    here.send(&json!({ "type": "read", "seq": 2 })).await;
    here.send(&json!({ "type": "ping" })).await;
    next(&mut here, "pong").await;
    platform.settled().await;
    assert_eq!(platform.appended("inbound").await, 1 + 2 + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn sixth_socket_of_a_visitor_takes_the_place_of_the_first() {
    const DISPLACED: u16 = 4409;
    let platform = TestPlatform::start().await;
    let mut first = Visitor::begin(&platform, WIDGET).await;
    let mut others = Vec::new();
    for _ in 0..5 {
        others.push(Visitor::resume(&platform, WIDGET, first.secret.clone(), 0).await);
    }
    assert_eq!(first.closed().await, Some(DISPLACED));
    others[4].say("hello").await;
    for socket in &mut others {
        assert_eq!(socket.frame().await.seq, 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn visitor_who_says_too_much_is_put_off_and_loses_nothing() {
    let platform = TestPlatform::start().await;
    execute(&platform.pool, "UPDATE widget_configs SET rate_per_minute = 2").await;
    platform.gateway.widgets.forget();
    let mut visitor = Visitor::begin(&platform, WIDGET).await;
    visitor.say("one").await;
    visitor.say("two").await;
    let third = json!({ "type": "message", "client_msg_id": "third", "text": "three" });
    visitor.send(&third).await;
    let refused = next(&mut visitor, "error").await;
    assert_eq!(
        (refused["code"].as_str(), refused["client_msg_id"].as_str()),
        (Some("rate_limited"), Some("third"))
    );
    let wait = refused["retry_after_ms"].as_u64().expect("a time");
    assert!((1..=30_000).contains(&wait), "{wait}");
    // By request it is the same visitor and the same bucket.
    let bearer = format!("Bearer {}", visitor.secret);
    let path = format!("/widget/v1/{WIDGET}/messages");
    let answer = platform.post(&path, &[("authorization", &bearer)], &third).await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (429, Some("rate_limited")));
    assert!(answer.header("retry-after").is_some());
    platform.settled().await;
    // The stream also holds what was found out about them.
    let taken = "SELECT count(*) FROM channel_messages WHERE direction = 'inbound'";
    assert_eq!(platform.count(taken).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn flood_of_frames_ends_the_socket() {
    const TOO_MANY: u16 = 4429;
    let platform = TestPlatform::start().await;
    let mut visitor = Visitor::begin(&platform, WIDGET).await;
    for _ in 0..400 {
        if !visitor.offer(&json!({ "type": "ping" })).await {
            break;
        }
    }
    // What the server did not read any more may make the socket break before the code is heard.
    assert!(matches!(visitor.closed().await, Some(TOO_MANY) | None));
}

#[tokio::test(flavor = "multi_thread")]
async fn page_on_an_allowed_site_speaks_with_a_token_and_not_with_the_secret() {
    let platform = TestPlatform::start().await;
    allow(&platform, SITE).await;
    let origin = [("origin", SITE)];
    let begun = begin(&platform, &origin, &json!({})).await;
    assert_eq!((begun.status, begun.header("access-control-allow-origin")), (200, Some(SITE)));
    let begun = begun.json();
    let (secret, token) =
        (begun["secret"].as_str().expect("a secret"), begun["token"].as_str().expect("a token"));
    let path = format!("/widget/v1/{WIDGET}/messages?after=0");
    let read = async |bearer: &str| {
        let bearer = format!("Bearer {bearer}");
        platform.call(Method::GET, &path, &[("origin", SITE), ("authorization", &bearer)], "").await.status
    };
    assert_eq!(read(token).await, 200);
    assert_eq!(read(secret).await, 401);
    assert_eq!(read(&format!("{token}x")).await, 401);
    // The secret leads to the same visitor again.
    let again = begin(&platform, &origin, &json!({ "secret": secret })).await.json();
    let hello = json!({ "type": "message", "client_msg_id": "1", "text": "hello" });
    let post = async |bearer: &str| {
        let bearer = format!("Bearer {bearer}");
        let path = format!("/widget/v1/{WIDGET}/messages");
        platform.post(&path, &[("origin", SITE), ("authorization", &bearer)], &hello).await.json()
    };
    assert_eq!(post(token).await["seq"], 1);
    assert_eq!(post(again["token"].as_str().expect("a token")).await["seq"], 1);
    platform.settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_may_ask_what_it_may_ask() {
    let platform = TestPlatform::start().await;
    allow(&platform, SITE).await;
    let path = format!("/widget/v1/{WIDGET}/messages");
    let asked = [("origin", SITE), ("access-control-request-method", "POST")];
    let answer = platform.call(Method::OPTIONS, &path, &asked, "").await;
    assert_eq!(answer.status, 204);
    assert_eq!(answer.header("access-control-allow-origin"), Some(SITE));
    assert_eq!(answer.header("access-control-allow-headers"), Some("authorization, content-type"));
    assert_eq!(answer.header("access-control-allow-credentials"), None);
    // A site that is not allowed reads that it is not, and nothing else.
    let config = format!("/widget/v1/{WIDGET}/config");
    let foreign = platform.call(Method::GET, &config, &[("origin", "https://evil")], "").await;
    assert_eq!((foreign.status, foreign.json()["code"].as_str()), (403, Some("origin_not_allowed")));
}

#[tokio::test(flavor = "multi_thread")]
async fn token_of_another_widget_ends_the_socket() {
    const TOKEN: u16 = 4401;
    let platform = TestPlatform::start().await;
    let mut visitor = Visitor::silent(&platform, WIDGET, String::new()).await;
    visitor.send(&json!({ "type": "hello", "v": 1, "token": "e30.e30" })).await;
    assert_eq!(visitor.closed().await, Some(TOKEN));
    let token = begin(&platform, &[], &json!({})).await.json()["token"].clone();
    let mut visitor = Visitor::silent(&platform, WIDGET, String::new()).await;
    visitor.send(&json!({ "type": "hello", "v": 1, "token": token })).await;
    assert_eq!(next(&mut visitor, "ready").await["v"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn visitor_whom_the_site_vouches_for_is_the_same_on_every_device() {
    // printf 'customer-7\n4102444800' | openssl dgst -sha256 -hmac site-key
    const SIGNATURE: &str = "422e51e91827d31f8da40641138f51338561a4f239b81d8f550617c6725fae8a";
    let platform = TestPlatform::start().await;
    let identity = |id: &str| json!({ "identity": { "id": id, "expires_at": 4_102_444_800_u64, "signature": SIGNATURE, "name": "Ada" } });
    assert_eq!(begin(&platform, &[], &identity("customer-7")).await.status, 401);

    let scope = OrgScope::of_service(platform.acme().seeded.org);
    let mut tx = platform.gateway.store.begin(&scope).await.expect("a transaction");
    let keys = organizations::data_keys(
        &mut tx,
        &scope,
        &botbuilder_store::secret::RootKey::new(Secret::new(botbuilder_testkit::platform::ROOT_KEY)),
    )
    .await
    .expect("keys");
    let widget = widget_configs::get(&mut tx, &scope, WIDGET).await.expect("a row").expect("a widget");
    tx.commit().await.expect("committed");
    let sealed = keys.seal(widget_configs::identity_place(widget.id), b"site-key").expect("sealed");
    let statement = format!(
        "UPDATE widget_configs SET identity_secret_ct = decode('{}', 'base64'), identity_secret_kid = '{}',
                                   require_identity = true
         WHERE id = '{}'",
        STANDARD.encode(&sealed.ciphertext),
        sealed.key_id,
        widget.id
    );
    execute(&platform.pool, &statement).await;
    platform.gateway.widgets.forget();

    assert_eq!(begin(&platform, &[], &identity("customer-8")).await.status, 401);
    // Nobody else is let in now.
    assert_eq!(begin(&platform, &[], &json!({})).await.json()["code"], "identity_not_accepted");
    let begun = begin(&platform, &[], &identity("customer-7")).await;
    assert_eq!(begun.status, 200, "{}", begun.body);
    assert!(begun.json()["secret"].is_null());
    let (one, two) = (begun.json(), begin(&platform, &[], &identity("customer-7")).await.json());
    let mut here = Visitor::silent(&platform, WIDGET, String::new()).await;
    here.send(&json!({ "type": "hello", "token": one["token"] })).await;
    next(&mut here, "ready").await;
    here.say("hello").await;
    here.frame().await;
    let mut there = Visitor::silent(&platform, WIDGET, String::new()).await;
    there.send(&json!({ "type": "hello", "token": two["token"] })).await;
    assert_eq!(next(&mut there, "frame").await["content"]["text"], "hello");
    platform.settled().await;
    assert_eq!(platform.count("SELECT count(*) FROM channel_contacts WHERE display_name = 'Ada'").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn details_are_kept_with_the_contact_and_bad_ones_are_refused() {
    let platform = TestPlatform::start().await;
    let mut visitor = Visitor::begin(&platform, WIDGET).await;
    let told = json!({
        "type": "details", "client_msg_id": "d1", "email": "ada@example.org", "name": "Ada",
        "attributes": { "plan": "pro", "seats": 3, "gone": null },
    });
    visitor.send(&told).await;
    visitor.accepted("d1").await;
    visitor.say("hello").await;
    visitor.send(&json!({ "type": "details", "client_msg_id": "d2", "attributes": { "plan": null } })).await;
    next(&mut visitor, "accepted").await;
    platform.settled().await;
    let rows = platform
        .rows("SELECT to_jsonb(c) AS row FROM channel_contacts c WHERE email = 'ada@example.org'")
        .await;
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert!(rows[0].to_string().contains("seats") && !rows[0].to_string().contains("plan"), "{rows:?}");
    for bad in [
        json!({ "email": "ada" }),
        json!({ "name": " " }),
        json!({ "attributes": { "a b": 1 } }),
        json!({ "attributes": { "a": { "b": 1 } } }),
    ] {
        let mut frame = bad.clone();
        frame["type"] = "details".into();
        frame["client_msg_id"] = "d3".into();
        visitor.send(&frame).await;
        assert_eq!(next(&mut visitor, "error").await["code"], "bad_request", "{bad}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn newest_come_first_and_earlier_ones_on_request() {
    let platform = TestPlatform::start().await;
    let mut visitor = Visitor::begin(&platform, WIDGET).await;
    for text in ["hello", "menu", "menu"] {
        visitor.say(text).await;
    }
    platform.settled().await;
    let secret = Secret::new(visitor.secret.clone());
    let all = platform.get(&format!("/widget/v1/{WIDGET}/messages"), &secret).await.json();
    let last = all["last_seq"].as_i64().expect("a number");
    assert_eq!(all["frames"].as_array().map(Vec::len), usize::try_from(last).ok());

    let mut again = Visitor::silent(&platform, WIDGET, String::new()).await;
    let hello = json!({ "type": "hello", "secret": visitor.secret, "last_seq": 0, "tail": 2 });
    again.send(&hello).await;
    assert_eq!(next(&mut again, "frame").await["seq"], last - 1);
    let path = format!("/widget/v1/{WIDGET}/messages?before={}&limit=2", last - 1);
    let before = platform.get(&path, &secret).await.json();
    let numbers: Vec<_> =
        before["frames"].as_array().expect("frames").iter().map(|frame| frame["seq"].as_i64()).collect();
    assert_eq!(numbers, [Some(last - 3), Some(last - 2)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn request_that_waits_is_answered_when_there_is_news() {
    let platform = TestPlatform::start().await;
    let mut visitor = Visitor::begin(&platform, WIDGET).await;
    let secret = Secret::new(visitor.secret.clone());
    let path = format!("/widget/v1/{WIDGET}/messages?after=0&wait=20");
    let waiting = async { platform.get(&path, &secret).await };
    let (answer, ()) = tokio::join!(waiting, async {
        // The socket is one reader, the request the other.
        visitor.say("hello").await;
    });
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.json()["frames"][0]["content"]["text"], "hello");
    platform.settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn end_of_the_process_sends_visitors_away_with_a_hint() {
    const RESTART: u16 = 1012;
    let mut platform = TestPlatform::start().await;
    let mut visitor = Visitor::begin(&platform, WIDGET).await;
    visitor.say("hello").await;
    visitor.frame().await;
    platform.settled().await;
    let (hint, ()) = tokio::join!(next(&mut visitor, "reconnect"), platform.stop());
    assert!(hint["after_ms"].as_u64().is_some_and(|wait| wait < 5000), "{hint}");
    assert_eq!(visitor.closed().await, Some(RESTART));
    assert_eq!(platform.gateway.hub.visitors(), 0);

    platform.start_again();
    let mut again = Visitor::resume(&platform, WIDGET, visitor.secret.clone(), 3).await;
    again.say("menu").await;
    again.frame().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn looks_are_told_to_the_page_that_shows_them() {
    let platform = TestPlatform::start().await;
    let update = r##"UPDATE widget_configs SET theme = '{"primary_color": "#123456"}', greeting = 'Hi'"##;
    execute(&platform.pool, update).await;
    let config = platform.call(Method::GET, &format!("/widget/v1/{WIDGET}/config"), &[], "").await;
    let config = config.json();
    assert_eq!((config["v"].as_i64(), config["greeting"].as_str()), (Some(1), Some("Hi")));
    assert_eq!(config["theme"]["primary_color"], "#123456");
    assert!(config.get("identity_secret_ct").is_none() && config.get("allowed_origins").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_the_widget_are_served_to_every_site() {
    let platform = TestPlatform::start().await;
    for file in ["loader.js", "app.js", "lang-de.json"] {
        let answer =
            platform.call(Method::GET, &format!("/widget/v1/{file}"), &[("origin", "https://any")], "").await;
        assert_eq!(answer.status, 200, "{file}");
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        let tag = answer.header("etag").expect("a tag").to_owned();
        let known = [("if-none-match", tag.as_str())];
        let again = platform.call(Method::GET, &format!("/widget/v1/{file}"), &known, "").await;
        assert_eq!((again.status, again.body.as_str()), (304, ""));
    }
    assert_eq!(platform.call(Method::GET, "/widget/v1/other.js", &[], "").await.status, 404);
}
