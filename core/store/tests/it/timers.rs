//! What timers ask of the database.

use botbuilder_testkit::database::TestDatabase;
use sqlx::AssertSqlSafe;

/// The statement of `conversations::due`, explained.
const DUE: &str = "EXPLAIN SELECT organization_id, id, next_timer_at FROM conversations
    WHERE status <> 'closed' AND next_timer_at <= now() AND next_timer_at >= '1970-01-01' AND (next_timer_at, id) > ('1970-01-01'::timestamptz,
          '00000000-0000-0000-0000-000000000000'::uuid)
    ORDER BY next_timer_at, id LIMIT 500";

/// With many conversations, most of them waiting for a timer that is not due, only the due ones are read.
#[tokio::test]
async fn due_timers_are_read_from_their_index_and_never_by_a_scan() {
    let database = TestDatabase::new().await;
    let pool = database.pool().await;
    // Foreign keys are not looked at: only the shape of the table counts here.
    let statements = [
        "SET session_replication_role = replica",
        "INSERT INTO conversations (id, organization_id, channel_id, contact_id, next_timer_at)
         SELECT app.uuid_v7(), gen_random_uuid(), gen_random_uuid(), gen_random_uuid(),
                CASE WHEN n % 3 > 0 THEN now() + (n - 50) * interval '1 second' END
         FROM generate_series(1, 30000) n",
        "ANALYZE conversations",
    ];
    let mut connection = pool.acquire().await.unwrap();
    for statement in statements {
        sqlx::query(AssertSqlSafe(statement)).execute(&mut *connection).await.unwrap();
    }
    let plan: Vec<String> = sqlx::query_scalar(AssertSqlSafe(DUE)).fetch_all(&mut *connection).await.unwrap();
    let plan = plan.join("\n");
    assert!(plan.contains("ix_conversations_6") && !plan.contains("Seq Scan"), "{plan}");
}
