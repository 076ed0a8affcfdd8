//! Limits of plans, and the views over them.

use botbuilder_testkit::database::TestDatabase;
use sqlx::PgPool;
use tokio::sync::Barrier;
use uuid::Uuid;

use crate::fixture::{self, Tenant, code};

async fn subscribe(admin: &PgPool, tenant: &Tenant, plan: &str, status: &str, more: &str) {
    fixture::execute(
        admin,
        &format!(
            "DELETE FROM user_subscriptions WHERE organization_id = '{org}';
             INSERT INTO user_subscriptions (organization_id, user_id, plan_id, status, current_period_start, current_period_end {columns})
             SELECT '{org}', '{owner}', id, '{status}', now() - interval '5 days', now() + interval '25 days' {values}
               FROM subscription_plans WHERE code = '{plan}'",
            org = tenant.organization,
            owner = tenant.owner,
            columns = more.split_once('=').map_or(String::new(), |parts| format!(", {}", parts.0)),
            values = more.split_once('=').map_or(String::new(), |parts| format!(", {}", parts.1)),
        ),
    )
    .await;
}

async fn limit(app: &PgPool, organization: Uuid, metric: &str) -> Option<i64> {
    let mut tx = fixture::begin(app, organization).await;
    sqlx::query_scalar("SELECT app.plan_limit($1, $2)")
        .bind(organization)
        .bind(metric)
        .fetch_one(&mut *tx)
        .await
        .unwrap()
}

#[tokio::test]
async fn limits_are_those_of_an_entitled_subscription_else_of_the_free_plan() {
    let database = TestDatabase::new().await;
    let admin = database.pool().await;
    let acme = fixture::tenant(&admin, "acme").await;
    let app = database.pool_as("bb_app").await;
    let org = acme.organization;

    assert_eq!(limit(&app, org, "bots").await, Some(1), "no subscription");
    subscribe(&admin, &acme, "pro", "active", "").await;
    assert_eq!(limit(&app, org, "bots").await, Some(5));
    assert_eq!(limit(&app, org, "voice_second").await, Some(300 * 60));
    subscribe(&admin, &acme, "pro", "active", "limits_override='{\"bots\": 9}'::jsonb").await;
    assert_eq!(limit(&app, org, "bots").await, Some(9));
    subscribe(&admin, &acme, "enterprise", "trialing", "").await;
    assert_eq!(limit(&app, org, "bots").await, None);
    subscribe(&admin, &acme, "pro", "past_due", "grace_until=now() + interval '1 day'").await;
    assert_eq!(limit(&app, org, "bots").await, Some(5));
    subscribe(&admin, &acme, "pro", "past_due", "grace_until=now() - interval '1 day'").await;
    assert_eq!(limit(&app, org, "bots").await, Some(1));
    subscribe(&admin, &acme, "pro", "unpaid", "").await;
    assert_eq!(limit(&app, org, "bots").await, Some(1));

    let other = fixture::tenant(&admin, "other").await;
    let mut tx = fixture::begin(&app, other.organization).await;
    let refused = sqlx::query("SELECT app.plan_limit($1, 'bots')").bind(org).execute(&mut *tx).await;
    assert_eq!(code(refused), "42501");
}

/// Asks for a place, takes it if there is one, and keeps its transaction open until both have asked.
async fn create_bot(app: &PgPool, tenant: &Tenant, slug: &str, start: &Barrier) -> bool {
    let mut tx = fixture::begin(app, tenant.organization).await;
    start.wait().await;
    let free: bool = sqlx::query_scalar("SELECT app.can_create($1, 'bots')")
        .bind(tenant.organization)
        .fetch_one(&mut *tx)
        .await
        .expect("an answer");
    if free {
        sqlx::query("INSERT INTO bots (organization_id, name, slug) VALUES ($1, 'x', $2)")
            .bind(tenant.organization)
            .bind(slug)
            .execute(&mut *tx)
            .await
            .expect("the bot");
    }
    tx.commit().await.expect("the commit");
    free
}

#[tokio::test]
async fn two_requests_cannot_take_the_last_place() {
    let database = TestDatabase::new().await;
    let admin = database.pool().await;
    let acme = fixture::tenant(&admin, "acme").await;
    let app = database.pool_as("bb_app").await;
    // The tenant has one bot already.
    subscribe(&admin, &acme, "pro", "active", "limits_override='{\"bots\": 2}'::jsonb").await;
    for round in 0..10 {
        fixture::execute(&admin, "DELETE FROM bots WHERE slug LIKE 'new-%'").await;
        let start = Barrier::new(2);
        let (one, two) =
            tokio::join!(create_bot(&app, &acme, "new-1", &start), create_bot(&app, &acme, "new-2", &start));
        assert!(one != two, "round {round}: {one} and {two}");
    }
}

