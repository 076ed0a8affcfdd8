//! Questions that nobody answers in time.

use botbuilder_testkit::platform::{Options, TestPlatform, eventually};

async fn platform() -> TestPlatform {
    TestPlatform::with(Options { flow: super::impatient_flow(1), ..Options::default() }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn question_that_nobody_answers_takes_its_timeout_port_once() {
    let platform = platform().await;
    let acme = platform.acme();
    acme.whatsapp.say("491511", "hello").await.expect("taken");
    let replies = acme.whatsapp_replies("491511", 2).await;
    assert_eq!(replies[1].text.as_deref(), Some("You did not answer."));
    let waiting = "SELECT count(*) FROM conversations WHERE next_timer_at IS NOT NULL";
    assert_eq!(platform.count(waiting).await, 0);
    platform.settled().await;
    assert_eq!(acme.whatsapp.conversation("491511").len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn question_that_was_answered_does_not_time_out() {
    let platform = TestPlatform::with(Options { flow: super::impatient_flow(3), ..Options::default() }).await;
    let acme = platform.acme();
    acme.whatsapp.say("491511", "hello").await.expect("taken");
    acme.whatsapp_replies("491511", 1).await;
    acme.whatsapp.say("491511", "Ada").await.expect("taken");
    // Somebody else's question, asked later, times out: by then this one would have.
    acme.whatsapp_replies("491511", 2).await;
    acme.whatsapp.say("491512", "hello").await.expect("taken");
    acme.whatsapp_replies("491512", 2).await;
    let replies = acme.whatsapp.conversation("491511");
    assert_eq!(replies.len(), 2, "{replies:?}");
    assert_eq!(replies[1].text.as_deref(), Some("Hello Ada."));
}

#[tokio::test(flavor = "multi_thread")]
async fn question_whose_time_ends_while_the_program_is_stopped_times_out_after_the_start() {
    let mut platform = platform().await;
    platform.acme().whatsapp.say("491511", "hello").await.expect("taken");
    platform.acme().whatsapp_replies("491511", 1).await;
    platform.stop().await;
    assert_eq!(platform.acme().whatsapp.conversation("491511").len(), 1, "stopped before the time was over");
    eventually("the time is over", async || {
        let due = "SELECT count(*) FROM conversations WHERE next_timer_at < now()";
        (platform.count(due).await == 1).then_some(())
    })
    .await;
    assert_eq!(platform.acme().whatsapp.conversation("491511").len(), 1);

    platform.start_again();
    let replies = platform.acme().whatsapp_replies("491511", 2).await;
    assert_eq!(replies[1].text.as_deref(), Some("You did not answer."));
}
