//! Messages: delivery states, and uniqueness across months.

use botbuilder_testkit::database::TestDatabase;
use sqlx::{PgPool, Postgres, Row as _, Transaction};
use tokio::sync::Barrier;
use uuid::Uuid;

use crate::fixture::{self, Tenant, code};

async fn set_status(tx: &mut Transaction<'static, Postgres>, id: Uuid, status: &str) {
    sqlx::query(
        "UPDATE channel_messages SET status = $2, attempts = 1, next_attempt_at = now(),
                error_code = CASE $2 WHEN 'failed' THEN 'rejected' ELSE error_code END
          WHERE id = $1 AND created_at = app.uuid_v7_ts($1)",
    )
    .bind(id)
    .bind(status)
    .execute(&mut **tx)
    .await
    .expect("late callbacks are no error");
}

/// Status, and which of sent, delivered, read, failed and the error code are set.
async fn state(tx: &mut Transaction<'static, Postgres>, id: Uuid) -> (String, [bool; 5]) {
    let row = sqlx::query(
        "SELECT status, sent_at IS NOT NULL, delivered_at IS NOT NULL, read_at IS NOT NULL, failed_at IS NOT NULL,
                error_code IS NOT NULL
           FROM channel_messages WHERE id = $1 AND created_at = app.uuid_v7_ts($1)",
    )
    .bind(id)
    .fetch_one(&mut **tx)
    .await
    .expect("the message");
    (row.get(0), [row.get(1), row.get(2), row.get(3), row.get(4), row.get(5)])
}

#[tokio::test]
async fn status_never_goes_backwards() {
    let database = TestDatabase::new().await;
    let tenant = fixture::tenant(&database.pool().await, "acme").await;
    let app = database.pool_as("bb_app").await;

    let ranked = ["queued", "sent", "failed", "delivered", "read"];
    for (low, earlier) in ranked.iter().enumerate() {
        for later in ranked.iter().skip(low + 1) {
            let mut tx = fixture::begin(&app, tenant.organization).await;
            let id = fixture::queued_message(&mut tx, &tenant).await;
            set_status(&mut tx, id, later).await;
            assert_eq!(state(&mut tx, id).await.0, *later);
            set_status(&mut tx, id, earlier).await;
            assert_eq!(state(&mut tx, id).await.0, *later, "{later} went back to {earlier}");
        }
    }
}

#[tokio::test]
async fn callbacks_in_any_order_end_in_the_same_row() {
    let database = TestDatabase::new().await;
    let tenant = fixture::tenant(&database.pool().await, "acme").await;
    let app = database.pool_as("bb_app").await;

    let orders = [
        (vec!["sent", "delivered", "read"], "read", [true, true, true, false, false]),
        (vec!["read", "delivered", "sent"], "read", [true, true, true, false, false]),
        (vec!["delivered", "read", "sent"], "read", [true, true, true, false, false]),
        (vec!["failed", "delivered"], "delivered", [true, true, false, false, false]),
        (vec!["delivered", "failed"], "delivered", [true, true, false, false, false]),
        (vec!["sent", "failed"], "failed", [true, false, false, true, true]),
    ];
    for (order, status, stamps) in orders {
        let mut tx = fixture::begin(&app, tenant.organization).await;
        let id = fixture::queued_message(&mut tx, &tenant).await;
        for next in &order {
            set_status(&mut tx, id, next).await;
        }
        let (reached, set) = state(&mut tx, id).await;
        assert_eq!((reached.as_str(), set), (status, stamps), "{order:?}");
    }
}

#[tokio::test]
async fn a_failed_message_is_queued_again_only_by_replay() {
    let database = TestDatabase::new().await;
    let tenant = fixture::tenant(&database.pool().await, "acme").await;
    let app = database.pool_as("bb_app").await;

    let mut tx = fixture::begin(&app, tenant.organization).await;
    let id = fixture::queued_message(&mut tx, &tenant).await;
    let fail = "UPDATE channel_messages SET status = 'failed', attempts = 3 WHERE id = $1";
    sqlx::query(fail).bind(id).execute(&mut *tx).await.unwrap();
    set_status(&mut tx, id, "queued").await;
    assert_eq!(state(&mut tx, id).await.0, "failed");

    let replay =
        "UPDATE channel_messages SET status = 'queued', attempts = 0, next_attempt_at = now() WHERE id = $1";
    sqlx::query(replay).bind(id).execute(&mut *tx).await.unwrap();
    let (status, stamps) = state(&mut tx, id).await;
    assert_eq!(status, "queued");
    assert!(!stamps[3], "failed_at is cleared");
}

