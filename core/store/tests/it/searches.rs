//! Searches and analytics: found by what they should be found by, and by nobody else.

use botbuilder_testkit::database::TestDatabase;
use sqlx::{PgPool, Postgres, Transaction};
use uuid::Uuid;

use crate::fixture::{self, Tenant, code};

/// A knowledge base with one document for each text, and a vector that points along the axis of its number.
async fn knowledge(admin: &PgPool, tenant: &Tenant, texts: &[(&str, &str)]) -> Uuid {
    let base = fixture::id();
    fixture::execute(
        admin,
        &format!("INSERT INTO knowledge_bases (id, organization_id, name, chunk_count) VALUES ('{base}', '{}', 'kb', {})", tenant.organization, texts.len()),
    )
    .await;
    for (axis, (text, audience)) in texts.iter().enumerate() {
        sqlx::query(
            "WITH d AS (INSERT INTO documents (organization_id, knowledge_base_id, name, source_type, status, audience)
                        VALUES ($1, $2, 'Document ' || $3, 'text', 'ready', $5::text[]) RETURNING id)
             INSERT INTO chunks (organization_id, document_id, knowledge_base_id, seq, content, content_hash, embedding)
             SELECT $1, d.id, $2, 0, $4, sha256(convert_to($4, 'UTF8')), app_test_axis($3) FROM d",
        )
        .bind(tenant.organization)
        .bind(base)
        .bind(i32::try_from(axis).unwrap())
        .bind(text)
        .bind(audience)
        .execute(admin)
        .await
        .unwrap();
    }
    base
}

/// A unit vector of 384 dimensions along one axis, for queries and rows of these tests.
async fn axis_function(admin: &PgPool) {
    fixture::execute(
        admin,
        "CREATE FUNCTION public.app_test_axis(axis integer) RETURNS halfvec LANGUAGE sql IMMUTABLE AS
         $$ SELECT array_agg(CASE WHEN n = axis THEN 1 ELSE 0.01 END ORDER BY n)::halfvec FROM generate_series(0, 383) n $$;
         GRANT EXECUTE ON FUNCTION public.app_test_axis(integer) TO bb_app",
    )
    .await;
}

async fn found(
    tx: &mut Transaction<'static, Postgres>,
    base: Uuid,
    query: &str,
    axis: Option<i32>,
    audiences: &[&str],
) -> Vec<String> {
    sqlx::query_scalar(
        "SELECT content FROM app.search_chunks(ARRAY[$1]::uuid[], $2, 'en',
                CASE WHEN $3::integer IS NOT NULL THEN public.app_test_axis($3) END, 3, $4)",
    )
    .bind(base)
    .bind(query)
    .bind(axis)
    .bind(audiences.iter().map(ToString::to_string).collect::<Vec<_>>())
    .fetch_all(&mut **tx)
    .await
    .unwrap()
}

const TEXTS: [(&str, &str); 4] = [
    ("Opening hours are nine to five on weekdays", "{}"),
    ("Returns are free within thirty days", "{}"),
    ("Staff discounts are twenty percent", "{staff}"),
    ("Shipping takes three days", "{}"),
];

#[tokio::test]
async fn passages_are_found_by_words_by_meaning_and_by_both() {
    let database = TestDatabase::new().await;
    let admin = database.pool().await;
    axis_function(&admin).await;
    let acme = fixture::tenant(&admin, "acme").await;
    let other = fixture::tenant(&admin, "other").await;
    let base = knowledge(&admin, &acme, &TEXTS).await;
    let foreign = knowledge(&admin, &other, &TEXTS).await;
    let app = database.pool_as("bb_app").await;

    for (size, path) in [(4, "exact"), (6000, "index")] {
        fixture::execute(&admin, &format!("UPDATE knowledge_bases SET chunk_count = {size}")).await;
        let mut tx = fixture::begin(&app, acme.organization).await;
        assert_eq!(
            found(&mut tx, base, "return", None, &[]).await,
            ["Returns are free within thirty days"],
            "{path}"
        );
        assert_eq!(found(&mut tx, base, "", Some(3), &[]).await[0], "Shipping takes three days", "{path}");
        let both = found(&mut tx, base, "when do you open on weekdays", Some(0), &[]).await;
        assert_eq!(both[0], "Opening hours are nine to five on weekdays", "{path}");
        assert_eq!(both.len(), 3, "{path}: fewer than asked for though there are as many");
        // An audience is part of the search, not a filter afterwards.
        assert!(
            !found(&mut tx, base, "staff discounts", Some(2), &[]).await.contains(&TEXTS[2].0.to_owned()),
            "{path}"
        );
        assert_eq!(
            found(&mut tx, base, "staff discounts", Some(2), &["staff"]).await[0],
            TEXTS[2].0,
            "{path}"
        );
        assert!(
            found(&mut tx, foreign, "returns", Some(1), &[]).await.is_empty(),
            "{path}: another tenant's passages"
        );
        assert!(found(&mut tx, base, "", None, &[]).await.is_empty(), "{path}");
        assert!(found(&mut tx, base, "zebra", None, &[]).await.is_empty(), "{path}");
        fixture::enter(&mut tx, "").await;
        assert!(found(&mut tx, base, "returns", Some(1), &[]).await.is_empty(), "{path}: no tenant");
    }
}

