//! A worker that is killed anywhere, and started again, leaves what one leaves that nobody killed.
//!
//! Between two instructions that wait for nothing there is nothing to see from outside; so a worker is killed by dropping
//! it after so many polls, which is at each place where it waits. What it has begun in the database is undone, what it has
//! published stays, and its next life begins at the last committed position.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use botbuilder_domain::{
    ChannelId, ChannelKind, Clock as _, Content, ConversationKey, Envelope, Id, Inbound, InboundEvent,
    ManualClock, Sender, SystemClock, Times, TraceContext, envelope,
};
use botbuilder_flow::{Answer, Value};
use botbuilder_store::{Store, secret::RootKey};
use botbuilder_stream::{Record, Stream, default_topics, memory};
use botbuilder_testkit::{
    database::TestDatabase,
    seed::{Plan, Seeded, seed},
};
use botbuilder_understanding::{Models, Understandings};
use chrono::{DateTime, TimeDelta, Utc};
use proptest::{prelude::*, test_runner::TestRunner};
use serde_json::{Value as Json, json};
use sqlx::PgPool;
use uuid::Uuid;

use super::*;
use crate::{QUESTIONS, executors::Asked};

/// Polls after which a worker that nobody kills has done its work many times over.
const NEVER: usize = usize::MAX;
/// Lives of a worker after which something is wrong.
const LIVES: usize = 500;

/// A future that is given up after so many polls.
struct Killed<F> {
    inner: Pin<Box<F>>,
    polls: usize,
}

impl<F: Future> Future for Killed<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(left) = self.polls.checked_sub(1) else { return Poll::Ready(None) };
        self.polls = left;
        self.inner.as_mut().poll(context).map(Some)
    }
}

/// What a person or the world does.
#[derive(Debug, Clone)]
enum Happening {
    Says(&'static str),
    /// The service answers what it was asked, so often.
    Answers(usize),
    /// Time goes by, and what is due fires.
    Waits,
}

/// Workers with a stream of their own; clock, database and organization are everybody's.
struct World {
    name: &'static str,
    runtime: Runtime,
    seeded: Seeded,
    pool: PgPool,
    appended: u64,
}

fn flow() -> Json {
    let node = |id: &str, kind: &str, data: Json| json!({ "id": id, "type": kind, "data": data });
    let edge = |from: &str, port: &str, to: &str| json!({ "source": from, "port": port, "target": to });
    json!({
        "schema": 1,
        "nodes": [
            node("start", "start", json!({})),
            node("hello", "message", json!({ "text": "Hello" })),
            node("ask", "input", json!({ "text": "Your address?", "variable": "address", "format": "email",
                                         "retries": 2, "timeout_seconds": 50 })),
            node("call", "api_call", json!({ "url": "https://a.example/{{ address }}",
                                             "save": { "price": "response.body.price" } })),
            node("tag", "tag_contact", json!({ "add": ["asked"] })),
            node("mail", "email", json!({ "to": "{{ address }}", "subject": "A price", "text": "{{ price }}" })),
            node("say", "message", json!({ "text": "It costs {{ price }}." })),
            node("wait", "delay", json!({ "seconds": 40 })),
            node("late", "message", json!({ "text": "Still there?" })),
            node("over", "message", json!({ "text": "Another time." })),
        ],
        "edges": [
            edge("start", "next", "hello"), edge("hello", "next", "ask"), edge("ask", "next", "call"),
            edge("ask", "other", "over"), edge("ask", "timeout", "over"), edge("call", "next", "tag"),
            edge("call", "default", "tag"), edge("tag", "next", "mail"), edge("mail", "next", "say"),
            edge("mail", "error", "say"), edge("say", "next", "wait"), edge("wait", "next", "late"),
        ],
        "variables": [{ "name": "address" }, { "name": "price", "type": "number" }],
    })
}

impl World {
    fn new(
        name: &'static str,
        store: &Store,
        clock: &Arc<ManualClock>,
        seeded: &Seeded,
        pool: &PgPool,
    ) -> Self {
        let runtime = Runtime {
            store: store.clone(),
            stream: memory::open(memory::MemoryConfig::new(default_topics(1))).unwrap(),
            bots: Arc::default(),
            clock: Arc::clone(clock) as _,
            ids: Arc::clone(clock) as _,
            understandings: Arc::new(Understandings::new(store.clone(), Arc::new(Models::none()))),
            options: crate::Options::default(),
        };
        Self { name, runtime, seeded: seeded.clone(), pool: pool.clone(), appended: 0 }
    }

