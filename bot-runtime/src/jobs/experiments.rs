//! Ends experiments that decide by themselves, once a variant has won.

use std::time::Duration;

use async_trait::async_trait;
use botbuilder_bots::experiments::Judged;
use botbuilder_domain::OrgId;
use botbuilder_service::lifecycle::{Backoff, OnExit, Service, ServiceError};
use botbuilder_store::{
    Error, OrgScope,
    audit::audit_logs::{self, Act, Actor},
    experiments,
    models::ab_tests::TABLE,
    system::events::{self, Batch, Event},
    table::rows::{self, Place},
};
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use uuid::Uuid;

use crate::Runtime;

/// How often it is looked: people come by the hour, so a minute is soon enough.
const EVERY: Duration = Duration::from_mins(1);
/// Most experiments of one look.
const AT_A_TIME: i64 = 1_000;

/// The job.
pub struct Decisions {
    runtime: Runtime,
}

impl Decisions {
    /// The job over this database.
    pub const fn new(runtime: Runtime) -> Self {
        Self { runtime }
    }

    /// Decides what can be decided. The answer is how many were.
    pub async fn look(&self) -> Result<usize, Error> {
        let runtime = &self.runtime;
        let mut tx = runtime.store.begin_purge().await?;
        let open = experiments::undecided(&mut tx, runtime.clock.now(), AT_A_TIME).await?;
        tx.commit().await?;
        let mut decided = 0;
        for (org, id) in open {
            // One that cannot be judged must not keep the others waiting.
            match self.decide(org, id).await {
                Ok(true) => decided += 1,
                Ok(false) => {}
                Err(error) => warn!(experiment.id = %id, error = %error, "experiment cannot be decided"),
            }
        }
        Ok(decided)
    }

    async fn decide(&self, org: OrgId, id: Uuid) -> Result<bool, Error> {
        let (runtime, now) = (&self.runtime, self.runtime.clock.now());
        let scope = OrgScope::of_service(org);
        let mut tx = runtime.store.begin(&scope).await?;
        let place = Place { parent: None, id };
        let Some(row) = rows::lock(&mut tx, &scope, &TABLE, place).await? else { return Ok(false) };
        let read = |error: serde_json::Error| Error::Inconsistent {
            table: "ab_tests",
            column: "variants",
            row: id.to_string(),
            reason: error.to_string(),
        };
        let row: Map<String, Value> = serde_json::from_str(&row.json).map_err(read)?;
        let bot = row.get("bot_id").and_then(Value::as_str).and_then(|bot| bot.parse().ok());
        let experiment: Judged = serde_json::from_value(Value::Object(row)).map_err(read)?;
        // Somebody may have ended it in the meantime.
        if experiment.status != "running" {
            return Ok(false);
        }
        let verdict = experiment.verdict(&mut tx, &scope, id, now).await?;
        let Some(winner) = verdict.results.winner.clone() else { return Ok(false) };
        let change: Map<String, Value> = [
            ("status", json!("completed")),
            ("winner_key", json!(winner)),
            ("decision", json!({ "results": verdict, "automatic": true })),
            ("decided_at", json!(now)),
            ("ended_at", json!(now)),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
        rows::update(&mut tx, &scope, &TABLE, place, change).await?;
        let act = Act::new("ab_tests.decided", "ab_tests", Some(id)).new_values(json!({
            "status": "completed", "winner_key": winner,
        }));
        let actor = Actor {
            kind: "system",
            id: None,
            label: Some("experiments".to_owned()),
            session: None,
            ip: None,
            user_agent: None,
            request: None,
        };
        audit_logs::append(&mut tx, Some(org), runtime.ids.next(), &actor, act).await?;
        let event = Event {
            id: runtime.ids.next(),
            kind: "ab_tests.decided".to_owned(),
            at: now,
            bot_id: bot,
            data: json!({
                "action": "ab_tests.decided",
                "resource_type": "ab_tests",
                "resource_id": id,
                "fields": ["status", "winner_key"],
                "user_id": null,
            }),
        };
        let batch = Batch { events: vec![event], ..Batch::default() };
        events::note(&mut tx, &scope, runtime.ids.next(), &batch).await?;
        tx.commit().await?;
        info!(experiment.id = %id, winner, "experiment was decided");
        Ok(true)
    }
}

#[async_trait]
impl Service for Decisions {
    fn name(&self) -> &'static str {
        "experiments"
    }

    fn on_exit(&self) -> OnExit {
        OnExit::Restart(Backoff::default())
    }

