//! What was written over the API goes out at once, and never before what was committed before it.

use std::{collections::VecDeque, sync::Mutex};

use async_trait::async_trait;
use botbuilder_domain::{Clock as _, SystemClock};
use botbuilder_stream::{AppendError, Position};
use botbuilder_testkit::database::TestDatabase;
use proptest::{prelude::*, strategy::ValueTree as _, test_runner::TestRunner};
use serde_json::Value;
use sqlx::PgPool;

use super::*;
use crate::OUTBOUND;

/// Cases of the property; each is some dozen statements.
const CASES: u32 = 40;

/// What was appended: keys, and positions in the outbox.
#[derive(Default)]
struct Appended(Mutex<Vec<(String, i64)>>);

#[async_trait]
impl Producer for Appended {
    async fn append(&self, _: &str, records: Vec<Record>) -> Result<Vec<Position>, AppendError> {
        let mut appended = self.0.lock().unwrap();
        let first = appended.len() as u64;
        for record in &records {
            let payload: Value = serde_json::from_slice(&record.payload).unwrap();
            appended.push((record.key.clone(), payload["n"].as_i64().unwrap()));
        }
        Ok((first..appended.len() as u64).map(|offset| Position { partition: 0, offset }).collect())
    }

    fn partitions(&self, _: &str) -> Result<u32, AppendError> {
        Ok(1)
    }
}

/// An outbox with a worker and a relay.
struct World {
    store: Store,
    pool: PgPool,
    stream: Appended,
    /// Rows of the live worker that it has not published.
    pending: VecDeque<(String, i64)>,
    /// Every row, in the order of commits, and whether it was written over the API.
    committed: Vec<(String, i64, bool)>,
}

impl World {
    async fn commit(&mut self, key: &str, said: bool) {
        let kind = if said { outbox_events::SAID } else { "message.send" };
        let insert = "INSERT INTO outbox_events (topic, partition_key, event_type) VALUES ($1, $2, $3) RETURNING position";
        let position: i64 = sqlx::query_scalar(insert)
            .bind(OUTBOUND)
            .bind(key)
            .bind(kind)
            .fetch_one(&self.pool)
            .await
            .unwrap();
        sqlx::query(
            "UPDATE outbox_events SET payload = jsonb_build_object('n', position) WHERE position = $1",
        )
        .bind(position)
        .execute(&self.pool)
        .await
        .unwrap();
        self.committed.push((key.to_owned(), position, said));
        if !said {
            self.pending.push_back((key.to_owned(), position));
        }
    }

    async fn worker_publishes(&mut self) {
        let Some((key, position)) = self.pending.pop_front() else { return };
        self.stream.0.lock().unwrap().push((key, position));
        mark(&self.store, &[position], SystemClock.now()).await.unwrap();
    }

    async fn relay_looks(&self) -> usize {
        let soon = SystemClock.now() + chrono::TimeDelta::minutes(1);
        publish_said(&self.store, &self.stream, soon).await.unwrap()
    }

    /// The grace of everything is over.
    async fn relay_publishes_what_is_left(&self) {
        let soon = SystemClock.now() + chrono::TimeDelta::minutes(1);
        publish_left(&self.store, &self.stream, Of::Everyone, soon, soon).await.unwrap();
    }
}

async fn world(database: &TestDatabase) -> World {
    World {
        store: Store::connect(database.url(), 2).await.unwrap(),
        pool: database.pool().await,
        stream: Appended::default(),
        pending: VecDeque::new(),
        committed: Vec::new(),
    }
}

#[tokio::test]
async fn a_message_of_a_person_goes_out_behind_the_replies_of_its_conversation_alone() {
    let database = TestDatabase::new().await;
    let mut world = world(&database).await;
    world.commit("a", false).await;
    world.commit("a", true).await;
    world.commit("a", true).await;
    world.commit("b", true).await;
    let positions: Vec<i64> = world.committed.iter().map(|row| row.1).collect();

    assert_eq!(world.relay_looks().await, 1, "only the one of the other conversation");
    world.worker_publishes().await;
    assert_eq!(world.relay_looks().await, 2, "nothing is before them any more");
    assert_eq!(world.relay_looks().await, 0);
    let appended: Vec<i64> = world.stream.0.lock().unwrap().iter().map(|row| row.1).collect();
    assert_eq!(appended, [positions[3], positions[0], positions[1], positions[2]]);
}

#[tokio::test]
async fn two_relays_at_once_publish_everything_once_and_in_order() {
    let database = TestDatabase::new().await;
    let mut world = world(&database).await;
    for _ in 0..20 {
        world.commit("a", true).await;
        world.commit("b", true).await;
    }
    let (one, other) = tokio::join!(world.relay_looks(), world.relay_looks());
    // One of them may have found the last rows locked by the other.
    assert_eq!(one + other + world.relay_looks().await, 40);
    for key in ["a", "b"] {
        let committed: Vec<i64> =
            world.committed.iter().filter(|row| row.0 == key).map(|row| row.1).collect();
        let appended = world.stream.0.lock().unwrap();
        let appended: Vec<i64> = appended.iter().filter(|row| row.0 == key).map(|row| row.1).collect();
        assert_eq!(appended, committed);
    }
}

/// What happens around the outbox.
#[derive(Debug, Clone, Copy)]
enum Happening {
    TurnCommits(&'static str),
    PersonWrites(&'static str),
    WorkerPublishes,
    WorkerDies,
    RelayLooks,
    GraceIsOver,
}

fn happening() -> impl Strategy<Value = Happening> {
    let key = prop_oneof![Just("a"), Just("b")];
    prop_oneof![
        3 => key.clone().prop_map(Happening::TurnCommits),
        4 => key.prop_map(Happening::PersonWrites),
        3 => Just(Happening::WorkerPublishes),
        1 => Just(Happening::WorkerDies),
        4 => Just(Happening::RelayLooks),
        1 => Just(Happening::GraceIsOver),
    ]
}

#[tokio::test]
async fn nothing_is_lost_or_overtaken_whatever_happens() {
    let database = TestDatabase::new().await;
    let mut world = world(&database).await;
    let mut runner = TestRunner::default();
    let happenings = prop::collection::vec(happening(), 1..25);
    for _ in 0..CASES {
        let happenings = happenings.new_tree(&mut runner).unwrap().current();
        for happening in &happenings {
            match happening {
                Happening::TurnCommits(key) => world.commit(key, false).await,
                Happening::PersonWrites(key) => world.commit(key, true).await,
                Happening::WorkerPublishes => world.worker_publishes().await,
                Happening::WorkerDies => world.pending.clear(),
                Happening::RelayLooks => {
                    world.relay_looks().await;
                }
                Happening::GraceIsOver => world.relay_publishes_what_is_left().await,
            }
        }
        world.relay_publishes_what_is_left().await;
        world.pending.clear();

        let appended = std::mem::take(&mut *world.stream.0.lock().unwrap());
        let first = |position: i64| appended.iter().position(|row| row.1 == position);
        let committed = std::mem::take(&mut world.committed);
        for (place, (key, position, said)) in committed.iter().enumerate() {
            let published = first(*position).unwrap_or_else(|| panic!("{position} is lost: {happenings:?}"));
            if !said {
                continue;
            }
            let times = appended.iter().filter(|row| row.1 == *position).count();
            assert_eq!(times, 1, "{happenings:?}");
            for (_, before, _) in committed[..place].iter().filter(|row| row.0 == *key) {
                assert!(first(*before) < Some(published), "{position} overtook {before}: {happenings:?}");
            }
        }
    }
}