#[tokio::test]
async fn an_inbound_message_is_received_and_nothing_else() {
    let database = TestDatabase::new().await;
    let tenant = fixture::tenant(&database.pool().await, "acme").await;
    let app = database.pool_as("bb_app").await;

    let mut tx = fixture::begin(&app, tenant.organization).await;
    let refused = sqlx::query(
        "INSERT INTO channel_messages (id, created_at, organization_id, channel_id, conversation_id, direction,
                                       sender_type, status, next_attempt_at)
         VALUES ($1, app.uuid_v7_ts($1), $2, $3, $4, 'inbound', 'contact', 'queued', now())",
    )
    .bind(fixture::id())
    .bind(tenant.organization)
    .bind(tenant.channel)
    .bind(tenant.conversation)
    .execute(&mut *tx)
    .await;
    assert_eq!(code(refused), "23514");
}

#[tokio::test]
async fn the_instant_of_a_partitioned_row_is_the_one_in_its_id() {
    let database = TestDatabase::new().await;
    let tenant = fixture::tenant(&database.pool().await, "acme").await;
    let app = database.pool_as("bb_app").await;

    for id in [fixture::id(), "7f2c0a50-1b9f-4b57-9a2a-0c5f5b1d2c3e".parse().unwrap()] {
        let mut tx = fixture::begin(&app, tenant.organization).await;
        let refused = sqlx::query(
            "INSERT INTO message_events (id, created_at, organization_id, message_id, at, stage)
             VALUES ($1, now() - interval '1 second', $2, $1, now(), 'received')",
        )
        .bind(id)
        .bind(tenant.organization)
        .execute(&mut *tx)
        .await;
        assert_eq!(code(refused), "23514", "{id}");
    }
}

/// What the consumer does with a message: key and row in one transaction; without the key, no row.
async fn store_inbound(app: &PgPool, tenant: &Tenant, id: Uuid, start: &Barrier) -> bool {
    let mut tx = fixture::begin(app, tenant.organization).await;
    start.wait().await;
    let first = sqlx::query(
        "INSERT INTO dedupe_keys (scope, key, organization_id, ref_id, ref_created_at, expires_at)
         VALUES ('msg:' || $1, 'provider-77', $2, $3, app.uuid_v7_ts($3), now() + interval '45 days')
             ON CONFLICT DO NOTHING",
    )
    .bind(tenant.channel)
    .bind(tenant.organization)
    .bind(id)
    .execute(&mut *tx)
    .await
    .expect("no error for a duplicate")
    .rows_affected()
        == 1;
    if first {
        sqlx::query(
            "INSERT INTO channel_messages (id, created_at, organization_id, channel_id, conversation_id, direction,
                                           sender_type, status, provider_message_id)
             VALUES ($1, app.uuid_v7_ts($1), $2, $3, $4, 'inbound', 'contact', 'received', 'provider-77')",
        )
        .bind(id)
        .bind(tenant.organization)
        .bind(tenant.channel)
        .bind(tenant.conversation)
        .execute(&mut *tx)
        .await
        .expect("the message");
    }
    tx.commit().await.expect("the commit");
    first
}

/// Line 24 of the checklist.
#[tokio::test]
async fn one_provider_message_is_stored_once_across_months() {
    let database = TestDatabase::new().await;
    let admin = database.pool().await;
    let tenant = fixture::tenant(&admin, "acme").await;
    let app = database.pool_as("bb_app").await;

    for round in 0..10 {
        fixture::execute(&admin, "DELETE FROM channel_messages; DELETE FROM dedupe_keys").await;
        let (this_month, last_month): (Uuid, Uuid) = sqlx::query_as(
            "SELECT app.uuid_v7(), app.uuid_v7_at(date_trunc('month', now(), 'UTC') - interval '1 day')",
        )
        .fetch_one(&admin)
        .await
        .unwrap();
        let start = Barrier::new(2);
        let (one, two) = tokio::join!(
            store_inbound(&app, &tenant, this_month, &start),
            store_inbound(&app, &tenant, last_month, &start),
        );
        assert!(one != two, "round {round}: stored {one} and {two}");
        let stored: i64 =
            sqlx::query_scalar("SELECT count(*) FROM channel_messages").fetch_one(&admin).await.unwrap();
        assert_eq!(stored, 1, "round {round}");
    }
}
