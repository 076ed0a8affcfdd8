//! The audit chain: line 23 of the checklist, and what may be done to its rows.

use botbuilder_testkit::database::TestDatabase;
use sqlx::PgPool;
use uuid::Uuid;

use crate::fixture::{self, code};

async fn append(app: &PgPool, organization: Uuid, entries: i32) {
    let mut tx = fixture::begin(app, organization).await;
    sqlx::query(
        "INSERT INTO audit_logs (id, created_at, organization_id, actor_type, action, resource_type, new_values, ip)
         SELECT id, app.uuid_v7_ts(id), $1, 'user', 'bot.settings.update', 'bot',
                jsonb_build_object('n', n, 'nothing', NULL), '192.0.2.7'
           FROM (SELECT n, app.uuid_v7() AS id FROM generate_series(1, $2) n) numbered",
    )
    .bind(organization)
    .bind(entries)
    .execute(&mut *tx)
    .await
    .expect("audit entries");
    tx.commit().await.expect("the commit");
}

async fn verify(app: &PgPool, organization: Uuid) -> Option<i64> {
    let mut tx = fixture::begin(app, organization).await;
    sqlx::query_scalar("SELECT app.audit_verify($1)")
        .bind(organization)
        .fetch_one(&mut *tx)
        .await
        .expect("a result")
}

/// Does, as the superuser and past every trigger, what an intruder would.
async fn tamper(admin: &PgPool, statement: &str) {
    let statements = format!(
        "ALTER TABLE audit_logs DISABLE TRIGGER forbid_mutation; {statement};
         ALTER TABLE audit_logs ENABLE TRIGGER forbid_mutation"
    );
    fixture::execute(admin, &statements).await;
}

#[tokio::test]
async fn a_changed_entry_among_a_thousand_is_found() {
    let database = TestDatabase::new().await;
    let admin = database.pool().await;
    let app = database.pool_as("bb_app").await;
    let tenant = fixture::tenant(&admin, "acme").await;
    let other = fixture::tenant(&admin, "other").await;
    append(&app, tenant.organization, 600).await;
    append(&app, other.organization, 5).await;
    append(&app, tenant.organization, 400).await;

    assert_eq!(verify(&app, tenant.organization).await, None);
    tamper(&admin, "UPDATE audit_logs SET outcome = 'denied' WHERE seq = 437 AND new_values ->> 'n' = '437'")
        .await;
    assert_eq!(verify(&app, tenant.organization).await, Some(437));
    assert_eq!(verify(&app, other.organization).await, None);
    tamper(&admin, "UPDATE audit_logs SET outcome = 'success' WHERE seq = 437").await;
    assert_eq!(verify(&app, tenant.organization).await, None);
}

#[tokio::test]
async fn removed_inserted_and_cut_off_entries_are_found() {
    let database = TestDatabase::new().await;
    let admin = database.pool().await;
    let app = database.pool_as("bb_app").await;
    let tenant = fixture::tenant(&admin, "acme").await;
    append(&app, tenant.organization, 20).await;

    tamper(&admin, "CREATE TABLE kept AS SELECT * FROM audit_logs WHERE seq IN (7, 20)").await;
    tamper(&admin, "DELETE FROM audit_logs WHERE seq = 7").await;
    assert_eq!(verify(&app, tenant.organization).await, Some(7));
    // A row that was never hashed under its number: the second copy of entry 7 pretends to be a new one.
    fixture::execute(
        &admin,
        "ALTER TABLE audit_logs DISABLE TRIGGER audit_append; INSERT INTO audit_logs SELECT * FROM kept WHERE seq = 7;
         ALTER TABLE audit_logs ENABLE TRIGGER audit_append",
    )
    .await;
    assert_eq!(verify(&app, tenant.organization).await, None, "put back as it was");
    tamper(&admin, "DELETE FROM audit_logs WHERE seq = 20").await;
    assert_eq!(verify(&app, tenant.organization).await, Some(20), "the head of the chain knows the length");
}

#[tokio::test]
async fn writers_of_one_chain_take_turns() {
    let database = TestDatabase::new().await;
    let admin = database.pool().await;
    let app = database.pool_as("bb_app").await;
    let tenant = fixture::tenant(&admin, "acme").await;
    let writers = (0..6).map(|_| append(&app, tenant.organization, 10));
    futures_join(writers).await;

    assert_eq!(verify(&app, tenant.organization).await, None);
    let sequence: (i64, i64, i64) =
        sqlx::query_as("SELECT min(seq), max(seq), count(DISTINCT seq) FROM audit_logs")
            .fetch_one(&admin)
            .await
            .unwrap();
    assert_eq!(sequence, (1, 60, 60));
}

