//! Who hears of new records of the outbox, and of changed channels.

use std::time::Duration;

use botbuilder_store::{
    OrgScope, Store, Tx,
    channels::stamps::{self, Stamp},
    system::{
        bell::{Bell, Of},
        outbox_events::{self, New, SAID},
    },
};
use botbuilder_testkit::database::TestDatabase;
use chrono::{DateTime, Utc};
use serde_json::json;
use sqlx::postgres::PgListener;

use crate::fixture;

/// How long a ring is waited for before the test gives up; it comes at the commit.
const MOST: Duration = Duration::from_secs(20);

fn record(key: &str) -> New {
    New {
        id: fixture::id(),
        topic: "outbound",
        partition_key: key.to_owned(),
        event_type: SAID,
        entity: None,
        payload: json!({ "key": key }),
        available_at: DateTime::<Utc>::UNIX_EPOCH,
    }
}

async fn write(mut tx: Tx, scope: &OrgScope) {
    outbox_events::insert_many(&mut tx, scope, &[record("one"), record("two")]).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_commit_rings_unless_its_writer_publishes_by_itself() {
    let database = TestDatabase::new().await;
    let pool = database.pool().await;
    let tenant = fixture::tenant(&pool, "acme").await;
    let scope = OrgScope::of_service(tenant.organization.into());
    let store = Store::connect(database.url(), 2).await.unwrap();
    let mut bell = Bell::listen(&store, Of::Outbox).await.unwrap();
    let mut all = PgListener::connect_with(&pool).await.unwrap();
    all.listen("outbox").await.unwrap();

    // A turn publishes its own rows: the first thing heard is what is said after its commit.
    write(store.begin_turn(&scope).await.unwrap(), &scope).await;
    fixture::execute(&pool, "NOTIFY outbox, 'after the turn'").await;
    assert_eq!(all.recv().await.unwrap().payload(), "after the turn");
    tokio::time::timeout(MOST, bell.rings()).await.expect("a ring in time").unwrap();

    write(store.begin(&scope).await.unwrap(), &scope).await;
    tokio::time::timeout(MOST, bell.rings()).await.expect("a ring in time").unwrap();
    assert_eq!(all.recv().await.unwrap().payload(), "");
}

#[tokio::test]
async fn a_changed_channel_rings_and_one_that_was_only_used_does_not() {
    let database = TestDatabase::new().await;
    let pool = database.pool().await;
    let tenant = fixture::tenant(&pool, "acme").await;
    let scope = OrgScope::of_service(tenant.organization.into());
    let store = Store::connect(database.url(), 2).await.unwrap();
    let mut bell = Bell::listen(&store, Of::Channels).await.unwrap();
    let mut all = PgListener::connect_with(&pool).await.unwrap();
    all.listen("channels").await.unwrap();
    let version = async || {
        let query = "SELECT lock_version FROM channels";
        sqlx::query_scalar::<_, i32>(query).fetch_one(&pool).await.unwrap()
    };
    let before = version().await;

    let stamp = Stamp { inbound: Some(DateTime::<Utc>::UNIX_EPOCH), outbound: None };
    let mut tx = store.begin(&scope).await.unwrap();
    stamps::write(&mut tx, &scope, &[(tenant.channel.into(), stamp)]).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(version().await, before);
    fixture::execute(&pool, "NOTIFY channels, 'after the stamp'").await;
    assert_eq!(all.recv().await.unwrap().payload(), "after the stamp");
    tokio::time::timeout(MOST, bell.rings()).await.expect("a ring in time").unwrap();

    fixture::execute(&pool, "UPDATE channels SET status = 'paused'").await;
    tokio::time::timeout(MOST, bell.rings()).await.expect("a ring in time").unwrap();
    assert_eq!(all.recv().await.unwrap().payload(), "");
    assert!(version().await > before);
}
