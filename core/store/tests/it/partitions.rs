//! Partitions: made ahead, never guessed, and taken away only when their archive was checked.

use botbuilder_testkit::database::TestDatabase;
use sqlx::{AssertSqlSafe, PgPool};
use uuid::Uuid;

use crate::fixture::{self, Tenant, code};

#[tokio::test]
async fn a_missing_partition_fails_loudly() {
    let database = TestDatabase::new().await;
    let admin = database.pool().await;
    let tenant = fixture::tenant(&admin, "acme").await;
    let app = database.pool_as("bb_app").await;

    let mut tx = fixture::begin(&app, tenant.organization).await;
    let far: Uuid = sqlx::query_scalar("SELECT app.uuid_v7_at(now() + interval '2 years')")
        .fetch_one(&mut *tx)
        .await
        .unwrap();
    let refused = sqlx::query(
        "INSERT INTO message_events (id, created_at, organization_id, message_id, at, stage)
         VALUES ($1, app.uuid_v7_ts($1), $2, $1, now(), 'received')",
    )
    .bind(far)
    .bind(tenant.organization)
    .execute(&mut *tx)
    .await;
    let error = refused.unwrap_err().to_string();
    assert!(error.contains("no partition of relation \"message_events\" found for row"), "{error}");
}

#[tokio::test]
async fn partitions_are_made_ahead_and_once() {
    let database = TestDatabase::new().await;
    let worker = database.pool_as("bb_worker").await;
    let again: i32 = sqlx::query_scalar("SELECT app.ensure_partitions(3)").fetch_one(&worker).await.unwrap();
    assert_eq!(again, 0);
    let two_more_months: i32 =
        sqlx::query_scalar("SELECT app.ensure_partitions(5)").fetch_one(&worker).await.unwrap();
    assert_eq!(two_more_months, 2 * 10);

    let app = database.pool_as("bb_app").await;
    assert_eq!(code(sqlx::query("SELECT app.ensure_partitions(3)").execute(&app).await), "42501");
    let admin = database.pool().await;
    let bare: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM pg_class c WHERE c.relispartition AND c.relkind = 'r' AND c.relacl IS NOT NULL",
    )
    .fetch_one(&admin)
    .await
    .unwrap();
    assert_eq!(bare, 0, "a partition has a grant");
}

#[tokio::test]
async fn a_row_is_not_reached_through_its_partition() {
    let database = TestDatabase::new().await;
    let admin = database.pool().await;
    let app = database.pool_as("bb_app").await;
    let partition: String = sqlx::query_scalar(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'channel_messages'::regclass LIMIT 1",
    )
    .fetch_one(&admin)
    .await
    .unwrap();
    let direct = sqlx::query(AssertSqlSafe(format!("SELECT * FROM {partition}"))).execute(&app).await;
    assert_eq!(code(direct), "42501");
}

/// A month of a table that is long past, with messages in it. Gives the names of table and partition.
async fn old_month(admin: &PgPool, tenant: &Tenant, messages: i32) -> String {
    let (partition, first, next): (String, String, String) = sqlx::query_as(
        "SELECT 'channel_messages_' || to_char(m, 'YYYY_MM'), m::text, (m + interval '1 month')::text
           FROM (SELECT date_trunc('month', now(), 'UTC') - interval '15 months' AS m) month",
    )
    .fetch_one(admin)
    .await
    .unwrap();
    let statements = format!(
        "SET ROLE bb_owner;
         CREATE TABLE {partition} PARTITION OF channel_messages FOR VALUES FROM ('{first}') TO ('{next}');
         RESET ROLE;
         INSERT INTO channel_messages (id, created_at, organization_id, channel_id, conversation_id, direction,
                                       sender_type, status, text, payload)
         SELECT id, app.uuid_v7_ts(id), '{org}', '{channel}', '{conversation}', 'inbound', 'contact', 'received',
                'message ' || n, jsonb_build_object('n', n)
           FROM (SELECT n, app.uuid_v7_at('{first}'::timestamptz + n * interval '1 hour') AS id
                   FROM generate_series(1, {messages}) n) numbered",
        org = tenant.organization,
        channel = tenant.channel,
        conversation = tenant.conversation,
    );
    fixture::execute(admin, &statements).await;
    partition
}