    async fn run(&mut self, stop: CancellationToken) -> Result<(), ServiceError> {
        loop {
            if let Err(error) = self.look().await {
                warn!(error = %error, "experiments wait for the database");
            }
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use botbuilder_domain::{ManualClock, SystemClock};
    use botbuilder_store::{Store, secret::RootKey};
    use botbuilder_stream::{default_topics, memory};
    use botbuilder_testkit::{
        database::TestDatabase,
        seed::{Plan, seed},
    };
    use botbuilder_understanding::{Models, Understandings};
    use sqlx::PgPool;

    use super::*;

    /// An experiment that began three hours ago, of whose variants so many of 100 reached the goal.
    async fn experiment(pool: &PgPool, org: OrgId, name: &str, auto: bool, reached: [i32; 2]) -> Uuid {
        let variant = |key: &str, control: bool| json!({ "key": key, "name": key, "weight_bp": 5000, "is_control": control });
        let variants = json!([variant("a", true), variant("b", false)]);
        let id: Uuid = sqlx::query_scalar(
            "INSERT INTO ab_tests (organization_id, name, target_type, salt, variants, goal_event, min_per_variant, \
                                   min_hours, auto_winner, status, started_at) \
             VALUES ($1, $2, 'message', 'salt', $3, 'order', 30, 2, $4, 'running', now() - interval '3 hours') \
             RETURNING id",
        )
        .bind(org.uuid())
        .bind(name)
        .bind(variants)
        .bind(auto)
        .fetch_one(pool)
        .await
        .unwrap();
        for (variant, reached) in ["a", "b"].into_iter().zip(reached) {
            sqlx::query(
                "INSERT INTO ab_test_results (organization_id, ab_test_id, subject_key, variant_key, first_exposed_at, \
                 exposure_count, first_converted_at, conversion_count) \
                 SELECT $1, $2, $3 || n, $3, now(), 1, CASE WHEN n <= $4 THEN now() END, (n <= $4)::int \
                 FROM generate_series(1, 100) n",
            )
            .bind(org.uuid())
            .bind(id)
            .bind(variant)
            .bind(reached)
            .execute(pool)
            .await
            .unwrap();
        }
        id
    }

    #[tokio::test]
    async fn an_experiment_that_was_won_ends_by_itself() {
        let database = TestDatabase::new().await;
        let store = Store::connect(database.url(), 2).await.unwrap();
        let pool = database.pool().await;
        let clock = Arc::new(ManualClock::new(botbuilder_domain::Clock::now(&SystemClock)));
        let plan = Plan {
            slug: "acme".to_owned(),
            flow: serde_json::from_str(botbuilder_flow::DEMO_FLOW).unwrap(),
            whatsapp_url: "http://127.0.0.1:9".to_owned(),
            whatsapp_token: "token".to_owned(),
            phone_number_id: "phone".to_owned(),
            app_secret: "secret".to_owned(),
            telegram_url: "http://127.0.0.1:9".to_owned(),
            telegram_token: "token".to_owned(),
            telegram_secret: "secret".to_owned(),
            slack: None,
            instagram: None,
        };
        let seeded = seed(&store, &RootKey::generate().unwrap(), &*clock, &*clock, &plan).await.unwrap();
        let won = experiment(&pool, seeded.org, "won", true, [20, 50]).await;
        let open = experiment(&pool, seeded.org, "open", true, [20, 22]).await;
        let by_hand = experiment(&pool, seeded.org, "by hand", false, [20, 50]).await;
        let decisions = Decisions::new(Runtime {
            store: store.clone(),
            stream: memory::open(memory::MemoryConfig::new(default_topics(1))).unwrap(),
            bots: Arc::default(),
            clock: Arc::clone(&clock) as _,
            ids: Arc::clone(&clock) as _,
            understandings: Arc::new(Understandings::new(store, Arc::new(Models::none()))),
            options: crate::Options::default(),
        });
        assert_eq!(decisions.look().await.unwrap(), 1);
        assert_eq!(decisions.look().await.unwrap(), 0);
        let rows: Vec<(Uuid, String, Option<String>, Value)> =
            sqlx::query_as("SELECT id, status, winner_key, decision FROM ab_tests")
                .fetch_all(&pool)
                .await
                .unwrap();
        for (id, status, winner, decision) in rows {
            if id == won {
                assert_eq!((status.as_str(), winner.as_deref()), ("completed", Some("b")));
                assert_eq!(
                    (&decision["automatic"], &decision["results"]["winner"]),
                    (&json!(true), &json!("b"))
                );
            } else {
                assert!([open, by_hand].contains(&id));
                assert_eq!((status.as_str(), winner), ("running", None));
            }
        }
        let noted: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM audit_logs WHERE action = 'ab_tests.decided' AND actor_type = 'system'",
        )
        .fetch_one(&pool)
        .await
        .unwrap();
        assert_eq!(noted, 1);
    }
}
