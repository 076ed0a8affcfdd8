//! The checklist of the data dictionary, one test a line (lines 20 to 24 are in the modules of their subject).
//! The dictionary counts 101 tables and 8 partitioned ones; with `message_events` and `conversation_turns` it is two more
//! of each, and `nlu_trainings`, `turn_circumstances`, `flow_secrets` and `channel_contact_addresses` are four more tables.

use botbuilder_testkit::database::TestDatabase;
use sqlx::{AssertSqlSafe, PgPool};

async fn count(pool: &PgPool, query: &str) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(query))
        .fetch_one(pool)
        .await
        .unwrap_or_else(|error| panic!("{query}: {error}"))
}

/// The first columns of the rows a query returns, as text.
async fn rows(pool: &PgPool, query: &str) -> Vec<String> {
    sqlx::query_scalar(AssertSqlSafe(query))
        .fetch_all(pool)
        .await
        .unwrap_or_else(|error| panic!("{query}: {error}"))
}

#[tokio::test]
async fn relations_are_those_of_the_dictionary() {
    let database = TestDatabase::new().await;
    let pool = database.pool().await;

    let tables =
        "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r','p')
                    AND NOT relispartition AND relname <> '_sqlx_migrations'";
    assert_eq!(count(&pool, tables).await, 107);
    let views = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'v'";
    assert_eq!(count(&pool, views).await, 4);
    let materialized =
        "SELECT count(*) FROM pg_class WHERE relnamespace = 'analytics'::regnamespace AND relkind = 'm'";
    assert_eq!(count(&pool, materialized).await, 6);
}

#[tokio::test]
async fn keys_indexes_functions_and_triggers_are_those_of_the_dictionary() {
    let database = TestDatabase::new().await;
    let pool = database.pool().await;

    let foreign_keys = "SELECT count(*) FROM pg_constraint
                         WHERE contype = 'f' AND conparentid = 0 AND connamespace = 'public'::regnamespace";
    assert_eq!(count(&pool, foreign_keys).await, 315);
    let indexes = "SELECT count(*) FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid
                    WHERE t.relnamespace = 'public'::regnamespace AND NOT t.relispartition AND t.relkind IN ('r','p')";
    assert!(count(&pool, indexes).await >= 580);
    // Those of the dictionary, and three of the outbox for what waits in it, two of its events, three of trainings,
    // two of files, one of messages that are held, one of sessions that a provider ends, and one of business accounts.
    assert_eq!(
        count(&pool, &format!("{indexes} AND i.indpred IS NOT NULL")).await,
        165 + 3 + 2 + 3 + 2 + 1 + 1 + 1
    );
    let functions = "SELECT count(DISTINCT proname) FROM pg_proc WHERE pronamespace = 'app'::regnamespace";
    assert!(count(&pool, functions).await >= 30);
    let triggers = "SELECT count(*) FROM pg_trigger g JOIN pg_class t ON t.oid = g.tgrelid
                     WHERE NOT g.tgisinternal AND g.tgparentid = 0 AND t.relnamespace = 'public'::regnamespace";
    assert!(count(&pool, triggers).await >= 77 + 11 + 10);
    let access = |method: &str| {
        format!(
            "SELECT count(*) FROM pg_class c JOIN pg_am a ON a.oid = c.relam WHERE c.relkind IN ('i','I')
                AND c.relnamespace = 'public'::regnamespace AND NOT c.relispartition AND a.amname = '{method}'"
        )
    };
    assert_eq!(count(&pool, &access("hnsw")).await, 3);
    assert_eq!(count(&pool, &access("gin")).await, 18);
}

