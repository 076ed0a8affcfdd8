//! What the triggers promise.

use botbuilder_testkit::database::TestDatabase;
use sqlx::{AssertSqlSafe, postgres::PgListener};
use std::time::Duration;
use uuid::Uuid;

use crate::fixture::{self, code};

#[tokio::test]
async fn updates_are_stamped_and_numbered() {
    let database = TestDatabase::new().await;
    let admin = database.pool().await;
    let acme = fixture::tenant(&admin, "acme").await;
    let (stamped, version): (bool, i32) = sqlx::query_as(
        "UPDATE bots SET name = 'New', lock_version = 40, updated_at = '2000-01-01' WHERE id = $1
         RETURNING updated_at = now(), lock_version",
    )
    .bind(acme.bot)
    .fetch_one(&admin)
    .await
    .unwrap();
    assert!(stamped);
    assert_eq!(version, 2, "the number is the database's, not the writer's");
}

#[tokio::test]
async fn an_organization_keeps_an_active_owner() {
    let database = TestDatabase::new().await;
    let admin = database.pool().await;
    let acme = fixture::tenant(&admin, "acme").await;
    let app = database.pool_as("bb_app").await;

    for change in [
        "UPDATE organization_members SET status = 'removed'",
        "UPDATE organization_members SET role_id = (SELECT id FROM roles WHERE code = 'admin')",
    ] {
        let mut tx = fixture::begin(&app, acme.organization).await;
        sqlx::query(change).execute(&mut *tx).await.unwrap();
        // The guard must not be fooled by a context that has moved on.
        fixture::enter(&mut tx, "").await;
        assert_eq!(code(tx.commit().await), "23514", "{change}");
    }
    // Handing over in one transaction is fine, in whichever order.
    let heir = fixture::id();
    fixture::execute(
        &admin,
        &format!("INSERT INTO users (id, email, name) VALUES ('{heir}', 'heir@acme.test', 'Heir')"),
    )
    .await;
    let mut tx = fixture::begin(&app, acme.organization).await;
    sqlx::query("UPDATE organization_members SET role_id = (SELECT id FROM roles WHERE code = 'member')")
        .execute(&mut *tx)
        .await
        .unwrap();
    sqlx::query(
        "INSERT INTO organization_members (organization_id, user_id, role_id)
         SELECT $1, $2, id FROM roles WHERE code = 'owner'",
    )
    .bind(acme.organization)
    .bind(heir)
    .execute(&mut *tx)
    .await
    .unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn versions_of_an_object_are_numbered_and_never_change() {
    let database = TestDatabase::new().await;
    let admin = database.pool().await;
    let acme = fixture::tenant(&admin, "acme").await;
    let app = database.pool_as("bb_app").await;

    let (one, two) = (fixture::id(), fixture::id());
    let mut numbers = Vec::new();
    for entity in [one, two, one, one] {
        let mut tx = fixture::begin(&app, acme.organization).await;
        let number: i32 = sqlx::query_scalar(
            "INSERT INTO entity_versions (organization_id, entity_type, entity_id, version, data_hash)
             VALUES ($1, 'agent', $2, 99, sha256('')) RETURNING version",
        )
        .bind(acme.organization)
        .bind(entity)
        .fetch_one(&mut *tx)
        .await
        .unwrap();
        tx.commit().await.unwrap();
        numbers.push(number);
    }
    assert_eq!(numbers, [1, 1, 2, 3]);
    assert_eq!(code(sqlx::query("UPDATE entity_versions SET message = 'x'").execute(&admin).await), "23001");
    let mut tx = fixture::begin(&app, acme.organization).await;
    let broken = sqlx::query(
        "INSERT INTO entity_versions (organization_id, entity_type, entity_id, version, data_hash, data)
         VALUES ($1, 'bot_flow', $2, 1, sha256(''), '{\"schema\": 1, \"nodes\": [], \"edges\": []}')",
    )
    .bind(acme.organization)
    .bind(one)
    .execute(&mut *tx)
    .await;
    assert_eq!(code(broken), "23514");
}

/// Purging an account empties the references to it, also in tables that are append-only; nothing else changes there.
#[tokio::test]
async fn a_purged_account_leaves_its_versions() {
    let database = TestDatabase::new().await;
    let admin = database.pool().await;
    let acme = fixture::tenant(&admin, "acme").await;
    let author = fixture::id();
    fixture::execute(
        &admin,
        &format!(
            "INSERT INTO users (id, email, name) VALUES ('{author}', 'author@acme.test', 'Author');
             INSERT INTO entity_versions (organization_id, entity_type, entity_id, version, data_hash, created_by)
                 VALUES ('{}', 'agent', '{author}', 1, sha256(''), '{author}')",
            acme.organization
        ),
    )
    .await;
    let purge = database.pool_as("bb_purge").await;
    sqlx::query("DELETE FROM users WHERE id = $1").bind(author).execute(&purge).await.unwrap();
    let author: Option<Uuid> =
        sqlx::query_scalar("SELECT created_by FROM entity_versions").fetch_one(&admin).await.unwrap();
    assert_eq!(author, None);
}

#[tokio::test]
async fn campaign_messages_only_move_forward() {
    let database = TestDatabase::new().await;
    let admin = database.pool().await;
    let acme = fixture::tenant(&admin, "acme").await;
    let campaign = fixture::id();
    fixture::execute(
        &admin,
        &format!(
            "INSERT INTO recovery_campaigns (id, organization_id, name, kind) VALUES ('{campaign}', '{org}', 'c', 'winback');
             INSERT INTO recovery_messages (organization_id, campaign_id, event_id, event_created_at, customer_ref, step_no,
                                            channel_kind, body, tracking_hash, scheduled_at)
                 VALUES ('{org}', '{campaign}', '{campaign}', now(), 'c-1', 1, 'email', 'hello', sha256('t'), now())",
            org = acme.organization
        ),
    )
    .await;
    let steps = [
        ("queued", "queued"),
        ("sent", "sent"),
        ("queued", "sent"),
        ("clicked", "clicked"),
        ("opened", "clicked"),
        ("converted", "converted"),
        ("sent", "converted"),
        ("unsubscribed", "unsubscribed"),
        ("sent", "unsubscribed"),
        ("converted", "unsubscribed"),
    ];
    for (wanted, reached) in steps {
        let status: String = sqlx::query_scalar("UPDATE recovery_messages SET status = $1 RETURNING status")
            .bind(wanted)
            .fetch_one(&admin)
            .await
            .unwrap();
        assert_eq!(status, reached, "after asking for {wanted}");
    }
    let stamped: bool = sqlx::query_scalar(
        "SELECT sent_at IS NOT NULL AND delivered_at IS NOT NULL AND clicked_at IS NOT NULL FROM recovery_messages",
    )
    .fetch_one(&admin)
    .await
    .unwrap();
    assert!(stamped);
}

#[tokio::test]
async fn a_published_release_is_frozen_and_rated() {
    let database = TestDatabase::new().await;
    let admin = database.pool().await;
    let acme = fixture::tenant(&admin, "acme").await;
    let other = fixture::tenant(&admin, "other").await;
    let (plugin, version) = (fixture::id(), fixture::id());
    fixture::execute(
        &admin,
        &format!(
            "INSERT INTO plugins (id, publisher_organization_id, category_id, slug, name, summary, kind)
                 SELECT '{plugin}', '{}', id, 'weather', 'Weather', 'Tells the weather', 'tool'
                   FROM plugin_categories WHERE slug = 'tools';
             INSERT INTO plugin_versions (id, plugin_id, version, runtime, status) VALUES ('{version}', '{plugin}', '1.0.0', 'http', 'published');
             UPDATE plugins SET status = 'published', latest_version_id = '{version}'",
            acme.organization
        ),
    )
    .await;
    for change in
        ["changelog = 'x'", "status = 'draft'", "permissions = '{x}'", "manifest = '{\"name\": \"x\"}'"]
    {
        let refused =
            sqlx::query(AssertSqlSafe(format!("UPDATE plugin_versions SET {change}"))).execute(&admin).await;
        assert_eq!(code(refused), "23001", "{change}");
    }
    fixture::execute(
        &admin,
        "UPDATE plugin_versions SET status = 'yanked', yanked_at = now(), yanked_reason = 'leak'",
    )
    .await;

    // A review by another organization changes the publisher's row, and only its rating.
    let app = database.pool_as("bb_app").await;
    for (tenant, rating) in [(&acme, 5), (&other, 2)] {
        let mut tx = fixture::begin(&app, tenant.organization).await;
        sqlx::query("INSERT INTO plugin_reviews (organization_id, plugin_id, user_id, rating) VALUES ($1, $2, $3, $4)")
            .bind(tenant.organization)
            .bind(plugin)
            .bind(tenant.owner)
            .bind(rating)
            .execute(&mut *tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }
    let rating = "SELECT rating_avg::text, rating_count FROM plugins";
    let rated: (String, i32) = sqlx::query_as(rating).fetch_one(&admin).await.unwrap();
    assert_eq!(rated, ("3.50".into(), 2));
    fixture::execute(&admin, "UPDATE plugin_reviews SET status = 'hidden' WHERE rating = 2").await;
    let rated: (String, i32) = sqlx::query_as(rating).fetch_one(&admin).await.unwrap();
    assert_eq!(rated, ("5.00".into(), 1));
    // The other organization reads the plugin and the visible review, and writes neither.
    let mut tx = fixture::begin(&app, other.organization).await;
    let reviews: i64 =
        sqlx::query_scalar("SELECT count(*) FROM plugin_reviews").fetch_one(&mut *tx).await.unwrap();
    assert_eq!(reviews, 2, "its own hidden one and the visible one");
    let touched = sqlx::query("UPDATE plugins SET name = 'x'").execute(&mut *tx).await.unwrap();
    assert_eq!(touched.rows_affected(), 0);
}

#[tokio::test]
async fn health_changes_leave_a_history() {
    let database = TestDatabase::new().await;
    let admin = database.pool().await;
    let acme = fixture::tenant(&admin, "acme").await;
    let app = database.pool_as("bb_app").await;
    let mut tx = fixture::begin(&app, acme.organization).await;
    sqlx::query(
        "INSERT INTO customer_health_scores (organization_id, customer_ref, score, grade, churn_probability, risk, next_calculation_at)
         VALUES ($1, 'c-1', 70, 'B', 0.1, 'low', now())",
    )
    .bind(acme.organization)
    .execute(&mut *tx)
    .await
    .unwrap();
    for change in ["email = 'c@example.test'", "score = 55, grade = 'C', risk = 'medium'", "score = 55"] {
        sqlx::query(AssertSqlSafe(format!("UPDATE customer_health_scores SET {change}")))
            .execute(&mut *tx)
            .await
            .unwrap();
    }
    let history: Vec<(i32, i32)> =
        sqlx::query_as("SELECT score, delta FROM customer_health_score_history ORDER BY recorded_at")
            .fetch_all(&mut *tx)
            .await
            .unwrap();
    assert_eq!(history, [(70, 0), (55, -15)]);
}

#[tokio::test]
async fn a_template_is_built_in_or_ones_own() {
    let database = TestDatabase::new().await;
    let admin = database.pool().await;
    let acme = fixture::tenant(&admin, "acme").await;
    let other = fixture::tenant(&admin, "other").await;
    let foreign = fixture::id();
    fixture::execute(
        &admin,
        &format!(
            "INSERT INTO voice_bot_templates (id, organization_id, slug, name, prompt) VALUES ('{foreign}', '{}', 'x', 'x', 'x')",
            other.organization
        ),
    )
    .await;
    let app = database.pool_as("bb_app").await;
    let create = "INSERT INTO voice_bot_creations (organization_id, template_id) VALUES ($1, $2)";
    let mut tx = fixture::begin(&app, acme.organization).await;
    let built_in: Uuid = sqlx::query_scalar("SELECT id FROM voice_bot_templates WHERE slug = 'support'")
        .fetch_one(&mut *tx)
        .await
        .unwrap();
    sqlx::query(create).bind(acme.organization).bind(built_in).execute(&mut *tx).await.unwrap();
    let visible: i64 =
        sqlx::query_scalar("SELECT count(*) FROM voice_bot_templates").fetch_one(&mut *tx).await.unwrap();
    assert_eq!(visible, 6);
    let refused = sqlx::query(create).bind(acme.organization).bind(foreign).execute(&mut *tx).await;
    assert_eq!(code(refused), "23503");
}

#[tokio::test]
async fn the_relay_is_woken_unless_the_writer_publishes_itself() {
    let database = TestDatabase::new().await;
    let admin = database.pool().await;
    let acme = fixture::tenant(&admin, "acme").await;
    let app = database.pool_as("bb_app").await;
    let mut listener = PgListener::connect(database.url()).await.unwrap();
    listener.listen("outbox").await.unwrap();
    let insert = "INSERT INTO outbox_events (organization_id, topic, partition_key, event_type)
                  SELECT $1, 'outbound', 'k', 'message.queued' FROM generate_series(1, 3)";

    let mut tx = fixture::begin(&app, acme.organization).await;
    sqlx::query("SELECT set_config('app.outbox_quiet', 'on', true)").execute(&mut *tx).await.unwrap();
    sqlx::query(insert).bind(acme.organization).execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = fixture::begin(&app, acme.organization).await;
    sqlx::query(insert).bind(acme.organization).execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    // Notifications come in the order of commits, so the mark proves that there was one before it, not two.
    fixture::execute(&admin, "NOTIFY outbox, 'mark'").await;
    let mut heard = Vec::new();
    while heard.last().map(String::as_str) != Some("mark") {
        let next = tokio::time::timeout(Duration::from_secs(10), listener.recv())
            .await
            .expect("a notification")
            .unwrap();
        heard.push(next.payload().to_owned());
    }
    assert_eq!(heard, ["", "mark"]);
}
