//! Accounts connected and disconnected over the API, with what is done at their providers.

use botbuilder_domain::{ChannelId, Secret};
use botbuilder_gateway::{connecting::Connecting, dispatcher::ProviderHttp, tokens::TokenRenewal};
use botbuilder_service::{
    config::{App, Apps},
    http,
};
use botbuilder_store::secret::RootKey;
use botbuilder_testkit::{
    fake::whatsapp,
    local_client::Method,
    platform::{Answer, Options, ROOT_KEY, TestPlatform, eventually, execute},
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

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

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_cannot_be_tried_holds_back_no_other() {
    let platform = platform().await;
    // Whatever is sealed there, it does not open.
    let broken = "UPDATE channels SET credentials_ct = '\\x00' WHERE type IN ('whatsapp', 'slack')";
    execute(&platform.pool, broken).await;
    execute(&platform.pool, "UPDATE channels SET health = 'unknown', health_checked_at = NULL").await;
    platform.check_accounts().await;
    let shown = "SELECT type, health FROM channels WHERE type <> 'web' ORDER BY type";
    let of = |kind: &str, health: &str| json!({ "type": kind, "health": health });
    let expected = [
        of("instagram", "healthy"),
        of("slack", "unknown"),
        of("telegram", "healthy"),
        of("whatsapp", "unknown"),
    ];
    assert_eq!(platform.rows(shown).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_instagram_is_renewed_before_it_ends() {
    let platform = platform().await;
    let acme = platform.acme();
    let client = http::Client::new(platform.outbound()).expect("an http client");
    let connecting =
        Connecting::new(platform.gateway.clone(), ProviderHttp::new(client), platform.base_url());
    let root = RootKey::new(Secret::new(ROOT_KEY));
    let renewal = TokenRenewal::new(platform.gateway.clone(), connecting, root);
    let go_on = CancellationToken::new();
    // Entered a moment ago: Instagram would not renew it yet.
    assert_eq!(renewal.all(&go_on).await.expect("a database"), 0);
    let entered = "UPDATE channels SET credentials_rotated_at = now() - interval '2 days'";
    execute(&platform.pool, entered).await;
    assert_eq!(renewal.all(&go_on).await.expect("a database"), 1);
    let days = "SELECT extract(day FROM token_expires_at - now())::int AS days, health FROM channels \
                WHERE type = 'instagram'";
    assert_eq!(platform.rows(days).await[0]["days"], 59);
    // The provider knows the new one alone, and so does the channel.
    let (status, body) = act(&platform, acme.seeded.instagram, "test", &json!({})).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(renewal.all(&go_on).await.expect("a database"), 0, "it has two months");

    let near = "UPDATE channels SET token_expires_at = now() + interval '9 days', \
                credentials_rotated_at = now() - interval '51 days' WHERE type = 'instagram'";
    execute(&platform.pool, near).await;
    let wrong = json!({ "credentials": { "access_token": "of-somebody-else", "verify_token": "x" } });
    assert_eq!(act(&platform, acme.seeded.instagram, "rotate-credentials", &wrong).await.0, 200);
    execute(&platform.pool, near).await;
    assert_eq!(renewal.all(&go_on).await.expect("a database"), 0);
    let shown = "SELECT health, error_code FROM channels WHERE type = 'instagram'";
    let expected = json!({ "health": "degraded", "error_code": "token_not_renewed" });
    assert_eq!(platform.rows(shown).await[0], expected);
}

/// Whose a channel is, as what its token proved.
async fn proved(platform: &TestPlatform, kind: &str) -> Vec<Value> {
    let query = format!(
        "SELECT o.slug, c.provider_account_id AS account, c.provider_business_id AS business, c.error_code AS error \
         FROM channels c JOIN organizations o ON o.id = c.organization_id WHERE c.type = '{kind}' ORDER BY o.slug"
    );
    platform.rows(&query).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_for_many_accounts_finds_the_channels_that_were_activated() {
    const SECRET: &str = "secret-of-the-app";
    let app = App { secret: Some(Secret::new(SECRET.to_owned())), ..App::default() };
    let options = Options {
        organizations: vec!["acme", "other"],
        flow: super::echo_flow(),
        app_secret: Some(SECRET),
        apps: Apps { whatsapp: app, ..Apps::default() },
        ..Options::default()
    };
    let platform = TestPlatform::with(options).await;
    let acme = platform.acme();
    let waba = format!(
        "UPDATE channels SET settings = settings || '{{\"waba_id\": \"{}\"}}' WHERE type = 'whatsapp'",
        whatsapp::WABA_ID
    );
    execute(&platform.pool, &waba).await;
    platform.gateway.accounts.forget();

    // Written into the settings alone, a number is nobody's.
    let path = "/hooks/app/whatsapp";
    let post = async |body: &str| {
        let signature = acme.sign(body.as_bytes());
        platform.post(path, &[(whatsapp::SIGNATURE_HEADER, &signature)], body.to_owned()).await.status
    };
    let (message, _) = acme.text("491511", "wamid.1", "hello");
    assert_eq!(post(&message).await, 200);
    assert_eq!(platform.appended("inbound").await, 0);

    let number = acme.phone_number_id.clone();
    let (status, body) = act(&platform, acme.seeded.whatsapp, "activate", &json!({})).await;
    assert_eq!(status, 200, "{body}");
    let acme_has = json!({ "slug": "acme", "account": number, "business": whatsapp::WABA_ID, "error": null });
    assert_eq!(proved(&platform, "whatsapp").await[0], acme_has);
    assert_eq!(post(&message).await, 200);
    acme.whatsapp_replies("491511", 1).await;

    // What names the business account alone is for the channels below it.
    let about_account = json!({
        "object": "whatsapp_business_account",
        "entry": [{ "id": whatsapp::WABA_ID, "changes": [{
            "field": "account_update", "value": { "event": "VERIFIED_ACCOUNT", "phone_number": "15550783881" },
        }] }],
    });
    assert_eq!(post(&about_account.to_string()).await, 200);
    eventually("it reached the channel", async || {
        let kept =
            "SELECT count(*) FROM channel_webhooks WHERE event_type = 'account' AND status = 'processed'";
        (platform.count(kept).await == 1).then_some(())
    })
    .await;

    // A second channel of the same number works by its own address, and says so.
    let other = &platform.organizations[1];
    let bearer = format!("Bearer {}", other.seeded.token.expose());
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let test = format!("/v1/channels/{}/test", other.seeded.whatsapp);
    let answer = platform.call(Method::POST, &test, &headers, &json!({})).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let rows = proved(&platform, "whatsapp").await;
    assert_eq!(rows[0], acme_has);
    let other_has =
        json!({ "slug": "other", "account": null, "business": null, "error": "account_elsewhere" });
    assert_eq!(rows[1], other_has);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tested_channel_is_known_by_what_its_token_proved() {
    let platform = platform().await;
    let acme = platform.acme();
    for (channel, kind, setting) in
        [(acme.seeded.slack, "slack", "team_id"), (acme.seeded.instagram, "instagram", "ig_user_id")]
    {
        let (status, body) = act(&platform, channel, "test", &json!({})).await;
        assert_eq!(status, 200, "{body}");
        let written = platform
            .rows(&format!("SELECT settings ->> '{setting}' AS id FROM channels WHERE type = '{kind}'"))
            .await;
        let proved = proved(&platform, kind).await;
        assert_eq!(proved[0]["account"], written[0]["id"]);
        assert!(proved[0]["account"].is_string(), "{proved:?}");
    }
}