#[tokio::test]
async fn every_partitioned_table_has_partitions_and_no_default() {
    let database = TestDatabase::new().await;
    let pool = database.pool().await;

    let parents: Vec<(String, i64, bool)> = sqlx::query_as(
        "SELECT p.partrelid::regclass::text, count(h.inhrelid), p.partdefid <> 0
           FROM pg_partitioned_table p LEFT JOIN pg_inherits h ON h.inhparent = p.partrelid
          GROUP BY p.partrelid, p.partdefid",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    assert_eq!(parents.len(), 10);
    for (parent, partitions, has_default) in parents {
        assert!(partitions >= 4, "{parent} has {partitions} partitions");
        assert!(!has_default, "{parent} has a default partition");
    }
}

#[tokio::test]
async fn every_tenant_table_has_forced_row_security_and_a_policy() {
    let database = TestDatabase::new().await;
    let pool = database.pool().await;

    let unprotected = rows(
        &pool,
        "SELECT c.relname::text FROM pg_class c
           JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'organization_id'
          WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r','p') AND NOT c.relispartition
            AND NOT (c.relrowsecurity AND c.relforcerowsecurity)",
    )
    .await;
    assert!(unprotected.is_empty(), "{unprotected:?}");
    let without_policy = rows(
        &pool,
        "SELECT c.relname::text FROM pg_class c
          WHERE c.relrowsecurity AND NOT EXISTS (SELECT 1 FROM pg_policy p WHERE p.polrelid = c.oid)",
    )
    .await;
    assert!(without_policy.is_empty(), "{without_policy:?}");
}

#[tokio::test]
async fn the_application_has_no_grant_on_partitions_and_platform_tables() {
    let database = TestDatabase::new().await;
    let pool = database.pool().await;

    let reachable = rows(
        &pool,
        "SELECT c.relname::text FROM pg_class c
          WHERE (c.relispartition AND c.relkind = 'r'
                 OR c.relname IN ('admin_audit_log', 'admin_ip_whitelist', 'admin_login_attempts', 'admin_sessions',
                                  'audit_chain_heads', 'partition_archives')
                 OR c.relnamespace IN ('analytics'::regnamespace, 'archive'::regnamespace))
            AND c.relkind IN ('r', 'p', 'm')
            AND has_table_privilege('bb_app', c.oid, 'SELECT, INSERT, UPDATE, DELETE')",
    )
    .await;
    assert!(reachable.is_empty(), "{reachable:?}");
}

#[tokio::test]
async fn foreign_keys_between_tenant_tables_carry_the_organization_and_an_index() {
    let database = TestDatabase::new().await;
    let pool = database.pool().await;

    let plain = rows(
        &pool,
        "SELECT k.conname::text FROM pg_constraint k
           JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attname = 'organization_id' AND a.attnotnull
           JOIN pg_attribute b ON b.attrelid = k.confrelid AND b.attname = 'organization_id' AND b.attnotnull
          WHERE k.contype = 'f' AND k.conparentid = 0 AND NOT (a.attnum = ANY (k.conkey))",
    )
    .await;
    assert!(plain.is_empty(), "{plain:?}");
    let without_index = rows(
        &pool,
        "SELECT k.conname::text FROM pg_constraint k
          WHERE k.contype = 'f' AND k.conparentid = 0
            AND NOT (k.confrelid = 'users'::regclass AND k.confdeltype = 'n')
            AND NOT EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = k.conrelid AND i.indpred IS NULL
                 AND (i.indkey[0] = k.conkey[array_upper(k.conkey, 1)]
                      OR (i.indkey[1] = k.conkey[array_upper(k.conkey, 1)] AND i.indkey[0] = k.conkey[1])))",
    )
    .await;
    assert!(without_index.is_empty(), "{without_index:?}");
}

