//! Line 20 of the checklist: every migration goes both ways, and a round trip leaves the same schema.

use botbuilder_store::migrate;
use botbuilder_testkit::database::TestDatabase;
use sqlx::PgPool;

/// Everything the catalogue knows of the schema, as sorted lines: columns, constraints, indexes, triggers, functions,
/// policies, views, owners, grants and comments.
const SNAPSHOT: &str = r#"
WITH space AS (SELECT oid, nspname FROM pg_namespace WHERE nspname IN ('public', 'app', 'analytics', 'archive')),
relation AS (
    SELECT c.* FROM pg_class c JOIN space s ON s.oid = c.relnamespace
     WHERE c.relname NOT IN ('_sqlx_migrations', '_sqlx_migrations_pkey')),
lines (line) AS (
    SELECT format('schema %s %s %s %s', nspname, pg_get_userbyid(nspowner), nspacl, obj_description(oid))
      FROM pg_namespace WHERE oid IN (SELECT oid FROM space)
    UNION ALL
    SELECT format('relation %s %s %s %s %s %s %s %s', oid::regclass, relkind, pg_get_userbyid(relowner), relacl,
                  reloptions, relrowsecurity, relforcerowsecurity, obj_description(oid)) FROM relation
    UNION ALL
    SELECT format('column %s.%s %s %s %s %s %s %s %s', a.attrelid::regclass, a.attname, a.attnum,
                  format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated,
                  pg_get_expr(d.adbin, d.adrelid), a.attacl)
      FROM pg_attribute a JOIN relation r ON r.oid = a.attrelid
      LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
     WHERE a.attnum > 0 AND r.relkind IN ('r', 'p', 'v', 'm')
    UNION ALL
    SELECT format('constraint %s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
      FROM pg_constraint WHERE conrelid IN (SELECT oid FROM relation)
    UNION ALL
    SELECT format('index %s', pg_get_indexdef(indexrelid)) FROM pg_index WHERE indrelid IN (SELECT oid FROM relation)
    UNION ALL
    SELECT format('trigger %s', pg_get_triggerdef(oid)) FROM pg_trigger
     WHERE tgrelid IN (SELECT oid FROM relation) AND NOT tgisinternal
    UNION ALL
    SELECT format('function %s %s %s %s', pg_get_functiondef(p.oid), pg_get_userbyid(p.proowner), p.proacl,
                  obj_description(p.oid))
      FROM pg_proc p WHERE p.pronamespace = 'app'::regnamespace
    UNION ALL
    SELECT format('policy %s', p) FROM pg_policies p
    UNION ALL
    SELECT format('view %s %s', oid::regclass, pg_get_viewdef(oid)) FROM relation WHERE relkind IN ('v', 'm')
    UNION ALL
    SELECT format('partition %s %s', oid::regclass, pg_get_expr(relpartbound, oid)) FROM relation WHERE relispartition
    UNION ALL
    SELECT format('default privilege %s %s %s', pg_get_userbyid(defaclrole), defaclobjtype, defaclacl) FROM pg_default_acl
    UNION ALL
    SELECT format('seed %s', s) FROM (SELECT to_jsonb(r) - 'created_at' AS s FROM roles r) r
    UNION ALL
    SELECT format('seed %s', s) FROM (SELECT to_jsonb(p) - 'created_at' - 'updated_at' AS s FROM subscription_plans p) p
)
SELECT line FROM lines ORDER BY line COLLATE "C""#;

async fn snapshot(pool: &PgPool) -> Vec<String> {
    sqlx::query_scalar(SNAPSHOT).fetch_all(pool).await.expect("a snapshot of the schema")
}

/// The names of the migrations' files, in order.
fn files() -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations");
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .expect("the folder of migrations")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a plain name"))
        .collect();
    names.sort();
    names
}

/// How many migrations there are.
fn count() -> usize {
    files().iter().filter(|name| name.ends_with(".up.sql")).count()
}

