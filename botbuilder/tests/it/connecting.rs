//! Accounts connected and disconnected over the API, with what is done at their providers.

use botbuilder_domain::ChannelId;
use botbuilder_testkit::{
    fake::whatsapp,
    local_client::Method,
    platform::{Answer, Options, TestPlatform, execute},
};
use serde_json::{Value, json};

async fn platform() -> TestPlatform {
    TestPlatform::with(Options { flow: super::echo_flow(), ..Options::default() }).await
}

/// An action on a channel, by the organization's token.
async fn act(platform: &TestPlatform, channel: ChannelId, action: &str, body: &Value) -> (u16, Value) {
    let bearer = format!("Bearer {}", platform.acme().seeded.token.expose());
    let path = format!("/v1/channels/{channel}/{action}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let Answer { status, body, .. } = platform.call(Method::POST, &path, &headers, body).await;
    (status, serde_json::from_str(&body).unwrap_or_default())
}

async fn delete(platform: &TestPlatform, channel: ChannelId) -> u16 {
    let bearer = format!("Bearer {}", platform.acme().seeded.token.expose());
    let headers = [("authorization", bearer.as_str()), ("if-match", "*")];
    platform.call(Method::DELETE, &format!("/v1/channels/{channel}"), &headers, "").await.status
}

#[tokio::test(flavor = "multi_thread")]
async fn a_telegram_bot_is_connected_disconnected_and_deleted() {
    let platform = platform().await;
    let acme = platform.acme();
    let (channel, none) = (acme.seeded.telegram, json!({}));
    let (status, left) = act(&platform, channel, "disconnect", &none).await;
    assert_eq!((status, &left["data"]["status"]), (200, &json!("disconnected")), "{left}");
    assert_eq!(acme.telegram.webhook_url(), None);

    let (status, back) = act(&platform, channel, "activate", &none).await;
    assert_eq!((status, &back["data"]["status"]), (200, &json!("active")), "{back}");
    let address = format!("{}/hooks/{}", platform.base_url(), acme.seeded.telegram_public_id);
    assert_eq!(acme.telegram.webhook_url().as_deref(), Some(address.as_str()));
    assert_eq!(
        back["data"]["settings"]["webhook"],
        json!({ "address": address, "registered": true, "by_hand": null })
    );
    assert_eq!(back["data"]["display_handle"], "@fake_bot");
    assert_eq!(back["data"]["settings"]["bot_username"], "fake_bot");
    acme.telegram.say(42, "hello").await.expect("taken");
    acme.telegram_replies(42, 1).await;

    let wrong = json!({ "credentials": { "bot_token": "7000000001:wrong" } });
    assert_eq!(act(&platform, channel, "rotate-credentials", &wrong).await.0, 200);
    let (status, refused) = act(&platform, channel, "test", &none).await;
    assert_eq!((status, &refused["code"]), (409, &json!("credentials_refused")), "{refused}");
    assert!(refused["advice"].as_str().is_some_and(|advice| advice.contains("@BotFather")), "{refused}");
    let shown = platform.rows("SELECT health, error_code FROM channels WHERE type = 'telegram'").await;
    assert_eq!(shown[0], json!({ "health": "down", "error_code": "credentials_refused" }));

    let right = json!({ "credentials": { "bot_token": "7000000001:fake-bot-token" } });
    assert_eq!(act(&platform, channel, "rotate-credentials", &right).await.0, 200);
    let (status, tested) = act(&platform, channel, "test", &none).await;
    assert_eq!((status, &tested["data"]["provider_account_id"]), (200, &json!("7000000001")), "{tested}");
    assert_eq!(delete(&platform, channel).await, 204);
    assert_eq!(acme.telegram.webhook_url(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_telegram_bot_that_cannot_be_registered_is_not_taken_for_connected() {
    let platform = platform().await;
    let acme = platform.acme();
    let channel = acme.seeded.telegram;
    let statement = "UPDATE channels SET status = 'pending', webhook_secret_ct = NULL, webhook_secret_kid = NULL \
                     WHERE type = 'telegram'";
    execute(&platform.pool, statement).await;
    platform.gateway.accounts.forget();
    // A secret is made where there is none.
    let (status, body) = act(&platform, channel, "activate", &json!({})).await;
    assert_eq!(status, 200, "{body}");
    acme.telegram.say(42, "hello").await.expect("taken: the provider was told the secret");
    acme.telegram_replies(42, 1).await;
    let wrong = json!({ "credentials": { "bot_token": "7000000001:wrong" } });
    assert_eq!(act(&platform, channel, "rotate-credentials", &wrong).await.0, 200);
    let (status, body) = act(&platform, channel, "register-webhook", &json!({})).await;
    assert_eq!((status, &body["code"]), (409, &json!("credentials_refused")), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whatsapp_number_is_connected_and_its_address_answers_the_challenge() {
    let platform = platform().await;
    let acme = platform.acme();
    let (channel, none) = (acme.seeded.whatsapp, json!({}));
    let waba = format!(
        "UPDATE channels SET settings = settings || '{{\"waba_id\": \"{}\"}}' WHERE type = 'whatsapp'",
        whatsapp::WABA_ID
    );
    execute(&platform.pool, &waba).await;
    platform.gateway.accounts.forget();
    assert_eq!(act(&platform, channel, "disconnect", &none).await.0, 200);
    assert_eq!(acme.whatsapp.webhook_url(), None);
    let (status, back) = act(&platform, channel, "activate", &none).await;
    assert_eq!((status, &back["data"]["status"]), (200, &json!("active")), "{back}");
    assert!(acme.whatsapp.webhook_url().is_some_and(|url| url.ends_with(&acme.whatsapp_path())));
    assert_eq!(back["data"]["settings"]["webhook"]["registered"], true);
    acme.whatsapp.say("491511", "hello").await.expect("taken");
    acme.whatsapp_replies("491511", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_to_be_done_by_hand_is_said() {
    let platform = platform().await;
    let acme = platform.acme();
    for (channel, word) in [(acme.seeded.slack, "event subscriptions"), (acme.seeded.instagram, "webhooks")] {
        let (status, body) = act(&platform, channel, "register-webhook", &json!({})).await;
        assert_eq!(status, 200, "{body}");
        assert!(body["data"]["by_hand"].as_str().is_some_and(|text| text.contains(word)), "{body}");
        let (status, body) = act(&platform, channel, "test", &json!({})).await;
        assert_eq!(status, 200, "{body}");
        assert!(body["data"]["provider_account_id"].is_string(), "{body}");
    }
    assert!(acme.instagram.is_subscribed());
    assert_eq!(act(&platform, acme.seeded.instagram, "disconnect", &json!({})).await.0, 200);
    assert!(!acme.instagram.is_subscribed());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_on_a_channel_is_found_out_again_when_it_is_old() {
    let platform = platform().await;
    let channel = platform.acme().seeded.telegram;
    let look = async || {
        platform.check_accounts().await;
        let shown = "SELECT health, error_code FROM channels WHERE type = 'telegram'";
        platform.rows(shown).await.pop().expect("the channel")
    };
    let ago = async |minutes: u32| {
        let down = format!(
            "UPDATE channels SET health = 'down', error_code = 'unavailable', error_message = 'no answer', \
             health_checked_at = now() - interval '{minutes} minutes'"
        );
        execute(&platform.pool, &down).await;
    };
    ago(30).await;
    assert_eq!(look().await, json!({ "health": "down", "error_code": "unavailable" }), "that is recent");
    ago(90).await;
    assert_eq!(look().await, json!({ "health": "healthy", "error_code": null }));
    let wrong = json!({ "credentials": { "bot_token": "7000000001:wrong" } });
    assert_eq!(act(&platform, channel, "rotate-credentials", &wrong).await.0, 200);
    ago(90).await;
    assert_eq!(look().await, json!({ "health": "down", "error_code": "credentials_refused" }));
}
