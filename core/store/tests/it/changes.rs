//! What is told about a message ends in the same row, in whatever order and number it comes.

use botbuilder_domain::{Content, DeliveryStatus, Failure, MessageId, OrgId};
use botbuilder_store::{
    OrgScope, Store,
    channels::channel_messages::{self, Amended, Reported},
};
use botbuilder_testkit::database::TestDatabase;
use chrono::{DateTime, TimeDelta, Utc};
use proptest::{
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{Config, TestRunner},
};
use sqlx::{PgPool, Row as _};
use uuid::Uuid;

use crate::fixture::{self, Tenant};

/// Cases of each property; every one is some dozen statements.
const CASES: u32 = 40;

fn at(second: i64) -> DateTime<Utc> {
    DateTime::<Utc>::UNIX_EPOCH + TimeDelta::seconds(1_700_000_000 + second)
}

/// These, some of them twice, in any order.
fn told<T: Clone + std::fmt::Debug + 'static>(all: Vec<T>) -> impl Strategy<Value = Vec<T>> {
    let most = all.len();
    proptest::sample::subsequence(all, 0..=most)
        .prop_flat_map(|some| {
            let most = some.len();
            (Just(some.clone()), proptest::sample::subsequence(some, 0..=most))
        })
        .prop_map(|(some, again)| some.into_iter().chain(again).collect::<Vec<T>>())
        .prop_shuffle()
}

async fn message(admin: &PgPool, tenant: &Tenant, inbound: bool) -> Uuid {
    let mut connection = admin.acquire().await.unwrap();
    if !inbound {
        return fixture::queued_message(&mut connection, tenant).await;
    }
    let id = fixture::id();
    sqlx::query(
        "INSERT INTO channel_messages (id, created_at, organization_id, channel_id, conversation_id, contact_id,
                                       direction, sender_type, text, payload, status)
         VALUES ($1, app.uuid_v7_ts($1), $2, $3, $4, $5, 'inbound', 'contact', 'as it came',
                 '{\"kind\": \"text\", \"text\": \"as it came\"}', 'received')",
    )
    .bind(id)
    .bind(tenant.organization)
    .bind(tenant.channel)
    .bind(tenant.conversation)
    .bind(tenant.contact)
    .execute(&mut *connection)
    .await
    .unwrap();
    id
}

/// A change by its second; the last one may be the removal.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Change {
    Edit(i64),
    Remove(i64),
}

#[tokio::test]
async fn edits_and_removals_in_any_order_end_in_the_same_message() {
    let database = TestDatabase::new().await;
    let admin = database.pool().await;
    let tenant = fixture::tenant(&admin, "acme").await;
    let store = Store::connect(database.url(), 2).await.unwrap();
    let scope = OrgScope::of_service(OrgId::from(tenant.organization));
    let mut runner = TestRunner::new(Config::default());
    let changes = (1..=4).map(Change::Edit).chain([Change::Remove(5)]).collect();
    let changes = told(changes);
    for _ in 0..CASES {
        let changes = changes.new_tree(&mut runner).unwrap().current();
        let id = message(&admin, &tenant, true).await;
        let mut tx = store.begin_turn(&scope).await.unwrap();
        for change in &changes {
            let (content, second) = match change {
                Change::Edit(second) => (Some(Content::text(format!("edit {second}"))), *second),
                Change::Remove(second) => (None, *second),
            };
            let amended = Amended { id: MessageId::new(id), content, at: at(second) };
            channel_messages::amend(&mut tx, &scope, &amended).await.unwrap();
        }
        tx.commit().await.unwrap();

        let row = sqlx::query(
            "SELECT text, coalesce(payload ->> 'text', ''), edited_at, redacted_at FROM channel_messages WHERE id = $1",
        )
        .bind(id)
        .fetch_one(&admin)
        .await
        .unwrap();
        let instants: [Option<DateTime<Utc>>; 2] = [row.get(2), row.get(3)];
        let found: (Option<String>, String, _) = (row.get(0), row.get(1), instants);
        let last = changes
            .iter()
            .filter_map(|change| match change {
                Change::Edit(second) => Some(*second),
                Change::Remove(_) => None,
            })
            .max();
        let wanted = match last {
            _ if changes.contains(&Change::Remove(5)) => (None, String::new(), [None, Some(at(5))]),
            Some(last) => (Some(format!("edit {last}")), format!("edit {last}"), [Some(at(last)), None]),
            None => (Some("as it came".to_owned()), "as it came".to_owned(), [None, None]),
        };
        assert_eq!(found, wanted, "{changes:?}");
    }
    store.close().await;
}