#[tokio::test]
async fn an_index_for_another_length_is_made_once() {
    let database = TestDatabase::new().await;
    let worker = database.pool_as("bb_worker").await;
    let ensure = "SELECT app.ensure_vector_index('chunks', $1)";
    let built_in: bool = sqlx::query_scalar(ensure).bind(384).fetch_one(&worker).await.unwrap();
    assert!(!built_in);
    let made: bool = sqlx::query_scalar(ensure).bind(256).fetch_one(&worker).await.unwrap();
    assert!(made);
    let again: bool = sqlx::query_scalar(ensure).bind(256).fetch_one(&worker).await.unwrap();
    assert!(!again);
    let wrong = sqlx::query("SELECT app.ensure_vector_index('users', 3)").execute(&worker).await;
    assert_eq!(code(wrong), "22023");
}

#[tokio::test]
async fn zero_vectors_are_refused() {
    let database = TestDatabase::new().await;
    let admin = database.pool().await;
    axis_function(&admin).await;
    let acme = fixture::tenant(&admin, "acme").await;
    knowledge(&admin, &acme, &TEXTS[..1]).await;
    let zero =
        sqlx::query("UPDATE chunks SET embedding = array_fill(0, ARRAY[384])::halfvec").execute(&admin).await;
    assert_eq!(code(zero), "23514");
}

#[tokio::test]
async fn messages_contacts_and_examples_are_found_page_by_page() {
    let database = TestDatabase::new().await;
    let admin = database.pool().await;
    let acme = fixture::tenant(&admin, "acme").await;
    let other = fixture::tenant(&admin, "other").await;
    let app = database.pool_as("bb_app").await;
    for tenant in [&acme, &other] {
        let mut tx = fixture::begin(&app, tenant.organization).await;
        for _ in 0..5 {
            fixture::queued_message(&mut tx, tenant).await;
        }
        tx.commit().await.unwrap();
        fixture::execute(
            &admin,
            &format!(
                "INSERT INTO intents (id, organization_id, bot_id, name) VALUES ('{intent}', '{org}', '{bot}', 'hours');
                 INSERT INTO intent_examples (organization_id, intent_id, bot_id, text, text_key)
                     VALUES ('{org}', '{intent}', '{bot}', 'when are you open', 'k1'), ('{org}', '{intent}', '{bot}', 'send it back', 'k2');
                 UPDATE channel_contacts SET tags = '{{vip,eu}}', email = 'ada@example.test', phone = '+4930123456'
                  WHERE organization_id = '{org}'",
                intent = fixture::id(),
                org = tenant.organization,
                bot = tenant.bot
            ),
        )
        .await;
    }
    let mut tx = fixture::begin(&app, acme.organization).await;

    let page = "SELECT id FROM app.search_messages('hello', jsonb_build_object('channel_id', $1), $2, 3)";
    let first: Vec<Uuid> =
        sqlx::query_scalar(page).bind(acme.channel).bind(None::<Uuid>).fetch_all(&mut *tx).await.unwrap();
    let second: Vec<Uuid> =
        sqlx::query_scalar(page).bind(acme.channel).bind(first[2]).fetch_all(&mut *tx).await.unwrap();
    assert_eq!((first.len(), second.len()), (3, 2));
    assert!(first.iter().chain(&second).is_sorted_by(|a, b| a > b), "newest first, nothing twice");
    let foreign: Vec<Uuid> =
        sqlx::query_scalar(page).bind(other.channel).bind(None::<Uuid>).fetch_all(&mut *tx).await.unwrap();
    assert!(foreign.is_empty());

    for (query, tags, hits) in [
        ("example", vec![], 1),
        ("da Ex", vec![], 1),
        ("ADA@example.test", vec![], 1),
        ("+4930", vec![], 1),
        ("", vec!["vip"], 1),
        ("", vec!["vip", "us"], 0),
        ("nobody", vec![], 0),
        ("%", vec![], 0),
        ("", vec![], 1),
    ] {
        let tags: Vec<String> = tags.into_iter().map(str::to_owned).collect();
        let contacts: Vec<Uuid> = sqlx::query_scalar("SELECT id FROM app.search_contacts($1, $2)")
            .bind(query)
            .bind(&tags)
            .fetch_all(&mut *tx)
            .await
            .unwrap();
        assert_eq!(contacts, vec![acme.contact; hits], "{query} {tags:?}");
    }
    let examples: Vec<String> =
        sqlx::query_scalar("SELECT text FROM app.search_examples($1, 'when do you open')")
            .bind(acme.bot)
            .fetch_all(&mut *tx)
            .await
            .unwrap();
    assert_eq!(examples, ["when are you open"]);
    let foreign: Vec<String> =
        sqlx::query_scalar("SELECT text FROM app.search_examples($1, 'when do you open')")
            .bind(other.bot)
            .fetch_all(&mut *tx)
            .await
            .unwrap();
    assert!(foreign.is_empty());
    let plugins: Vec<Uuid> = sqlx::query_scalar("SELECT id FROM app.search_plugins('weather', 'tools')")
        .fetch_all(&mut *tx)
        .await
        .unwrap();
    assert!(plugins.is_empty());
}