async fn futures_join(futures: impl Iterator<Item = impl Future<Output = ()>>) {
    let mut pinned: Vec<_> = futures.map(Box::pin).collect();
    std::future::poll_fn(|context| {
        pinned.retain_mut(|future| future.as_mut().poll(context).is_pending());
        if pinned.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}

#[tokio::test]
async fn entries_cannot_be_changed_and_only_purging_removes_them() {
    let database = TestDatabase::new().await;
    let admin = database.pool().await;
    let app = database.pool_as("bb_app").await;
    let tenant = fixture::tenant(&admin, "acme").await;
    append(&app, tenant.organization, 3).await;

    let mut tx = fixture::begin(&app, tenant.organization).await;
    assert_eq!(
        code(sqlx::query("UPDATE audit_logs SET outcome = 'denied'").execute(&mut *tx).await),
        "42501"
    );
    let platform = database.pool_as("bb_admin").await;
    assert_eq!(
        code(sqlx::query("UPDATE audit_logs SET outcome = 'denied'").execute(&platform).await),
        "42501"
    );
    assert_eq!(code(sqlx::query("UPDATE audit_logs SET outcome = 'denied'").execute(&admin).await), "23001");
    assert_eq!(code(sqlx::query("DELETE FROM audit_logs").execute(&admin).await), "23001");
    let purge = database.pool_as("bb_purge").await;
    assert_eq!(sqlx::query("DELETE FROM audit_logs").execute(&purge).await.unwrap().rows_affected(), 3);
}

#[tokio::test]
async fn another_chain_is_not_verified_for_a_tenant() {
    let database = TestDatabase::new().await;
    let admin = database.pool().await;
    let app = database.pool_as("bb_app").await;
    let tenant = fixture::tenant(&admin, "acme").await;
    let other = fixture::tenant(&admin, "other").await;

    let mut tx = fixture::begin(&app, tenant.organization).await;
    let refused =
        sqlx::query("SELECT app.audit_verify($1)").bind(other.organization).fetch_one(&mut *tx).await;
    assert_eq!(code(refused), "42501");
}

/// The chain key is not the writer's choice: it is the organization.
#[tokio::test]
async fn a_tenant_writes_into_its_own_chain_only() {
    let database = TestDatabase::new().await;
    let admin = database.pool().await;
    let app = database.pool_as("bb_app").await;
    let tenant = fixture::tenant(&admin, "acme").await;
    let other = fixture::tenant(&admin, "other").await;

    let mut tx = fixture::begin(&app, tenant.organization).await;
    let chain: Uuid = sqlx::query_scalar(
        "INSERT INTO audit_logs (id, created_at, organization_id, chain_key, actor_type, action, resource_type)
         VALUES ($1, app.uuid_v7_ts($1), $2, $3, 'user', 'bot.create', 'bot') RETURNING chain_key",
    )
    .bind(fixture::id())
    .bind(tenant.organization)
    .bind(other.organization)
    .fetch_one(&mut *tx)
    .await
    .unwrap();
    assert_eq!(chain, tenant.organization);
}

#[tokio::test]
async fn the_platform_has_a_chain_of_its_own() {
    let database = TestDatabase::new().await;
    let admin = database.pool().await;
    let platform = database.pool_as("bb_admin").await;
    for action in ["plan.change", "organization.suspend", "partition.archive"] {
        sqlx::query("INSERT INTO admin_audit_log (admin_email, action) VALUES ('staff@platform.test', $1)")
            .bind(action)
            .execute(&platform)
            .await
            .unwrap();
    }
    let nil = Uuid::nil();
    let whole: Option<i64> =
        sqlx::query_scalar("SELECT app.audit_verify($1)").bind(nil).fetch_one(&platform).await.unwrap();
    assert_eq!(whole, None);
    fixture::execute(
        &admin,
        "ALTER TABLE admin_audit_log DISABLE TRIGGER forbid_mutation;
         UPDATE admin_audit_log SET action = 'plan.read' WHERE seq = 2",
    )
    .await;
    let broken: Option<i64> =
        sqlx::query_scalar("SELECT app.audit_verify($1)").bind(nil).fetch_one(&platform).await.unwrap();
    assert_eq!(broken, Some(2));
}