#[tokio::test]
async fn open_invitations_hold_seats_until_they_are_accepted() {
    let database = TestDatabase::new().await;
    let admin = database.pool().await;
    let acme = fixture::tenant(&admin, "acme").await;
    subscribe(&admin, &acme, "free", "active", "").await;
    let auth = database.pool_as("bb_auth").await;
    let may = async |resource: &str| -> bool {
        sqlx::query_scalar("SELECT app.can_create($1, $2)")
            .bind(acme.organization)
            .bind(resource)
            .fetch_one(&auth)
            .await
            .unwrap()
    };
    assert!(may("seats").await);
    fixture::execute(
        &admin,
        &format!(
            "INSERT INTO team_invitations (organization_id, email, role_id, token_hash, expires_at)
             SELECT '{}', 'new@acme.test', id, sha256('t'), now() + interval '7 days' FROM roles WHERE code = 'member'",
            acme.organization
        ),
    )
    .await;
    assert!(!may("seats").await, "one member and one invitation fill two seats");
    assert!(may("members").await, "and the invited one may still come");
    assert_eq!(
        code(sqlx::query("SELECT app.can_create($1, 'moons')").bind(acme.organization).execute(&auth).await),
        "22023"
    );
}

#[tokio::test]
async fn the_views_show_ones_own_organization_only() {
    let database = TestDatabase::new().await;
    let admin = database.pool().await;
    let acme = fixture::tenant(&admin, "acme").await;
    let other = fixture::tenant(&admin, "other").await;
    for tenant in [&acme, &other] {
        subscribe(&admin, tenant, "pro", "active", "").await;
        fixture::execute(
            &admin,
            &format!(
                "INSERT INTO usage_tracking (id, created_at, organization_id, metric, quantity, window_start, source_key)
                     SELECT id, app.uuid_v7_ts(id), '{org}', 'model_token', 2500000, now(), 's' FROM app.uuid_v7() id;
                 INSERT INTO activity_logs (id, created_at, organization_id, user_id, verb, entity_type, entity_id)
                     SELECT id, app.uuid_v7_ts(id), '{org}', '{owner}', 'bot.updated', 'bot', '{org}' FROM app.uuid_v7() id;
                 INSERT INTO audit_logs (id, created_at, organization_id, actor_type, actor_id, action, resource_type)
                     SELECT id, app.uuid_v7_ts(id), '{org}', 'user', '{owner}', 'bot.publish', 'bot' FROM app.uuid_v7() id",
                org = tenant.organization,
                owner = tenant.owner
            ),
        )
        .await;
    }
    // A member of both: what is visible elsewhere must not get into a summary.
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

    let details: Vec<(Uuid, String, String, i32, bool)> = sqlx::query_as(
        "SELECT organization_id, user_email::text, plan_code, days_left, is_entitled FROM user_subscription_details",
    )
    .fetch_all(&mut *tx)
    .await
    .unwrap();
    assert_eq!(details, [(acme.organization, "owner@acme.test".into(), "pro".into(), 25, true)]);
    let usage: Vec<(Uuid, i64, i64, i64, String, i64)> = sqlx::query_as(
        "SELECT organization_id, used, limit_value, remaining, used_pct::text, overage FROM user_usage_summary",
    )
    .fetch_all(&mut *tx)
    .await
    .unwrap();
    assert_eq!(usage, [(acme.organization, 2_500_000, 5_000_000, 2_500_000, "50.0".into(), 0)]);
    let total: i64 = sqlx::query_scalar(
        "SELECT app.usage_total($1, 'model_token', now() - interval '1 hour', now() + interval '1 hour')",
    )
    .bind(acme.organization)
    .fetch_one(&mut *tx)
    .await
    .unwrap();
    assert_eq!(total, 2_500_000);
    let audit: Vec<(Uuid, String, String, String)> = sqlx::query_as(
        "SELECT organization_id, organization_name, actor_name, action FROM recent_audit_activity",
    )
    .fetch_all(&mut *tx)
    .await
    .unwrap();
    assert_eq!(audit, [(acme.organization, "acme".into(), "Owner of acme".into(), "bot.publish".into())]);
    let people: Vec<(Uuid, String, i64, i64, String)> = sqlx::query_as(
        "SELECT user_id, role_code, actions_30d, audited_actions_30d, top_verbs::text FROM user_activity_summary",
    )
    .fetch_all(&mut *tx)
    .await
    .unwrap();
    assert_eq!(
        people,
        [(acme.owner, "owner".into(), 1, 1, "[{\"verb\": \"bot.updated\", \"count\": 1}]".into())]
    );
}
