//! What processes know of accounts: what another one changed, and when something last went through one.

use std::sync::Arc;

use botbuilder_domain::Secret;
use botbuilder_gateway::{Gateway, accounts::Accounts, changes::ChannelChanges};
use botbuilder_service::lifecycle::Service as _;
use botbuilder_store::secret::RootKey;
use botbuilder_testkit::{
    local_client::Method,
    platform::{Options, PATIENCE, ROOT_KEY, TestPlatform, execute},
};
use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

#[tokio::test(flavor = "multi_thread")]
async fn a_process_hears_of_an_account_that_another_one_paused() {
    let platform = TestPlatform::start().await;
    let seeded = &platform.acme().seeded;
    let accounts = Accounts::new(platform.gateway.store.clone(), RootKey::new(Secret::new(ROOT_KEY)));
    let other = Gateway { accounts: Arc::new(accounts), ..platform.gateway.clone() };
    let mut changes = other.accounts.changes();
    let stop = CancellationToken::new();
    let running = tokio::spawn({
        let (gateway, stop) = (other.clone(), stop.clone());
        async move { ChannelChanges::new(gateway).run(stop).await }
    });
    // Once when it begins to listen, for what it did not hear before.
    let mut heard = async || timeout(PATIENCE, changes.changed()).await.expect("in time").expect("a change");
    heard().await;
    let waits = async || {
        let connected = other.accounts.connected(seeded.org, seeded.telegram).await.expect("a database");
        connected.map(|connected| connected.waits)
    };
    assert_eq!(waits().await, Some(false));
    let bearer = format!("Bearer {}", seeded.token.expose());
    let headers = [("authorization", bearer.as_str()), ("if-match", "*")];
    let act = async |action: &str| {
        let path = format!("/v1/channels/{}/{action}", seeded.telegram);
        platform.call(Method::POST, &path, &headers, "").await.status
    };
    assert_eq!(act("pause").await, 200);
    heard().await;
    assert_eq!(waits().await, Some(true));

    // Whoever writes it: a provider's word comes with a turn.
    let stopped = format!("UPDATE channels SET status = 'disconnected' WHERE id = '{}'", seeded.telegram);
    execute(&platform.pool, &stopped).await;
    heard().await;
    assert_eq!(waits().await, None);
    let active = format!("UPDATE channels SET status = 'active' WHERE id = '{}'", seeded.telegram);
    execute(&platform.pool, &active).await;
    heard().await;
    assert_eq!(waits().await, Some(false));
    stop.cancel();
    running.await.expect("no panic").expect("it ends softly");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_shows_when_it_was_last_used_and_what_it_can_show() {
    let platform =
        TestPlatform::with(Options { organizations: vec!["acme", "other"], ..Options::default() }).await;
    let seeded = &platform.acme().seeded;
    let get = async |channel: String| {
        let answer = platform.get(&format!("/v1/channels/{channel}"), &seeded.token).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()["data"].clone()
    };
    platform.acme().telegram.say(42, "hello").await.expect("an update");
    platform.acme().telegram_replies(42, 1).await;
    platform.settled().await;
    // That the account works is a change, and is written down by now; when it was used is not.
    let before = get(seeded.telegram.to_string()).await;
    assert_eq!((&before["last_inbound_at"], &before["last_outbound_at"]), (&Value::Null, &Value::Null));
    platform.gateway.stamps.write(&platform.gateway).await.expect("a database");
    let after = get(seeded.telegram.to_string()).await;
    let (inbound, outbound) = (after["last_inbound_at"].as_str(), after["last_outbound_at"].as_str());
    assert!(inbound.is_some() && inbound <= outbound, "{after}");
    // Whoever edits the channel need not know of it.
    for field in ["lock_version", "updated_at"] {
        assert_eq!(before[field], after[field], "{field}");
    }
    assert_eq!(get(seeded.whatsapp.to_string()).await["last_inbound_at"], Value::Null);
    // An older instant, of a process that is late, changes nothing.
    let (org, channel) = (seeded.org, seeded.telegram);
    platform.gateway.stamps.came_in(org, channel, chrono::DateTime::UNIX_EPOCH);
    platform.gateway.stamps.write(&platform.gateway).await.expect("a database");
    assert_eq!(get(channel.to_string()).await["last_inbound_at"], after["last_inbound_at"]);

    let types = platform.get("/v1/channels/types", &seeded.token).await.json();
    let of_telegram = types["data"].as_array().expect("a list").iter().find(|one| one["type"] == "telegram");
    assert_eq!(after["capabilities"], of_telegram.expect("telegram")["capabilities"]);
    assert_ne!(after["capabilities"], json!({}));
}