    fn stream(&self) -> &dyn Stream {
        &*self.runtime.stream
    }

    async fn append(&mut self, address: &str, what: Inbound, dedupe: String) {
        let (now, id) = (self.runtime.clock.now(), Id::new(self.runtime.ids.next()));
        let channel: ChannelId = self.seeded.telegram;
        let key = ConversationKey::new(channel, address);
        let envelope = Envelope {
            schema: envelope::SCHEMA,
            id,
            org: self.seeded.org,
            bot: Some(self.seeded.bot),
            channel,
            kind: ChannelKind::Telegram,
            key: key.clone(),
            times: Times { received: now, verified: now },
            trace: TraceContext::starting(id),
            body: InboundEvent {
                sender: Sender { address: address.to_owned(), ..Sender::default() },
                thread: String::new(),
                dedupe,
                occurred_at: Some(now),
                what,
            },
        };
        let payload = envelope.encode().unwrap();
        let record = Record::new(key.as_str(), payload);
        self.stream().append(INBOUND, vec![record]).await.unwrap();
    }

    async fn happens(&mut self, address: &str, happening: &Happening) {
        match happening {
            Happening::Says(text) => {
                self.appended += 1;
                let provider_id = format!("{address}-{}", self.appended);
                let content = Content::text(*text);
                let what = Inbound::Message { provider_id: provider_id.clone(), content, reply_to: None };
                self.append(address, what, provider_id).await;
            }
            Happening::Answers(times) => {
                for Asked { conversation, question, .. } in self.asked(address).await {
                    let body = Value::object([("price", Value::Number(12.5))]);
                    let answer = json!(Answer::Http { status: 200, headers: [].into(), body });
                    let dedupe = format!("answer:{conversation}:{}", question.id);
                    for _ in 0..*times {
                        let answer = answer.clone();
                        let what =
                            Inbound::Answer { conversation, question: question.id, answer, message: None };
                        self.append(address, what, dedupe.clone()).await;
                    }
                }
            }
            Happening::Waits => {
                let due: Option<(Uuid, DateTime<Utc>)> = sqlx::query_as(
                    "SELECT v.id, v.next_timer_at FROM conversations v JOIN channel_contacts c ON c.id = v.contact_id
                      WHERE c.external_id = $1 AND v.next_timer_at <= $2",
                )
                .bind(address)
                .bind(self.runtime.clock.now())
                .fetch_optional(&self.pool)
                .await
                .unwrap();
                if let Some((conversation, due)) = due {
                    let dedupe = format!("timeout:{conversation}:{}", due.timestamp_micros());
                    self.append(
                        address,
                        Inbound::Timeout { conversation: Id::new(conversation), due },
                        dedupe,
                    )
                    .await;
                }
            }
        }
    }

    /// The questions of a conversation, as they stand in the outbox.
    async fn asked(&self, address: &str) -> Vec<Asked> {
        let key = ConversationKey::new(self.seeded.telegram, address);
        let rows: Vec<Json> = sqlx::query_scalar(
            "SELECT payload -> 'body' FROM outbox_events WHERE topic = $1 AND partition_key = $2 ORDER BY position",
        )
        .bind(QUESTIONS)
        .bind(key.as_str())
        .fetch_all(&self.pool)
        .await
        .unwrap();
        rows.into_iter().map(|row| serde_json::from_value(row).unwrap()).collect()
    }

    async fn left(&self) -> u64 {
        let lag = self.stream().lag(INBOUND, GROUP).await.unwrap();
        lag.iter().map(botbuilder_stream::PartitionLag::records).sum()
    }