#[tokio::test]
async fn reports_in_any_order_end_in_the_same_state_with_the_same_instants() {
    use DeliveryStatus::{Delivered, Failed, Read, Sent};
    const WORDS: [(DeliveryStatus, i64); 4] = [(Sent, 1), (Failed, 2), (Delivered, 3), (Read, 4)];
    let database = TestDatabase::new().await;
    let admin = database.pool().await;
    let tenant = fixture::tenant(&admin, "acme").await;
    let store = Store::connect(database.url(), 2).await.unwrap();
    let scope = OrgScope::of_service(OrgId::from(tenant.organization));
    let mut runner = TestRunner::new(Config::default());
    let words = told(WORDS.to_vec());
    for _ in 0..CASES {
        let words = words.new_tree(&mut runner).unwrap().current();
        let id = message(&admin, &tenant, false).await;
        let mut tx = store.begin_turn(&scope).await.unwrap();
        for (status, second) in &words {
            let failure = (*status == Failed).then(|| Failure {
                code: "undeliverable".to_owned(),
                provider_code: None,
                message: "nobody there".to_owned(),
            });
            let report = Reported {
                id: MessageId::new(id),
                status: *status,
                at: at(*second),
                provider_id: "1".to_owned(),
                failure,
                and_before: false,
            };
            channel_messages::apply_statuses(&mut tx, &scope, &[report]).await.unwrap();
        }
        tx.commit().await.unwrap();

        let row = sqlx::query(
            "SELECT status, sent_at, delivered_at, read_at, failed_at IS NOT NULL, error_code
               FROM channel_messages WHERE id = $1",
        )
        .bind(id)
        .fetch_one(&admin)
        .await
        .unwrap();
        let instants: [Option<DateTime<Utc>>; 3] = [row.get(1), row.get(2), row.get(3)];
        let found: (String, _, bool, Option<String>) = (row.get(0), instants, row.get(4), row.get(5));
        // The first of these that was told is the instant of each that it implies.
        let first = |of: &[DeliveryStatus]| {
            WORDS
                .iter()
                .find(|told| of.contains(&told.0) && words.contains(told))
                .map(|(_, second)| at(*second))
        };
        let has = |status| words.iter().any(|(told, _)| *told == status);
        let status = [(Read, "read"), (Delivered, "delivered"), (Failed, "failed"), (Sent, "sent")];
        let status = status.into_iter().find(|(status, _)| has(*status)).map_or("queued", |(_, word)| word);
        let failed = status == "failed";
        let instants = [first(&[Sent, Delivered, Read]), first(&[Delivered, Read]), first(&[Read])];
        let wanted = (status.to_owned(), instants, failed, failed.then(|| "undeliverable".to_owned()));
        assert_eq!(found, wanted, "{words:?}");
    }
    store.close().await;
}

#[tokio::test]
async fn what_was_sent_before_a_message_that_was_seen_was_seen_in_whatever_order_that_is_told() {
    use DeliveryStatus::{Delivered, Read, Sent};
    let database = TestDatabase::new().await;
    let admin = database.pool().await;
    let tenant = fixture::tenant(&admin, "acme").await;
    let store = Store::connect(database.url(), 2).await.unwrap();
    let scope = OrgScope::of_service(OrgId::from(tenant.organization));
    let mut runner = TestRunner::new(Config::default());
    // The provider took all of them; what it tells of them then comes in any order.
    let words: Vec<(usize, DeliveryStatus)> =
        (0..3).flat_map(|which| [(which, Sent), (which, Delivered)]).chain([(1, Read)]).collect();
    let words = told(words);
    for _ in 0..CASES {
        let words = words.new_tree(&mut runner).unwrap().current();
        let mut ids = Vec::new();
        for _ in 0..3 {
            ids.push(message(&admin, &tenant, false).await);
        }
        let mut tx = store.begin_turn(&scope).await.unwrap();
        let taken = (0..3).map(|which| (which, Sent));
        for (which, status) in taken.chain(words.iter().copied()) {
            let id = MessageId::new(ids[which]);
            let report = Reported {
                id,
                status,
                at: at(4),
                provider_id: which.to_string(),
                failure: None,
                and_before: status == Read,
            };
            channel_messages::apply_statuses(&mut tx, &scope, &[report]).await.unwrap();
            if status == Read {
                channel_messages::read_before(&mut tx, &scope, id, at(4)).await.unwrap();
            }
        }
        tx.commit().await.unwrap();
        let mut found = Vec::new();
        for id in &ids {
            let row = sqlx::query("SELECT status FROM channel_messages WHERE id = $1").bind(id);
            found.push(row.fetch_one(&admin).await.unwrap().get::<String, _>(0));
        }
        let seen = words.contains(&(1, Read));
        let word = |which: usize| match which {
            0 | 1 if seen => "read",
            _ if words.contains(&(which, Delivered)) => "delivered",
            _ => "sent",
        };
        assert_eq!(found, [word(0), word(1), word(2)], "{words:?}");
    }
    store.close().await;
}
