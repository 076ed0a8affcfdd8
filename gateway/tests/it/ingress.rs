//! Callbacks that are refused: with the right word, and without a trace in the stream.

use botbuilder_testkit::{
    fake::{telegram, whatsapp::SIGNATURE_HEADER},
    local_client::Method,
    platform::{Options, TestPlatform, eventually},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// What the stream and the database hold after nothing was to be kept.
async fn nothing_is_stored(platform: &TestPlatform) {
    assert_eq!(platform.appended("inbound").await, 0);
    for table in ["channel_messages", "channel_contacts", "dedupe_keys"] {
        assert_eq!(platform.count(&format!("SELECT count(*) FROM {table}")).await, 0, "{table}");
    }
    let taken = "SELECT count(*) FROM channel_webhooks WHERE status NOT IN ('ignored', 'dead')";
    assert_eq!(platform.count(taken).await, 0);
}

/// The callbacks that are kept although they were not taken, once there are so many.
async fn kept(platform: &TestPlatform, count: usize) -> Vec<Value> {
    eventually("callbacks that were not taken are kept", async || {
        let rows = platform.rows("SELECT * FROM channel_webhooks ORDER BY id").await;
        (rows.len() >= count).then_some(rows)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn callback_without_a_good_signature_is_refused_and_nothing_is_taken() {
    let platform =
        TestPlatform::with(Options { organizations: vec!["acme", "other"], ..Options::default() }).await;
    let acme = platform.acme();
    let (body, good) = acme.text("491511", "wamid.1", "hello");
    let digits = good.strip_prefix("sha256=").expect("the form of a signature");
    let path = acme.whatsapp_path();
    let refused = [
        ("missing", None),
        ("empty", Some(String::new())),
        ("without its prefix", Some(digits.to_owned())),
        ("of another algorithm", Some(format!("sha1={digits}"))),
        ("too short", Some(good[..good.len() - 2].to_owned())),
        ("too long", Some(format!("{good}00"))),
        ("not hexadecimal", Some(format!("sha256={}", "zz".repeat(32)))),
        ("in upper case", Some(format!("sha256={}", digits.to_uppercase()))),
        ("of another body", Some(acme.sign(b"{}"))),
        ("of another organization", Some(platform.organizations[1].sign(body.as_bytes()))),
    ];
    for (what, signature) in &refused {
        let headers: Vec<(&str, &str)> =
            signature.iter().map(|signature| (SIGNATURE_HEADER, signature.as_str())).collect();
        let answer = platform.post(&path, &headers, &body).await;
        assert_eq!(answer.status, 401, "a signature {what}");
    }
    // One byte more, or one less.
    for changed in [format!("{body} "), body[..body.len() - 1].to_owned()] {
        let answer = platform.post(&path, &[(SIGNATURE_HEADER, &good)], &changed).await;
        assert_eq!(answer.status, 401);
    }
    nothing_is_stored(&platform).await;
    // One of them is kept for whoever wonders why nothing comes; it cannot be taken in.
    let kept = kept(&platform, 1).await;
    let [only] = kept.as_slice() else { panic!("{kept:?}") };
    assert_eq!((&only["status"], &only["signature_valid"]), (&json!("ignored"), &json!(false)));
    assert_eq!(only["payload"], serde_json::from_str::<Value>(&body).expect("JSON"));
    assert!(only["error_message"].is_string(), "{only}");
    // The real one is not taken for one that is known.
    assert_eq!(platform.post(&path, &[(SIGNATURE_HEADER, &good)], &body).await.status, 200);
    acme.whatsapp_replies("491511", 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn callback_of_a_channel_with_an_empty_secret_is_refused() {
    let platform = TestPlatform::with(Options { app_secret: Some(""), ..Options::default() }).await;
    let acme = platform.acme();
    let (body, signature) = acme.text("491511", "wamid.1", "hello");
    for headers in [vec![], vec![(SIGNATURE_HEADER, signature.as_str())]] {
        let answer = platform.post(&acme.whatsapp_path(), &headers, &body).await;
        assert_eq!(answer.status, 401);
    }
    let query = "hub.mode=subscribe&hub.verify_token=&hub.challenge=1";
    let answer = platform.call(Method::GET, &format!("{}?{query}", acme.whatsapp_path()), &[], "").await;
    assert_eq!(answer.status, 403);
    nothing_is_stored(&platform).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn update_without_the_secret_token_is_refused_and_nothing_is_stored() {
    let platform = TestPlatform::start().await;
    let acme = platform.acme();
    let (body, good) = telegram::message_webhook(&acme.telegram_secret, 1, 42, "hello");
    let longer = format!("{good}x");
    for headers in [
        vec![],
        vec![(telegram::SECRET_HEADER, "")],
        vec![(telegram::SECRET_HEADER, "wrong")],
        vec![(telegram::SECRET_HEADER, longer.as_str())],
        vec![("authorization", good.as_str())],
    ] {
        let answer = platform.post(&acme.telegram_path(), &headers, &body).await;
        assert_eq!(answer.status, 401, "{headers:?}");
    }
    nothing_is_stored(&platform).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signed_body_that_is_no_object_is_a_bad_request() {
    let platform = TestPlatform::start().await;
    let acme = platform.acme();
    let deep = format!("{}{}", "{\"a\":".repeat(500), "1".to_owned() + &"}".repeat(500));
    for body in ["", "not json", "[]", "null", "7", "{\"object\":", "\u{feff}{}", deep.as_str()] {
        let signature = acme.sign(body.as_bytes());
        let answer = platform.post(&acme.whatsapp_path(), &[(SIGNATURE_HEADER, &signature)], body).await;
        assert_eq!(answer.status, 400, "{body:.40}");
        let token = acme.telegram_secret.as_str();
        let answer = platform.post(&acme.telegram_path(), &[(telegram::SECRET_HEADER, token)], body).await;
        assert_eq!(answer.status, 400, "{body:.40}");
    }
    let invalid = b"{\"object\":\"\xff\"}".to_vec();
    let signature = acme.sign(&invalid);
    let answer = platform.post(&acme.whatsapp_path(), &[(SIGNATURE_HEADER, &signature)], invalid).await;
    assert_eq!(answer.status, 400);
    nothing_is_stored(&platform).await;
    // Each is kept once, whatever it is, until somebody can read it.
    let kept = kept(&platform, 17).await;
    assert_eq!(kept.len(), 17);
    for row in kept {
        assert_eq!((&row["status"], &row["signature_valid"]), (&json!("dead"), &json!(true)), "{row}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn body_over_the_cap_is_too_large_although_it_is_signed() {
    let platform = TestPlatform::start().await;
    let acme = platform.acme();
    let body = vec![b' '; (4 << 20) + 1];
    let signature = acme.sign(&body);
    let answer = platform.post(&acme.whatsapp_path(), &[(SIGNATURE_HEADER, &signature)], body).await;
    assert_eq!(answer.status, 413);
    // Others send less.
    let headers = [(telegram::SECRET_HEADER, acme.telegram_secret.as_str())];
    let answer = platform.post(&acme.telegram_path(), &headers, vec![b' '; (1 << 20) + 1]).await;
    assert_eq!(answer.status, 413);
    nothing_is_stored(&platform).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn address_of_nobody_is_not_found() {
    let platform = TestPlatform::start().await;
    let (body, signature) = platform.acme().text("491511", "wamid.1", "hello");
    let long = "a".repeat(2000);
    for id in ["nobody", "ACME-WHATSAPP", "acme-whatsapp%00", "%2e%2e", "'%20OR%201=1", &long] {
        let answer = platform.post(&format!("/hooks/{id}"), &[(SIGNATURE_HEADER, &signature)], &body).await;
        assert_eq!(answer.status, 404, "{id:.40}");
    }
    // The website's chat has no callback.
    let web = format!("/hooks/{}", platform.acme().seeded.widget_key);
    assert_eq!(platform.post(&web, &[(SIGNATURE_HEADER, &signature)], &body).await.status, 404);
    nothing_is_stored(&platform).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn method_that_no_provider_uses_is_refused() {
    let platform = TestPlatform::start().await;
    let acme = platform.acme();
    let (body, signature) = acme.text("491511", "wamid.1", "hello");
    for method in [Method::PUT, Method::DELETE, Method::PATCH] {
        let name = method.clone();
        let answer =
            platform.call(method, &acme.whatsapp_path(), &[(SIGNATURE_HEADER, &signature)], &body).await;
        assert!(matches!(answer.status, 404 | 405), "{name}: {}", answer.status);
    }
    nothing_is_stored(&platform).await;
}

/// Sends a body piece by piece, without saying how long it is, and with its end only where `whole` says so. The status.
async fn in_pieces(
    platform: &TestPlatform,
    path: &str,
    signature: &str,
    pieces: &[&[u8]],
    whole: bool,
) -> u16 {
    let url = platform.base_url();
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).await.expect("a connection");
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: here\r\n{SIGNATURE_HEADER}: {signature}\r\ntransfer-encoding: chunked\r\n\
         connection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.expect("the head is taken");
    for piece in pieces {
        let framed = [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat();
        stream.write_all(&framed).await.expect("a piece is taken");
    }
    if whole {
        stream.write_all(b"0\r\n\r\n").await.expect("the end is taken");
    }
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.expect("an answer");
    let status = String::from_utf8_lossy(&answer[9..]).into_owned();
    status.parse().expect("a status")
}

#[tokio::test(flavor = "multi_thread")]
async fn body_that_does_not_say_its_length_is_read_to_its_end_and_no_further_than_the_cap() {
    let platform = TestPlatform::start().await;
    let acme = platform.acme();
    let path = acme.whatsapp_path();
    // One byte over the cap, and then nothing more: it is refused before its end.
    let large = vec![b' '; (4 << 20) + 1];
    let pieces: Vec<&[u8]> = large.chunks(64 << 10).collect();
    assert_eq!(in_pieces(&platform, &path, &acme.sign(&large), &pieces, false).await, 413);
    nothing_is_stored(&platform).await;

    let (body, signature) = acme.text("491511", "wamid.1", "hello");
    let pieces: Vec<&[u8]> = body.as_bytes().chunks(7).collect();
    assert_eq!(in_pieces(&platform, &path, &"0".repeat(64), &pieces, true).await, 401);
    assert_eq!(in_pieces(&platform, &path, &signature, &pieces, true).await, 200);
    acme.whatsapp_replies("491511", 1).await;
    platform.settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn compressed_body_is_refused_before_it_is_looked_at() {
    let platform = TestPlatform::start().await;
    let acme = platform.acme();
    // `{}`, as gzip writes it.
    let packed = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xab\xae\x05\0\x43\xbf\xa6\xa3\x02\0\0\0".to_vec();
    let signature = acme.sign(&packed);
    for encoding in ["gzip", "br", "deflate, gzip", "GZIP", ""] {
        let headers = [(SIGNATURE_HEADER, signature.as_str()), ("content-encoding", encoding)];
        let answer = platform.post(&acme.whatsapp_path(), &headers, packed.clone()).await;
        assert_eq!(answer.status, 415, "{encoding:?}");
    }
    // Of a form that it does not name, it is signed and unreadable.
    let answer = platform.post(&acme.whatsapp_path(), &[(SIGNATURE_HEADER, &signature)], packed).await;
    assert_eq!(answer.status, 400);
    nothing_is_stored(&platform).await;

    let (body, signature) = acme.text("491511", "wamid.1", "hello");
    let headers = [(SIGNATURE_HEADER, signature.as_str()), ("content-encoding", "identity")];
    assert_eq!(platform.post(&acme.whatsapp_path(), &headers, &body).await.status, 200);
    acme.whatsapp_replies("491511", 1).await;
    platform.settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_that_finds_no_room_is_told_to_come_back_and_nobody_elses_is() {
    let platform =
        TestPlatform::with(Options { organizations: vec!["acme", "other"], ..Options::default() }).await;
    let (acme, other) = (platform.acme(), &platform.organizations[1]);
    let load = platform.gateway.load.clone();
    let inside: Vec<_> = std::iter::from_fn(|| load.enter(acme.seeded.org)).collect();
    let (body, signature) = acme.text("491511", "wamid.1", "hello");
    let path = acme.whatsapp_path();
    let refused = platform.post(&path, &[(SIGNATURE_HEADER, &signature)], &body).await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    nothing_is_stored(&platform).await;
    let (theirs, signed) = other.text("491511", "wamid.1", "hello");
    let taken = platform.post(&other.whatsapp_path(), &[(SIGNATURE_HEADER, &signed)], &theirs).await;
    assert_eq!(taken.status, 200);
    drop(inside);
    assert_eq!(platform.post(&path, &[(SIGNATURE_HEADER, &signature)], &body).await.status, 200);
    acme.whatsapp_replies("491511", 2).await;
}
