//! Contacts: who blocked whom.

use botbuilder_domain::OrgId;
use botbuilder_store::{
    OrgScope, Store,
    channels::channel_contacts::{self, Seen},
};
use botbuilder_testkit::database::TestDatabase;
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::Row as _;

use crate::fixture;

fn now() -> DateTime<Utc> {
    DateTime::<Utc>::UNIX_EPOCH + TimeDelta::seconds(1_700_000_000)
}

/// What a turn learns about the fixture's contact.
fn seen(tenant: &fixture::Tenant, inbound: i32, blocked: Option<bool>) -> Seen {
    Seen {
        id: fixture::id().into(),
        channel: tenant.channel.into(),
        external_id: "1001".to_owned(),
        alt_external_id: None,
        display_name: None,
        username: None,
        phone: None,
        locale: None,
        inbound,
        outbound: 0,
        window_until: None,
        blocked,
    }
}

#[tokio::test]
async fn a_persons_block_ends_with_what_they_write_and_ours_does_not() {
    let database = TestDatabase::new().await;
    let admin = database.pool().await;
    let tenant = fixture::tenant(&admin, "acme").await;
    let store = Store::connect(database.url(), 2).await.unwrap();
    let scope = OrgScope::of_service(OrgId::from(tenant.organization));
    let blocked_by = async || {
        let row =
            sqlx::query("SELECT blocked_by, blocked_at IS NOT NULL FROM channel_contacts WHERE id = $1")
                .bind(tenant.contact)
                .fetch_one(&admin)
                .await
                .unwrap();
        let by: Option<String> = row.get(0);
        assert_eq!(by.is_some(), row.get::<bool, _>(1));
        by
    };
    let learn = async |inbound, blocked| {
        let mut tx = store.begin_turn(&scope).await.unwrap();
        let seen = [seen(&tenant, inbound, blocked)];
        channel_contacts::upsert_many(&mut tx, &scope, &seen, now()).await.unwrap();
        tx.commit().await.unwrap();
    };

    learn(0, Some(true)).await;
    assert_eq!(blocked_by().await.as_deref(), Some("them"));
    learn(1, None).await;
    assert_eq!(blocked_by().await, None, "who writes has unblocked us");
    learn(0, Some(true)).await;
    learn(0, Some(false)).await;
    assert_eq!(blocked_by().await, None, "the network said so");

    let ours = "UPDATE channel_contacts SET blocked_at = now(), blocked_by = 'us'";
    sqlx::query(ours).execute(&admin).await.unwrap();
    for (inbound, blocked) in [(1, None), (0, Some(true)), (1, Some(false))] {
        learn(inbound, blocked).await;
        assert_eq!(blocked_by().await.as_deref(), Some("us"));
    }
    store.close().await;
}
