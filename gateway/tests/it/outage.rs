//! Callbacks while the stream or the database is not there.

use std::time::Duration;

use botbuilder_testkit::{
    fake::whatsapp::SIGNATURE_HEADER,
    platform::{Fault, TestPlatform, eventually},
};

#[tokio::test(flavor = "multi_thread")]
async fn callback_while_the_stream_refuses_is_taken_when_it_comes_again() {
    let platform = TestPlatform::start().await;
    let acme = platform.acme();
    let (body, signature) = acme.text("491511", "wamid.1", "hello");
    let deliver =
        async || platform.post(&acme.whatsapp_path(), &[(SIGNATURE_HEADER, &signature)], &body).await;

    platform.stream.set_fault(Some(Fault::Full(Duration::from_secs(7))));
    let answer = deliver().await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("7")));

    platform.stream.set_fault(Some(Fault::Unavailable));
    let answer = deliver().await;
    assert_eq!(answer.status, 503);
    let retry_after: u32 = answer.header("retry-after").expect("a time to wait").parse().expect("seconds");
    assert!(retry_after >= 1);
    assert_eq!(platform.appended("inbound").await, 0);

    platform.stream.set_fault(None);
    assert_eq!(deliver().await.status, 200);
    acme.whatsapp_replies("491511", 2).await;
    platform.settled().await;
    assert_eq!(acme.whatsapp.conversation("491511").len(), 2);
    assert_eq!(platform.count("SELECT count(*) FROM channel_messages WHERE direction = 'inbound'").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn callback_of_a_known_account_is_taken_without_a_database_and_answered_when_it_is_back() {
    let platform = TestPlatform::start().await;
    let acme = platform.acme();
    acme.whatsapp.say("491511", "hello").await.expect("taken");
    acme.whatsapp_replies("491511", 2).await;
    platform.settled().await;

    platform.lose_database();
    let (body, signature) = acme.text("491512", "wamid.lost", "hello");
    let answer = platform.post(&acme.whatsapp_path(), &[(SIGNATURE_HEADER, &signature)], &body).await;
    assert_eq!(answer.status, 200);
    assert!(acme.whatsapp.conversation("491512").is_empty());

    platform.restore_database();
    acme.whatsapp_replies("491512", 2).await;
    platform.settled().await;
    assert_eq!(acme.whatsapp.conversation("491512").len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn callback_of_an_account_that_cannot_be_looked_up_is_put_off_and_not_refused() {
    let platform = TestPlatform::start().await;
    let acme = platform.acme();
    let (body, signature) = acme.text("491511", "wamid.1", "hello");
    let deliver =
        async || platform.post(&acme.whatsapp_path(), &[(SIGNATURE_HEADER, &signature)], &body).await;

    platform.lose_database();
    let answer = deliver().await;
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert!(answer.header("retry-after").is_some());

    platform.restore_database();
    eventually("the callback is taken", async || (deliver().await.status == 200).then_some(())).await;
    acme.whatsapp_replies("491511", 2).await;
}