#[tokio::test]
async fn columns_keep_the_rules_of_the_house() {
    let database = TestDatabase::new().await;
    let pool = database.pool().await;

    let open_status = rows(
        &pool,
        "SELECT c.relname::text FROM pg_class c
           JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'status'
          WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r','p') AND NOT c.relispartition
            AND NOT EXISTS (SELECT 1 FROM pg_constraint k
                             WHERE k.conrelid = c.oid AND k.contype = 'c' AND a.attnum = ANY (k.conkey))",
    )
    .await;
    assert!(open_status.is_empty(), "status without check: {open_status:?}");
    let wrong_types = rows(
        &pool,
        "SELECT table_name || '.' || column_name FROM information_schema.columns
          WHERE table_schema = 'public' AND table_name <> '_sqlx_migrations'
            AND (data_type IN ('timestamp without time zone', 'json') OR column_default LIKE 'nextval(%')",
    )
    .await;
    assert!(wrong_types.is_empty(), "{wrong_types:?}");
    let clear_secrets = rows(
        &pool,
        "SELECT table_name || '.' || column_name FROM information_schema.columns
          WHERE table_schema = 'public' AND data_type IN ('text', 'character varying')
            AND column_name ~ '(password|_secret|credentials|token)$'
            AND column_name NOT IN ('domain_token', 'verification_token')",
    )
    .await;
    assert!(clear_secrets.is_empty(), "{clear_secrets:?}");
    let without_comment = rows(
        &pool,
        "SELECT c.relname::text FROM pg_class c
          WHERE c.relnamespace IN ('public'::regnamespace, 'analytics'::regnamespace) AND c.relkind IN ('r','p','v','m')
            AND NOT c.relispartition AND c.relname <> '_sqlx_migrations' AND obj_description(c.oid) IS NULL",
    )
    .await;
    assert!(without_comment.is_empty(), "{without_comment:?}");
}

/// Functions that run with another's rights are the usual leak, so they are on this list or they are a mistake.
#[tokio::test]
async fn security_definers_are_known_pinned_and_not_for_everybody() {
    let database = TestDatabase::new().await;
    let pool = database.pool().await;

    let definers: Vec<(String, String, bool)> = sqlx::query_as(
        "SELECT p.proname::text, r.rolname::text,
                EXISTS (SELECT FROM unnest(p.proconfig) c WHERE c LIKE 'search_path=pg_catalog, %pg_temp')
           FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner
          WHERE p.prosecdef ORDER BY 1",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    let by_owner = |owner: &str| -> Vec<&str> {
        definers.iter().filter(|d| d.1 == owner).map(|d| d.0.as_str()).collect()
    };
    assert_eq!(
        by_owner("bb_owner"),
        [
            "archive_partition",
            "drop_partition",
            "ensure_partitions",
            "ensure_vector_index",
            "restore_partition"
        ]
    );
    assert_eq!(
        by_owner("bb_definer"),
        [
            "analytics",
            "audit_append",
            "audit_verify",
            "can_create",
            "effective_limits",
            "last_owner_guard",
            "lookup_channel",
            "lookup_channel_account",
            "lookup_domain",
            "lookup_host",
            "lookup_token",
            "lookup_widget",
            "members_seen",
            "plan_limit",
            "plugin_installs_sync",
            "plugin_rating_sync",
            "refresh_analytics",
            "reply_to_review",
            "report_review",
            "review_is_helpful",
            "search_chunks",
            "search_contacts",
            "search_examples",
            "search_messages",
            "search_plugins",
            "usage_total",
        ]
    );
    assert_eq!(definers.len(), 5 + 26);
    for (name, _, pinned) in &definers {
        assert!(pinned, "{name} does not pin its search path");
    }
    let public = rows(
        &pool,
        "SELECT p.oid::regprocedure::text FROM pg_proc p
          WHERE p.pronamespace = 'app'::regnamespace AND has_function_privilege('public', p.oid, 'EXECUTE')",
    )
    .await;
    assert!(public.is_empty(), "{public:?}");
    let foreign_owner = rows(
        &pool,
        "SELECT c.relname::text FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner
          WHERE c.relnamespace IN ('public'::regnamespace, 'analytics'::regnamespace) AND c.relkind IN ('r','p','v','m')
            AND c.relname <> '_sqlx_migrations'
            AND r.rolname <> CASE c.relkind WHEN 'm' THEN 'bb_definer' ELSE 'bb_owner' END",
    )
    .await;
    assert!(foreign_owner.is_empty(), "{foreign_owner:?}");
    let mighty = rows(&pool, "SELECT rolname::text FROM pg_roles WHERE rolname ~ '^bb_' AND (rolsuper OR rolbypassrls OR rolcanlogin)").await;
    assert!(mighty.is_empty(), "{mighty:?}");
}