#[tokio::test]
async fn analytics_show_a_tenant_its_own_days() {
    let database = TestDatabase::new().await;
    let admin = database.pool().await;
    let acme = fixture::tenant(&admin, "acme").await;
    let other = fixture::tenant(&admin, "other").await;
    let app = database.pool_as("bb_app").await;
    for (tenant, messages) in [(&acme, 4), (&other, 2)] {
        let mut tx = fixture::begin(&app, tenant.organization).await;
        for _ in 0..messages {
            fixture::queued_message(&mut tx, tenant).await;
        }
        tx.commit().await.unwrap();
    }
    fixture::execute(&admin, "UPDATE channel_messages SET status = 'failed', error_code = 'blocked'").await;
    let worker = database.pool_as("bb_worker").await;
    for name in [
        "bot_daily",
        "channel_delivery_daily",
        "nlu_intent_daily",
        "agent_cost_daily",
        "usage_monthly",
        "ab_test_summary",
    ] {
        let refreshed: bool = sqlx::query_scalar("SELECT app.refresh_analytics($1)")
            .bind(name)
            .fetch_one(&worker)
            .await
            .unwrap();
        assert!(refreshed, "{name}");
    }
    let mut tx = fixture::begin(&app, acme.organization).await;
    let read =
        "SELECT app.analytics($1, (now() - interval '2 days')::date, (now() + interval '2 days')::date, $2)";
    let bots: Vec<serde_json::Value> = sqlx::query_scalar(read)
        .bind("bot_daily")
        .bind(serde_json::json!({}))
        .fetch_all(&mut *tx)
        .await
        .unwrap();
    assert_eq!(bots.len(), 1);
    assert_eq!(
        (&bots[0]["outbound"], &bots[0]["failed"], &bots[0]["conversations_opened"]),
        (&4.into(), &4.into(), &1.into())
    );
    let delivery: Vec<serde_json::Value> = sqlx::query_scalar(read)
        .bind("channel_delivery_daily")
        .bind(serde_json::json!({"kind": "text"}))
        .fetch_all(&mut *tx)
        .await
        .unwrap();
    assert_eq!(delivery[0]["top_error_codes"], serde_json::json!([{"code": "blocked", "count": 4}]));
    let none: Vec<serde_json::Value> = sqlx::query_scalar(read)
        .bind("channel_delivery_daily")
        .bind(serde_json::json!({"kind": "video"}))
        .fetch_all(&mut *tx)
        .await
        .unwrap();
    assert!(none.is_empty());
    let direct = sqlx::query("SELECT * FROM analytics.bot_daily").execute(&app).await;
    assert_eq!(code(direct), "42501");
    let unknown = sqlx::query(read).bind("users").bind(serde_json::json!({})).execute(&mut *tx).await;
    assert_eq!(code(unknown), "22023");
    let report = database.pool_as("bb_report").await;
    let all: i64 =
        sqlx::query_scalar("SELECT count(*) FROM analytics.bot_daily").fetch_one(&report).await.unwrap();
    assert_eq!(all, 2);
}