/// The rows of a table as the export has them, one JSON object a line.
async fn lines(pool: &PgPool, source: &str) -> Vec<String> {
    let query = format!("SELECT to_jsonb(t)::text FROM {source} t ORDER BY t.created_at, t.id");
    sqlx::query_scalar(AssertSqlSafe(query)).fetch_all(pool).await.expect("the rows")
}

#[tokio::test]
async fn a_partition_is_exported_checked_detached_dropped_and_restored() {
    let database = TestDatabase::new().await;
    let admin = database.pool().await;
    let tenant = fixture::tenant(&admin, "acme").await;
    let partition = old_month(&admin, &tenant, 40).await;
    let purge = database.pool_as("bb_purge").await;

    let expired: Vec<(String, String, String)> =
        sqlx::query_as("SELECT parent_table, partition_name, then_action FROM app.expired_partitions()")
            .fetch_all(&purge)
            .await
            .unwrap();
    assert_eq!(expired, [("channel_messages".to_owned(), partition.clone(), "archive".to_owned())]);

    let archive = "SELECT app.archive_partition('channel_messages', $1)";
    assert_eq!(
        code(sqlx::query(archive).bind(&partition).execute(&purge).await),
        "55000",
        "not exported yet"
    );

    // The jobs role reads through the parent and writes the ledger.
    let source = "(SELECT * FROM channel_messages WHERE created_at < now() - interval '14 months')";
    let exported = lines(&purge, source).await;
    assert_eq!(exported.len(), 40);
    let ledger = "INSERT INTO partition_archives (parent_table, partition_name, range_start, range_end, row_count, bytes,
                                                  sha256, storage_key, state, exported_at)
                  SELECT 'channel_messages', $1, range_start, range_end, $2, $3, sha256(convert_to($4, 'UTF8')), $5,
                         'exported', now()
                    FROM app.expired_partitions() WHERE partition_name = $1";
    let object = exported.join("\n");
    sqlx::query(ledger)
        .bind(&partition)
        .bind(39_i64)
        .bind(i64::try_from(object.len()).unwrap())
        .bind(&object)
        .bind(format!("archive/{partition}.ndjson.zst"))
        .execute(&purge)
        .await
        .unwrap();
    assert_eq!(
        code(sqlx::query(archive).bind(&partition).execute(&purge).await),
        "55000",
        "one row is missing"
    );
    fixture::execute(&admin, "UPDATE partition_archives SET row_count = 40").await;
    let drop = "SELECT app.drop_partition('channel_messages', $1)";
    assert_eq!(code(sqlx::query(drop).bind(&partition).execute(&purge).await), "55000", "not detached yet");

    sqlx::query(archive).bind(&partition).execute(&purge).await.unwrap();
    let left: i64 =
        sqlx::query_scalar("SELECT count(*) FROM channel_messages").fetch_one(&purge).await.unwrap();
    assert_eq!(left, 0);
    assert_eq!(lines(&purge, &format!("archive.{partition}")).await, exported);
    let app = database.pool_as("bb_app").await;
    let hidden = sqlx::query(AssertSqlSafe(format!("SELECT * FROM archive.{partition}"))).execute(&app).await;
    assert_eq!(code(hidden), "42501");

    sqlx::query(drop).bind(&partition).execute(&purge).await.unwrap();
    assert_eq!(state(&admin).await, "dropped");

    sqlx::query("SELECT app.restore_partition('channel_messages', $1)")
        .bind(&partition)
        .execute(&purge)
        .await
        .unwrap();
    assert_eq!(state(&admin).await, "restored");
    let load = format!(
        "INSERT INTO archive.{partition} SELECT r.* FROM unnest($1::text[]) line,
                jsonb_populate_record(NULL::channel_messages, line::jsonb) r"
    );
    sqlx::query(AssertSqlSafe(load)).bind(&exported).execute(&purge).await.unwrap();
    assert_eq!(lines(&purge, &format!("archive.{partition}")).await, exported);
    sqlx::query(drop).bind(&partition).execute(&purge).await.unwrap();
}

