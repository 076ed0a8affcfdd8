//! The request that Meta sends once, when the callback address is entered.

use botbuilder_testkit::{local_client::Method, platform::TestPlatform};

#[tokio::test(flavor = "multi_thread")]
async fn right_token_is_answered_with_the_challenge() {
    let platform = TestPlatform::start().await;
    let path = platform.acme().whatsapp_path();
    // The seed makes the app secret the token too.
    let token = &platform.acme().app_secret;
    let query = format!("hub.mode=subscribe&hub.verify_token={token}&hub.challenge=1158201444");
    let answer = platform.call(Method::GET, &format!("{path}?{query}"), &[], "").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "1158201444"));
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_token_or_mode_is_refused_and_the_challenge_not_repeated() {
    let platform = TestPlatform::start().await;
    let path = platform.acme().whatsapp_path();
    let token = &platform.acme().app_secret;
    for query in [
        "hub.mode=subscribe&hub.verify_token=wrong&hub.challenge=1158201444".to_owned(),
        "hub.mode=subscribe&hub.verify_token=&hub.challenge=1158201444".to_owned(),
        "hub.mode=subscribe&hub.challenge=1158201444".to_owned(),
        format!("hub.mode=unsubscribe&hub.verify_token={token}&hub.challenge=1158201444"),
        format!("hub.verify_token={token}&hub.challenge=1158201444"),
        String::new(),
    ] {
        let answer = platform.call(Method::GET, &format!("{path}?{query}"), &[], "").await;
        assert_eq!(answer.status, 403, "{query}");
        assert!(!answer.body.contains("1158201444"), "{query}");
    }
}