#[test]
fn every_migration_goes_both_ways() {
    let names = files();
    let (down, up): (Vec<&String>, Vec<&String>) = names.iter().partition(|name| name.ends_with(".down.sql"));
    assert!(up.len() >= 64 && up.len() == down.len(), "{names:?}");
    for (number, (up, down)) in up.iter().zip(&down).enumerate() {
        assert_eq!(up.strip_suffix(".up.sql"), down.strip_suffix(".down.sql"));
        assert!(up.starts_with(&format!("{:04}_", number + 1)), "{up} is out of order");
    }
}

#[tokio::test]
async fn up_down_up_leaves_the_same_schema() {
    let database = TestDatabase::empty().await;
    assert_eq!(migrate::pending(database.url()).await.unwrap().len(), count());
    let report = migrate::run(database.url()).await.unwrap();
    assert_eq!(report.applied.len(), count());
    assert_eq!(migrate::pending(database.url()).await.unwrap(), Vec::<i64>::new());

    let pool = database.pool().await;
    let first = snapshot(&pool).await;
    assert!(first.len() > 4000, "only {} lines", first.len());
    pool.close().await;

    migrate::undo_all(database.url()).await.unwrap();
    let pool = database.pool().await;
    let left: Vec<String> = sqlx::query_scalar(
        "SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
          WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND c.relname !~ '^_sqlx_migrations'
         UNION ALL
         SELECT nspname FROM pg_namespace WHERE nspname IN ('app', 'analytics', 'archive')
         UNION ALL
         SELECT defaclacl::text FROM pg_default_acl",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    assert!(left.is_empty(), "left behind: {left:?}");
    pool.close().await;

    migrate::run(database.url()).await.unwrap();
    let pool = database.pool().await;
    let second = snapshot(&pool).await;
    for (before, after) in first.iter().zip(&second) {
        assert_eq!(before, after);
    }
    assert_eq!(first.len(), second.len());
}

#[tokio::test]
async fn processes_that_start_together_migrate_once() {
    let database = TestDatabase::empty().await;
    let (one, two) = tokio::join!(migrate::run(database.url()), migrate::run(database.url()));
    let mut applied = [one.unwrap().applied.len(), two.unwrap().applied.len()];
    applied.sort_unstable();
    assert_eq!(applied, [0, count()]);
}

#[tokio::test]
async fn a_login_without_rights_is_told_what_is_missing() {
    let database = TestDatabase::empty().await;
    let pool = database.pool().await;
    let login = format!("plain_login_{}", std::process::id());
    let statements = format!("DROP ROLE IF EXISTS {login}; CREATE ROLE {login} LOGIN PASSWORD 'plain'");
    crate::fixture::execute(&pool, &statements).await;

    let mut url: Vec<&str> = database.url().splitn(2, "://").collect();
    let after_login = url[1].split_once('@').map_or(url[1], |parts| parts.1).to_owned();
    let login_part = format!("{login}:plain@{after_login}");
    url[1] = &login_part;
    let refused = migrate::run(&url.join("://")).await;

    let still_empty: bool = sqlx::query_scalar("SELECT to_regclass('public._sqlx_migrations') IS NULL")
        .fetch_one(&pool)
        .await
        .unwrap();
    crate::fixture::execute(&pool, &format!("DROP ROLE {login}")).await;
    let Err(migrate::Error::Unfit(missing)) = refused else { panic!("not refused: {refused:?}") };
    assert!(
        missing.contains(&format!("login {login} may not create roles (CREATEROLE or superuser)")),
        "{missing:?}"
    );
    assert!(missing.contains(&format!("login {login} does not own the database")), "{missing:?}");
    assert!(
        missing.contains(&"a superuser must run CREATE EXTENSION vector in the database first".to_owned()),
        "{missing:?}"
    );
    assert!(still_empty);
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_an_error_of_its_own() {
    let refused = migrate::run("postgres://nobody@127.0.0.1:1/nothing").await;
    assert!(matches!(refused, Err(migrate::Error::Connect(_))), "{refused:?}");
}