async fn state(admin: &PgPool) -> String {
    sqlx::query_scalar("SELECT state FROM partition_archives").fetch_one(admin).await.expect("the ledger")
}

#[tokio::test]
async fn audit_months_keep_the_ends_of_their_chains() {
    let database = TestDatabase::new().await;
    let admin = database.pool().await;
    let tenant = fixture::tenant(&admin, "acme").await;
    let purge = database.pool_as("bb_purge").await;
    let statements = format!(
        "INSERT INTO audit_logs (id, created_at, organization_id, actor_type, action, resource_type)
         SELECT id, app.uuid_v7_ts(id), '{org}', 'system', 'bot.update', 'bot'
           FROM (SELECT app.uuid_v7_at(m + n * interval '1 second') AS id
                   FROM (VALUES (date_trunc('month', now(), 'UTC') - interval '1 month'), (now())) month (m),
                        generate_series(1, 4) n ORDER BY 1) ordered;
         INSERT INTO partition_archives (parent_table, partition_name, range_start, range_end, row_count, sha256,
                                         storage_key, state)
         SELECT 'audit_logs', 'audit_logs_' || to_char(m, 'YYYY_MM'), m, m + interval '1 month', 4, sha256(''), 'key',
                'exported' FROM (SELECT date_trunc('month', now(), 'UTC') - interval '1 month' AS m) month",
        org = tenant.organization
    );
    fixture::execute(&admin, &statements).await;

    sqlx::query("SELECT app.archive_partition(parent_table, partition_name) FROM partition_archives")
        .execute(&purge)
        .await
        .unwrap();
    let (first, last): (i64, i64) = sqlx::query_as(
        "SELECT (e.value ->> 'first_seq')::bigint, (e.value ->> 'last_seq')::bigint
           FROM partition_archives a, jsonb_each(a.chain_anchor) e",
    )
    .fetch_one(&admin)
    .await
    .unwrap();
    assert_eq!((first, last), (1, 4));
    // What is left is still verified, from where the archive ends.
    let mut tx = purge.begin().await.unwrap();
    let rest: Option<i64> = sqlx::query_scalar("SELECT app.audit_verify($1, 5)")
        .bind(tenant.organization)
        .fetch_one(&mut *tx)
        .await
        .unwrap();
    assert_eq!(rest, None);
}

#[tokio::test]
async fn months_that_keep_no_archive_are_dropped_only_when_expired() {
    let database = TestDatabase::new().await;
    let admin = database.pool().await;
    let purge = database.pool_as("bb_purge").await;
    let drop = "SELECT app.drop_partition('message_events', 'message_events_' || to_char(now() - $1::interval, 'YYYY_MM'))";
    let current = sqlx::query(drop).bind("0 days").execute(&purge).await;
    assert_eq!(code(current), "55000");

    fixture::execute(
        &admin,
        "DO $$ DECLARE m timestamptz := date_trunc('month', now(), 'UTC') - interval '6 months'; BEGIN
             EXECUTE format('CREATE TABLE message_events_%s PARTITION OF message_events FOR VALUES FROM (%L) TO (%L)',
                            to_char(m, 'YYYY_MM'), m, m + interval '1 month');
             EXECUTE format('ALTER TABLE message_events_%s OWNER TO bb_owner', to_char(m, 'YYYY_MM'));
         END $$",
    )
    .await;
    let before = count_partitions(&admin).await;
    let name: String = sqlx::query_scalar("SELECT partition_name FROM app.expired_partitions()")
        .fetch_one(&purge)
        .await
        .unwrap();
    sqlx::query("SELECT app.drop_partition('message_events', $1)").bind(&name).execute(&purge).await.unwrap();
    assert_eq!(count_partitions(&admin).await, before - 1);
    let wrong = sqlx::query("SELECT app.drop_partition('message_events', 'users')").execute(&purge).await;
    assert_eq!(code(wrong), "22023");
}

async fn count_partitions(admin: &PgPool) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM pg_inherits WHERE inhparent = 'message_events'::regclass")
        .fetch_one(admin)
        .await
        .expect("the partitions")
}
