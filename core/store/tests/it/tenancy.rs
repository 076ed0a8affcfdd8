//! Tenants do not meet: lines 21 and 22 of the checklist, with real rows in every tenant table.

use botbuilder_testkit::database::TestDatabase;
use sqlx::{AssertSqlSafe, PgPool};
use uuid::Uuid;

use crate::fixture::{self, code};

/// A row of each of two organizations in every table that has `organization_id`. Checks, references and triggers are
/// switched off for it: this is about who sees rows, not about what they hold.
async fn fill_every_table(admin: &PgPool, organizations: [Uuid; 2]) -> Vec<String> {
    fixture::execute(
        admin,
        "DO $$ DECLARE c record; BEGIN
             FOR c IN SELECT conrelid::regclass AS relation, conname FROM pg_constraint
                       WHERE contype = 'c' AND connamespace = 'public'::regnamespace AND conparentid = 0
                         AND coninhcount = 0 LOOP
                 EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', c.relation, c.conname);
             END LOOP;
         END $$",
    )
    .await;
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT c.relname::text FROM pg_class c
           JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'organization_id'
          WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
          ORDER BY 1",
    )
    .fetch_all(admin)
    .await
    .unwrap();
    for table in &tables {
        for (number, organization) in organizations.iter().enumerate() {
            let (columns, values): (String, String) = sqlx::query_as(
                "SELECT string_agg(quote_ident(a.attname), ', '),
                        string_agg(CASE
                            WHEN a.attname = 'organization_id' THEN quote_literal($2)
                            WHEN a.attname = 'created_at' THEN 'now()'
                            ELSE CASE format_type(a.atttypid, NULL)
                                WHEN 'uuid' THEN 'gen_random_uuid()'
                                WHEN 'timestamp with time zone' THEN 'now()'
                                WHEN 'boolean' THEN 'false'
                                WHEN 'bytea' THEN 'sha256(''' || $3 || ''')'
                                WHEN 'jsonb' THEN '''{}'''
                                WHEN 'inet' THEN '''192.0.2.1'''
                                ELSE quote_literal($3) END
                            END, ', ')
                   FROM pg_attribute a
                  WHERE a.attrelid = $1::regclass AND a.attnum > 0 AND a.attgenerated = '' AND a.attidentity = ''
                    AND (a.attname IN ('organization_id', 'created_at') OR (a.attnotnull AND NOT a.atthasdef))",
            )
            .bind(table)
            .bind(organization.to_string())
            .bind(number.to_string())
            .fetch_one(admin)
            .await
            .unwrap();
            fixture::execute(
                admin,
                &format!(
                    "SET session_replication_role = replica;
                     INSERT INTO {table} ({columns}) VALUES ({values});
                     SET session_replication_role = DEFAULT"
                ),
            )
            .await;
        }
    }
    // Visible reviews are for everybody, whoever wrote them.
    fixture::execute(admin, "UPDATE plugin_reviews SET status = 'hidden'").await;
    tables
}

#[tokio::test]
async fn a_tenant_sees_its_rows_and_no_others_in_every_table() {
    let database = TestDatabase::new().await;
    let admin = database.pool().await;
    let (acme, other) = (fixture::id(), fixture::id());
    let tables = fill_every_table(&admin, [acme, other]).await;
    assert!(tables.len() >= 86, "{}", tables.len());
    let app = database.pool_as("bb_app").await;

    for table in &tables {
        // Built-in templates are for everybody; what counts is whose row is seen.
        let seen = format!(
            "SELECT coalesce(array_agg(DISTINCT organization_id), '{{}}') FROM {table} WHERE organization_id IS NOT NULL"
        );
        for context in [None, Some(String::new())] {
            let mut tx = app.begin().await.unwrap();
            if let Some(context) = &context {
                fixture::enter(&mut tx, context).await;
            }
            let none: Vec<Uuid> = sqlx::query_scalar(AssertSqlSafe(seen.clone()))
                .fetch_one(&mut *tx)
                .await
                .unwrap_or_else(|error| panic!("{table}: {error}"));
            assert!(none.is_empty(), "{table} shows rows without a tenant");
        }
        let mut tx = fixture::begin(&app, acme).await;
        let own: Vec<Uuid> = sqlx::query_scalar(AssertSqlSafe(seen)).fetch_one(&mut *tx).await.unwrap();
        assert_eq!(own, [acme], "{table}");

        let may_update: bool = sqlx::query_scalar("SELECT has_table_privilege('bb_app', $1, 'UPDATE')")
            .bind(table)
            .fetch_one(&admin)
            .await
            .unwrap();
        if may_update {
            let everywhere = format!("UPDATE {table} SET organization_id = organization_id");
            let touched =
                sqlx::query(AssertSqlSafe(everywhere)).execute(&mut *tx).await.unwrap().rows_affected();
            assert_eq!(touched, 1, "{table}: another tenant's row was updated");
            let given_away = format!("UPDATE {table} SET organization_id = '{other}'");
            assert_eq!(
                code(sqlx::query(AssertSqlSafe(given_away)).execute(&mut *tx).await),
                "42501",
                "{table}"
            );
        }
        let may_delete: bool = sqlx::query_scalar("SELECT has_table_privilege('bb_app', $1, 'DELETE')")
            .bind(table)
            .fetch_one(&admin)
            .await
            .unwrap();
        tx.rollback().await.unwrap();
        if may_delete {
            let mut tx = fixture::begin(&app, acme).await;
            let all = format!("DELETE FROM {table}");
            assert_eq!(
                sqlx::query(AssertSqlSafe(all)).execute(&mut *tx).await.unwrap().rows_affected(),
                1,
                "{table}"
            );
        }
    }
}

#[tokio::test]
async fn no_grant_lets_the_application_delete_what_is_soft_partitioned_or_append_only() {
    let database = TestDatabase::new().await;
    let admin = database.pool().await;
    // Recorded steps are no history that has to stay: they go with the contact who is erased.
    let deletable: Vec<String> = sqlx::query_scalar(
        "SELECT c.relname::text FROM pg_class c
          WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
            AND c.relname <> 'conversation_turns' AND has_table_privilege('bb_app', c.oid, 'DELETE')
            AND (c.relkind = 'p'
                 OR EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'deleted_at')
                 OR EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = 'forbid_mutation'))",
    )
    .fetch_all(&admin)
    .await
    .unwrap();
    assert!(deletable.is_empty(), "{deletable:?}");
}

/// Line 21 of the checklist: also where the policy would let the row in, the reference does not.
#[tokio::test]
async fn a_child_under_another_tenants_parent_is_refused() {
    let database = TestDatabase::new().await;
    let admin = database.pool().await;
    let acme = fixture::tenant(&admin, "acme").await;
    let other = fixture::tenant(&admin, "other").await;
    let app = database.pool_as("bb_app").await;
    let platform = database.pool_as("bb_admin").await;

    let org = acme.organization;
    let children = [
        format!("INSERT INTO channels (organization_id, bot_id, type, name, public_id) VALUES ('{org}', '{}', 'web', 'x', 'x')", other.bot),
        format!("INSERT INTO channel_contacts (organization_id, channel_id, external_id) VALUES ('{org}', '{}', '7')", other.channel),
        format!("INSERT INTO conversations (organization_id, channel_id, contact_id) VALUES ('{org}', '{}', '{}')", acme.channel, other.contact),
        format!("INSERT INTO conversations (organization_id, channel_id, contact_id, thread_ref, bot_id) VALUES ('{org}', '{}', '{}', 't2', '{}')", acme.channel, acme.contact, other.bot),
        format!(
            "INSERT INTO channel_messages (id, created_at, organization_id, channel_id, conversation_id, direction, sender_type, status)
             SELECT id, app.uuid_v7_ts(id), '{org}', '{}', '{}', 'inbound', 'contact', 'received' FROM app.uuid_v7() id",
            acme.channel, other.conversation
        ),
        format!("INSERT INTO channel_webhooks (organization_id, channel_id, event_type, dedupe_key, signature_valid, payload_hash) VALUES ('{org}', '{}', 'message', 'k', true, sha256(''))", other.channel),
        format!("INSERT INTO bot_flows (organization_id, bot_id, name) VALUES ('{org}', '{}', 'x')", other.bot),
        format!("INSERT INTO widget_configs (organization_id, bot_id, public_key) VALUES ('{org}', '{}', 'x')", other.bot),
        format!("INSERT INTO intents (organization_id, bot_id, name) VALUES ('{org}', '{}', 'x')", other.bot),
    ];
    for child in &children {
        let mut tx = fixture::begin(&app, org).await;
        let refused = sqlx::query(AssertSqlSafe(child.clone())).execute(&mut *tx).await;
        assert_eq!(code(refused), "23503", "{child}");
        let refused = sqlx::query(AssertSqlSafe(child.clone())).execute(&platform).await;
        assert_eq!(code(refused), "23503", "{child}");
    }
    let mut tx = fixture::begin(&app, org).await;
    let foreign =
        format!("INSERT INTO bots (organization_id, name, slug) VALUES ('{}', 'x', 'x')", other.organization);
    assert_eq!(code(sqlx::query(AssertSqlSafe(foreign)).execute(&mut *tx).await), "42501");
}

#[tokio::test]
async fn one_transaction_may_carry_the_turns_of_several_organizations() {
    let database = TestDatabase::new().await;
    let admin = database.pool().await;
    let acme = fixture::tenant(&admin, "acme").await;
    let other = fixture::tenant(&admin, "other").await;
    let app = database.pool_as("bb_app").await;

    let mut tx = fixture::begin(&app, acme.organization).await;
    fixture::queued_message(&mut tx, &acme).await;
    fixture::enter(&mut tx, &other.organization.to_string()).await;
    fixture::queued_message(&mut tx, &other).await;
    let visible: i64 =
        sqlx::query_scalar("SELECT count(*) FROM channel_messages").fetch_one(&mut *tx).await.unwrap();
    assert_eq!(visible, 1, "each organization's statements see its own rows");
    tx.commit().await.unwrap();
    let stored: i64 =
        sqlx::query_scalar("SELECT count(*) FROM channel_messages").fetch_one(&admin).await.unwrap();
    assert_eq!(stored, 2);
}

#[tokio::test]
async fn members_see_their_other_organizations_and_fellow_members_only() {
    let database = TestDatabase::new().await;
    let admin = database.pool().await;
    let acme = fixture::tenant(&admin, "acme").await;
    let other = fixture::tenant(&admin, "other").await;
    let stranger = fixture::tenant(&admin, "stranger").await;
    fixture::execute(
        &admin,
        &format!(
            "INSERT INTO organization_members (organization_id, user_id, role_id)
             SELECT '{}', '{}', id FROM roles WHERE code = 'member'",
            other.organization, acme.owner
        ),
    )
    .await;
    let app = database.pool_as("bb_app").await;

    let mut tx = fixture::begin(&app, acme.organization).await;
    sqlx::query("SELECT set_config('app.user_id', $1, true)")
        .bind(acme.owner.to_string())
        .execute(&mut *tx)
        .await
        .unwrap();
    let organizations: Vec<Uuid> =
        sqlx::query_scalar("SELECT id FROM organizations ORDER BY id").fetch_all(&mut *tx).await.unwrap();
    assert_eq!(organizations, [acme.organization, other.organization]);
    let people: Vec<Uuid> = sqlx::query_scalar("SELECT id FROM users").fetch_all(&mut *tx).await.unwrap();
    assert_eq!(people, [acme.owner]);
    let renamed = sqlx::query("UPDATE organizations SET name = 'x' WHERE id = $1")
        .bind(other.organization)
        .execute(&mut *tx)
        .await
        .unwrap();
    assert_eq!(renamed.rows_affected(), 0, "seen is not writable");

    let mut tx = fixture::begin(&app, other.organization).await;
    let mut people: Vec<Uuid> = sqlx::query_scalar("SELECT id FROM users").fetch_all(&mut *tx).await.unwrap();
    people.sort();
    let mut expected = vec![acme.owner, other.owner];
    expected.sort();
    assert_eq!(people, expected);
    assert!(!people.contains(&stranger.owner));
    let secret = sqlx::query("SELECT password_hash FROM users").execute(&mut *tx).await;
    assert_eq!(code(secret), "42501");
}

#[tokio::test]
async fn a_worker_polls_queues_and_nothing_else() {
    let database = TestDatabase::new().await;
    let admin = database.pool().await;
    let acme = fixture::tenant(&admin, "acme").await;
    fixture::tenant(&admin, "other").await;
    let app = database.pool_as("bb_app").await;
    let mut tx = fixture::begin(&app, acme.organization).await;
    fixture::queued_message(&mut tx, &acme).await;
    let outbox = "INSERT INTO outbox_events (organization_id, topic, partition_key, event_type)
                  VALUES ($1, 'outbound', 'k', 'message.queued')";
    sqlx::query(outbox).bind(acme.organization).execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();

    let worker = database.pool_as("bb_worker").await;
    let claimed = "UPDATE channel_messages SET claimed_until = now() + interval '1 minute', attempts = attempts + 1
                    WHERE id IN (SELECT id FROM channel_messages WHERE status = 'queued' AND next_attempt_at <= now()
                                  FOR UPDATE SKIP LOCKED)";
    assert_eq!(sqlx::query(claimed).execute(&worker).await.unwrap().rows_affected(), 1);
    let published = "UPDATE outbox_events SET published_at = now() WHERE published_at IS NULL";
    assert_eq!(sqlx::query(published).execute(&worker).await.unwrap().rows_affected(), 1);
    let timers: i64 =
        sqlx::query_scalar("SELECT count(*) FROM conversations").fetch_one(&worker).await.unwrap();
    assert_eq!(timers, 2);
    for forbidden in [
        "SELECT id FROM users",
        "SELECT id FROM bots",
        "SELECT id FROM channel_contacts",
        "UPDATE conversations SET mode = 'human'",
        "INSERT INTO outbox_events (topic, partition_key, event_type) VALUES ('x', 'x', 'a.b')",
        "DELETE FROM channel_messages",
    ] {
        assert_eq!(code(sqlx::query(forbidden).execute(&worker).await), "42501", "{forbidden}");
    }
}

#[tokio::test]
async fn look_ups_find_active_things_and_tell_ids_and_status_only() {
    let database = TestDatabase::new().await;
    let admin = database.pool().await;
    let acme = fixture::tenant(&admin, "acme").await;
    fixture::execute(
        &admin,
        &format!(
            "INSERT INTO widget_configs (organization_id, bot_id, public_key) VALUES ('{org}', '{bot}', 'wk-1');
             INSERT INTO api_tokens (organization_id, name, token_prefix, token_hash, last_four)
                 VALUES ('{org}', 't', 'bb_abc', sha256('secret'), 'cret')",
            org = acme.organization,
            bot = acme.bot
        ),
    )
    .await;
    let app = database.pool_as("bb_app").await;

    let channel: (Uuid, Uuid, Option<Uuid>, String, String) =
        sqlx::query_as("SELECT * FROM app.lookup_channel('ch-acme')").fetch_one(&app).await.unwrap();
    assert_eq!(
        channel,
        (acme.organization, acme.channel, Some(acme.bot), "telegram".into(), "active".into())
    );
    let account: (Uuid, Uuid, Option<Uuid>, String, String) =
        sqlx::query_as("SELECT * FROM app.lookup_channel_account('telegram', 'acme')")
            .fetch_one(&app)
            .await
            .unwrap();
    assert_eq!(account, channel);
    let (organization, bot, status): (Uuid, Uuid, String) =
        sqlx::query_as("SELECT organization_id, bot_id, status FROM app.lookup_widget('wk-1')")
            .fetch_one(&app)
            .await
            .unwrap();
    assert_eq!((organization, bot, status.as_str()), (acme.organization, acme.bot, "enabled"));
    let nothing =
        sqlx::query("SELECT * FROM app.lookup_channel('ch-nobody')").fetch_optional(&app).await.unwrap();
    assert!(nothing.is_none());

    let token = "SELECT status FROM app.lookup_token('bb_abc', sha256(convert_to($1, 'UTF8')))";
    assert_eq!(
        code(sqlx::query(token).bind("secret").execute(&app).await),
        "42501",
        "only bb_auth asks for tokens"
    );
    let auth = database.pool_as("bb_auth").await;
    let status: Option<String> =
        sqlx::query_scalar(token).bind("secret").fetch_optional(&auth).await.unwrap();
    assert_eq!(status.as_deref(), Some("active"));
    let wrong: Option<String> = sqlx::query_scalar(token).bind("guess").fetch_optional(&auth).await.unwrap();
    assert_eq!(wrong, None);
    fixture::execute(&admin, "UPDATE api_tokens SET revoked_at = now()").await;
    let status: Option<String> =
        sqlx::query_scalar(token).bind("secret").fetch_optional(&auth).await.unwrap();
    assert_eq!(status.as_deref(), Some("revoked"));
}

#[tokio::test]
async fn an_organization_can_be_purged_with_everything_in_it() {
    let database = TestDatabase::new().await;
    let admin = database.pool().await;
    let acme = fixture::tenant(&admin, "acme").await;
    let other = fixture::tenant(&admin, "other").await;
    for tenant in [&acme, &other] {
        fixture::execute(
            &admin,
            &format!(
                "INSERT INTO bot_flows (id, organization_id, bot_id, name) VALUES ('{flow}', '{org}', '{bot}', 'main');
                 INSERT INTO entity_versions (id, organization_id, entity_type, entity_id, version, data, data_hash)
                     VALUES ('{version}', '{org}', 'bot_flow', '{flow}', 1,
                             '{{\"schema\": 1, \"nodes\": [{{\"id\": \"s\", \"type\": \"start\"}}], \"edges\": []}}', sha256(''));
                 UPDATE bot_flows SET published_version_id = '{version}', status = 'published' WHERE id = '{flow}';
                 UPDATE conversations SET active_version_id = '{version}' WHERE organization_id = '{org}';
                 INSERT INTO fine_tuning_metrics (organization_id, job_id, step)
                     SELECT '{org}', j.id, 1 FROM fine_tune_jobs j WHERE false;",
                flow = fixture::id(),
                version = fixture::id(),
                org = tenant.organization,
                bot = tenant.bot
            ),
        )
        .await;
        let mut tx = admin.begin().await.unwrap();
        fixture::queued_message(&mut tx, tenant).await;
        tx.commit().await.unwrap();
    }
    let purge = database.pool_as("bb_purge").await;
    let gone = sqlx::query("DELETE FROM organizations WHERE id = $1")
        .bind(acme.organization)
        .execute(&purge)
        .await
        .unwrap();
    assert_eq!(gone.rows_affected(), 1);
    for table in [
        "bots",
        "bot_flows",
        "entity_versions",
        "channels",
        "channel_messages",
        "conversations",
        "organization_members",
    ] {
        let left: Vec<Uuid> =
            sqlx::query_scalar(AssertSqlSafe(format!("SELECT organization_id FROM {table}")))
                .fetch_all(&purge)
                .await
                .unwrap();
        assert_eq!(left, [other.organization], "{table}");
    }
}