    /// Works until nothing is left, with as many polls in each life as `polls` says of its number, from 1. Returns how
    /// many lives it took.
    async fn work(&self, mut polls: impl FnMut(usize) -> usize) -> usize {
        for life in 1..=LIVES {
            if self.left().await == 0 {
                return life - 1;
            }
            let mut subscription = self.stream().subscribe(INBOUND, GROUP).await.unwrap();
            let partition = subscription.assigned().await.unwrap().unwrap();
            let worker = Worker {
                runtime: self.runtime.clone(),
                partition: partition.id(),
                revoked: partition.revoked(),
                stop: CancellationToken::new(),
            };
            let idle = async {
                while self.left().await > 0 {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            };
            tokio::select! {
                _ = Killed { inner: Box::pin(worker.run(partition)), polls: polls(life) } => {}
                () = idle => {}
            }
        }
        panic!("the work is never done");
    }

    /// What a conversation left, without what is different each time.
    async fn state(&self, address: &str) -> Json {
        // The session is compared itself: a message that waits in it names its contact, and so does its digest.
        let (state, contact): (Json, Uuid) = sqlx::query_as(
            r"
            SELECT jsonb_build_object(
                'conversation', jsonb_build_array(v.runtime_state, v.state_version, v.message_count, v.unread_count,
                                                  v.next_timer_at, v.recorded_version),
                'contact', jsonb_build_array(c.tags, c.inbound_count, c.outbound_count),
                'messages', (SELECT jsonb_agg(jsonb_build_array(direction, kind, text, status) ORDER BY id)
                               FROM channel_messages m WHERE m.conversation_id = v.id),
                'outbox', (SELECT jsonb_agg(jsonb_build_array(topic, event_type) ORDER BY position)
                             FROM outbox_events o WHERE o.partition_key = $3),
                'mails', (SELECT count(*) FROM email_notifications e WHERE e.dedupe_key LIKE 'flow:' || v.id || ':%'),
                'turns', (SELECT jsonb_agg(jsonb_build_array(number, at, encode(substr(digest, 1, 24), 'hex'), input - 'context') ORDER BY number)
                            FROM conversation_turns t WHERE t.conversation_id = v.id)), c.id
            FROM channel_contacts c JOIN conversations v ON v.contact_id = c.id
            WHERE c.organization_id = $1 AND c.external_id = $2
            ",
        )
        .bind(self.seeded.org.uuid())
        .bind(address)
        .bind(ConversationKey::new(self.seeded.telegram, address).as_str())
        .fetch_one(&self.pool)
        .await
        .unwrap();
        serde_json::from_str(&state.to_string().replace(&contact.to_string(), "contact")).unwrap()
    }
}

/// Two worlds: in one of them workers are killed.
struct Pair {
    calm: World,
    wild: World,
    clock: Arc<ManualClock>,
    conversations: usize,
}

impl Pair {
    async fn new(database: &TestDatabase) -> Self {
        let store = Store::connect(database.url(), 4).await.unwrap();
        let pool = database.pool().await;
        let clock = Arc::new(ManualClock::new(SystemClock.now()));
        let plan = Plan {
            slug: "shop".to_owned(),
            flow: flow(),
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
        let root = RootKey::generate().unwrap();
        let seeded = seed(&store, &root, &*clock, &*clock, &plan).await.unwrap();
        let calm = World::new("calm", &store, &clock, &seeded, &pool);
        let wild = World::new("wild", &store, &clock, &seeded, &pool);
        Self { calm, wild, clock, conversations: 0 }
    }

    /// Has the same conversation in both; each life of a worker in the wild one has as many polls as `lives` says of its
    /// number in its turn.
    async fn converse(&mut self, happenings: &[Happening], mut lives: impl FnMut(usize) -> usize) -> usize {
        self.conversations += 1;
        let address = |world: &World| format!("{}-{}", world.name, self.conversations);
        let (calm, wild) = (address(&self.calm), address(&self.wild));
        let mut taken = 0;
        for happening in happenings {
            if matches!(happening, Happening::Waits) {
                self.clock.advance(TimeDelta::seconds(90));
            }
            self.calm.happens(&calm, happening).await;
            self.wild.happens(&wild, happening).await;
            self.calm.work(|_| NEVER).await;
            taken += self.wild.work(&mut lives).await;
        }
        let (calm, wild) = (self.calm.state(&calm).await, self.wild.state(&wild).await);
        assert_eq!(wild, calm, "after {taken} lives of a worker: {happenings:?}");
        taken
    }
}

/// From the first message to the mail and the last timer.
const WHOLE: [Happening; 5] = [
    Happening::Says("hi"),
    Happening::Says("ada@example.org"),
    Happening::Answers(1),
    Happening::Waits,
    Happening::Says("hi again"),
];

#[tokio::test]
async fn a_worker_that_dies_at_any_place_leaves_the_same() {
    let database = TestDatabase::new().await;
    let mut pair = Pair::new(&database).await;
    // Each turn is killed once after so many polls; a life that is long enough comes to its end.
    let mut died = 0;
    for polls in (1..60).step_by(3) {
        let taken = pair.converse(&WHOLE, |life| if life == 1 { polls } else { NEVER }).await;
        died += taken.saturating_sub(WHOLE.len());
    }
    assert!(died >= WHOLE.len(), "only {died} workers died before their work was done");
}

#[test]
fn workers_that_die_at_random_leave_the_same() {
    let threads = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let database = threads.block_on(TestDatabase::new());
    let pair = std::cell::RefCell::new(threads.block_on(Pair::new(&database)));
    let happening = prop_oneof![
        4 => prop::sample::select(vec!["hi", "ada@example.org", "nonsense", "bob@example.org"]).prop_map(Happening::Says),
        2 => (1_usize..3).prop_map(Happening::Answers),
        1 => Just(Happening::Waits),
    ];
    let happenings = prop::collection::vec(happening, 1..7);
    let lives = prop::collection::vec(1_usize..60, 1..12);
    let config = ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() };
    let result = TestRunner::new(config).run(&(happenings, lives), |(mut happenings, lives)| {
        // A conversation begins with somebody who says something.
        happenings.insert(0, Happening::Says("hi"));
        let mut lives = lives.into_iter();
        let mut pair = pair.borrow_mut();
        threads.block_on(pair.converse(&happenings, |_| lives.next().unwrap_or(NEVER)));
        Ok(())
    });
    result.unwrap();
}

/// One organization, one worker, nothing killed.
async fn calm(database: &TestDatabase) -> World {
    Pair::new(database).await.calm
}

async fn row<T>(world: &World, query: &'static str) -> T
where
    T: for<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow> + Send + Unpin,
{
    sqlx::query_as(query).fetch_one(&world.pool).await.unwrap()
}

#[tokio::test]
async fn what_a_person_writes_elsewhere_stands_in_the_conversation_and_the_bot_is_silent() {
    let database = TestDatabase::new().await;
    let mut world = calm(&database).await;
    world.happens("1", &Happening::Says("hi")).await;
    world.work(|_| NEVER).await;
    let content = Content::text("I am here");
    let echo = Inbound::Echo { provider_id: "e1".to_owned(), content, may_be_ours: false };
    world.append("1", echo, "echo:e1".to_owned()).await;
    world.happens("1", &Happening::Says("ada@example.org")).await;
    let delivered = Inbound::Status {
        provider_id: "e1".to_owned(),
        status: botbuilder_domain::DeliveryStatus::Delivered,
        failure: None,
        correlation: None,
        and_before: false,
    };
    world.append("1", delivered, "status:e1".to_owned()).await;
    world.work(|_| NEVER).await;

    let query = "SELECT m.direction, m.sender_type, m.status, v.mode, v.unread_count FROM channel_messages m
                 JOIN conversations v ON v.id = m.conversation_id WHERE m.provider_message_id = 'e1'";
    let found: (String, String, String, String, i32) = row(&world, query).await;
    let expected = ("outbound", "agent", "delivered", "human", 1);
    assert_eq!((&*found.0, &*found.1, &*found.2, &*found.3, found.4), expected);
    // The bot asked before, and says nothing to what came after.
    let (bots, asked): (i64, i64) = row(
        &world,
        "SELECT count(*) FILTER (WHERE sender_type = 'bot'),
                (SELECT count(*) FROM outbox_events WHERE topic = 'questions') FROM channel_messages",
    )
    .await;
    assert_eq!((bots, asked), (2, 0));
}

#[tokio::test]
async fn a_person_goes_on_under_a_new_address_and_what_is_answered_is_named() {
    let database = TestDatabase::new().await;
    let mut world = calm(&database).await;
    world.happens("1", &Happening::Says("hi")).await;
    let moved = Inbound::ContactChanged { new_address: Some("2".to_owned()), blocked: None };
    world.append("1", moved, "moved".to_owned()).await;
    world.work(|_| NEVER).await;
    let answer = Inbound::Message {
        provider_id: "2-1".to_owned(),
        content: Content::text("ada@example.org"),
        reply_to: Some("1-1".to_owned()),
    };
    world.append("2", answer, "2-1".to_owned()).await;
    world.work(|_| NEVER).await;

    let (contacts, conversations, asked): (i64, i64, i64) = row(
        &world,
        "SELECT count(*), (SELECT count(*) FROM conversations),
                (SELECT count(*) FROM outbox_events WHERE topic = 'questions') FROM channel_contacts",
    )
    .await;
    assert_eq!((contacts, conversations, asked), (1, 1, 1), "the flow goes on where it was");
    let (address, before, answered): (String, Option<String>, Option<String>) = row(
        &world,
        "SELECT c.external_id, c.alt_external_id, a.provider_message_id FROM channel_messages m
         JOIN channel_contacts c ON c.id = m.contact_id JOIN channel_messages a ON a.id = m.reply_to_id
         WHERE m.provider_message_id = '2-1'",
    )
    .await;
    assert_eq!((&*address, before.as_deref(), answered.as_deref()), ("2", Some("1"), Some("1-1")));
}
