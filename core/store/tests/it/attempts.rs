//! Sending attempts: messages of several parts, contacts that get nothing, and what counts.

use botbuilder_domain::{DeliveryStatus, Failure, MessageId, OrgId};
use botbuilder_store::{
    OrgScope, Store,
    channels::{
        batches,
        channel_messages::{self, Bar, Claim, Outcome, Reported, Settled, Wanted},
        channels::{self, Health},
    },
    system::retention,
};
use botbuilder_testkit::database::TestDatabase;
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{PgPool, Row as _};

use crate::fixture::{self, Tenant};

/// A message of the fixture's contact, and everything that is done to it.
struct Message<'t> {
    store: &'t Store,
    admin: &'t PgPool,
    scope: OrgScope,
    id: MessageId,
}

impl<'t> Message<'t> {
    async fn queued(store: &'t Store, admin: &'t PgPool, tenant: &Tenant) -> Self {
        let mut connection = admin.acquire().await.unwrap();
        let id = MessageId::new(fixture::queued_message(&mut connection, tenant).await);
        Self { store, admin, scope: OrgScope::of_service(OrgId::from(tenant.organization)), id }
    }

    async fn claim(&self, campaign: bool) -> Claim {
        let mut tx = self.store.begin_turn(&self.scope).await.unwrap();
        let wanted = [Wanted { id: self.id, campaign }];
        let claims = channel_messages::claim_many(&mut tx, &self.scope, &wanted, now()).await.unwrap();
        tx.commit().await.unwrap();
        claims.into_iter().next().unwrap()
    }

    async fn settle(&self, tenant: &Tenant, result: Settled, contact: Option<Bar>) {
        let mut tx = self.store.begin_turn(&self.scope).await.unwrap();
        let outcome = Outcome { id: self.id, channel: tenant.channel.into(), result, contact, at: now() };
        channel_messages::settle_many(&mut tx, &self.scope, &[outcome]).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn report(&self, part: &str, status: DeliveryStatus) {
        let report = Reported {
            id: self.id,
            status,
            at: now(),
            provider_id: part.to_owned(),
            failure: (status == DeliveryStatus::Failed).then(failure),
            and_before: false,
        };
        let mut tx = self.store.begin_turn(&self.scope).await.unwrap();
        channel_messages::apply_statuses(&mut tx, &self.scope, &[report]).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn again(&self, uncertain: bool) {
        let mut tx = self.store.begin(&self.scope).await.unwrap();
        let again = batches::queue_again(&mut tx, &self.scope, self.id, uncertain, now()).await.unwrap();
        assert!(again.is_some());
        tx.commit().await.unwrap();
    }

    /// Its status, the attempts that count, and whether it was sent, delivered and read.
    async fn state(&self) -> (String, i32, [bool; 3]) {
        let row = sqlx::query(
            "SELECT status, attempts, sent_at IS NOT NULL, delivered_at IS NOT NULL, read_at IS NOT NULL
               FROM channel_messages WHERE id = $1",
        )
        .bind(self.id.uuid())
        .fetch_one(self.admin)
        .await
        .unwrap();
        (row.get(0), row.get(1), [row.get(2), row.get(3), row.get(4)])
    }
}

fn now() -> DateTime<Utc> {
    DateTime::<Utc>::UNIX_EPOCH + TimeDelta::seconds(1_700_000_000)
}

fn failure() -> Failure {
    Failure { code: "refused".to_owned(), provider_code: None, message: "no".to_owned() }
}

fn parts(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

fn retry(taken: &[&str], counts: bool) -> Settled {
    Settled::Retry { at: now(), failure: failure(), taken: parts(taken), counts }
}

fn granted(attempt: u32, taken: &[&str]) -> Claim {
    Claim::Granted { attempt, taken: parts(taken) }
}

#[tokio::test]
async fn a_part_that_arrived_does_not_end_a_message_whose_others_are_to_be_sent() {
    let database = TestDatabase::new().await;
    let admin = database.pool().await;
    let tenant = fixture::tenant(&admin, "acme").await;
    let store = Store::connect(database.url(), 2).await.unwrap();

    for reported in [DeliveryStatus::Sent, DeliveryStatus::Delivered, DeliveryStatus::Read] {
        let message = Message::queued(&store, &admin, &tenant).await;
        assert_eq!(message.claim(false).await, granted(1, &[]));
        // The first part is reported before the answer about the second is there, and again after it.
        message.report("p1", reported).await;
        message.settle(&tenant, retry(&["p1"], true), None).await;
        assert_eq!(message.state().await, ("queued".to_owned(), 1, [false; 3]), "{reported:?}");
        message.report("p1", reported).await;
        assert_eq!(message.state().await.0, "queued");
        assert_eq!(message.claim(false).await, granted(2, &["p1"]));
        message.report("p1", reported).await;
        message.settle(&tenant, Settled::Sent { provider_ids: parts(&["p1", "p2"]) }, None).await;
        assert_eq!(message.state().await.0, "sent");
        message.report("p2", reported).await;
        assert_eq!(message.state().await.0, reported.as_str());
        assert_eq!(message.claim(false).await, Claim::Settled);
    }
    // What was taken although the answer was lost is not sent again.
    let message = Message::queued(&store, &admin, &tenant).await;
    assert_eq!(message.claim(false).await, granted(1, &[]));
    message.report("p1", DeliveryStatus::Sent).await;
    message.settle(&tenant, retry(&[], true), None).await;
    assert_eq!(message.claim(false).await, Claim::Settled);
    store.close().await;
}

#[tokio::test]
async fn parts_that_were_taken_are_remembered_however_the_rest_ends() {
    let database = TestDatabase::new().await;
    let admin = database.pool().await;
    let tenant = fixture::tenant(&admin, "acme").await;
    let store = Store::connect(database.url(), 2).await.unwrap();

    let message = Message::queued(&store, &admin, &tenant).await;
    message.claim(false).await;
    message.report("p1", DeliveryStatus::Delivered).await;
    let failed = Settled::Failed { failure: failure(), taken: parts(&["p1"]) };
    message.settle(&tenant, failed, None).await;
    assert_eq!(message.state().await, ("failed".to_owned(), 1, [false; 3]));
    message.report("p1", DeliveryStatus::Read).await;
    assert_eq!(message.state().await.0, "failed", "the first part says nothing of the second");
    message.again(false).await;
    assert_eq!(message.claim(false).await, granted(1, &["p1"]));

    let message = Message::queued(&store, &admin, &tenant).await;
    message.claim(false).await;
    message.report("p1", DeliveryStatus::Sent).await;
    let uncertain = Settled::Uncertain { failure: failure(), taken: parts(&["p1"]) };
    message.settle(&tenant, uncertain, None).await;
    assert_eq!(message.state().await.0, "queued");
    message.again(true).await;
    assert_eq!(message.claim(false).await, granted(1, &["p1"]));

    // What the provider lost after it had taken all of it goes again as a whole.
    message.settle(&tenant, Settled::Sent { provider_ids: parts(&["p1", "p2"]) }, None).await;
    message.report("p2", DeliveryStatus::Failed).await;
    assert_eq!(message.state().await.0, "failed");
    message.again(false).await;
    assert_eq!(message.claim(false).await, granted(1, &[]));
    store.close().await;
}

#[tokio::test]
async fn who_is_blocked_gets_nothing_and_who_opted_out_no_campaign() {
    let database = TestDatabase::new().await;
    let admin = database.pool().await;
    let tenant = fixture::tenant(&admin, "acme").await;
    let store = Store::connect(database.url(), 2).await.unwrap();
    let contact = async |change: &str| {
        let change = format!("UPDATE channel_contacts SET {change}");
        fixture::execute(&admin, &change).await;
    };

    let message = Message::queued(&store, &admin, &tenant).await;
    for by in ["us", "them"] {
        contact(&format!("blocked_at = now(), blocked_by = '{by}'")).await;
        assert_eq!(message.claim(false).await, Claim::Barred(Bar::Blocked), "{by}");
    }
    contact("blocked_at = NULL, blocked_by = NULL, consent = 'opted_out'").await;
    assert_eq!(message.claim(true).await, Claim::Barred(Bar::OptedOut));
    assert_eq!(message.state().await.1, 0, "none of these was an attempt");
    assert_eq!(message.claim(false).await, granted(1, &[]));
    assert_eq!(message.claim(true).await, Claim::Uncertain, "what was begun stays begun");
    store.close().await;
}

#[tokio::test]
async fn what_a_provider_tells_of_a_contact_is_noted_and_our_block_stays_ours() {
    let database = TestDatabase::new().await;
    let admin = database.pool().await;
    let tenant = fixture::tenant(&admin, "acme").await;
    let store = Store::connect(database.url(), 2).await.unwrap();
    let tell = async |bar| {
        let message = Message::queued(&store, &admin, &tenant).await;
        message.claim(false).await;
        let failed = Settled::Failed { failure: failure(), taken: Vec::new() };
        message.settle(&tenant, failed, Some(bar)).await;
        let row = sqlx::query("SELECT blocked_by, consent, consent_at IS NOT NULL FROM channel_contacts");
        let row = row.fetch_one(&admin).await.unwrap();
        let blocked_by: Option<String> = row.get(0);
        (blocked_by, row.get::<String, _>(1), row.get::<bool, _>(2))
    };

    assert_eq!(tell(Bar::OptedOut).await, (None, "opted_out".to_owned(), true));
    assert_eq!(tell(Bar::Blocked).await, (Some("them".to_owned()), "opted_out".to_owned(), true));
    fixture::execute(&admin, "UPDATE channel_contacts SET blocked_by = 'us'").await;
    assert_eq!(tell(Bar::Blocked).await.0.as_deref(), Some("us"));
    store.close().await;
}

#[tokio::test]
async fn to_be_told_to_wait_is_no_attempt() {
    let database = TestDatabase::new().await;
    let admin = database.pool().await;
    let tenant = fixture::tenant(&admin, "acme").await;
    let store = Store::connect(database.url(), 2).await.unwrap();
    let message = Message::queued(&store, &admin, &tenant).await;
    for _ in 0..3 {
        assert_eq!(message.claim(false).await, granted(1, &[]));
        message.settle(&tenant, retry(&[], false), None).await;
        assert_eq!(message.state().await.1, 0);
    }
    message.claim(false).await;
    message.settle(&tenant, retry(&[], true), None).await;
    assert_eq!(message.claim(false).await, granted(2, &[]));
    store.close().await;
}

#[tokio::test]
async fn what_nobody_reports_on_is_given_up_and_what_somebody_did_is_not() {
    let database = TestDatabase::new().await;
    let admin = database.pool().await;
    let tenant = fixture::tenant(&admin, "acme").await;
    let store = Store::connect(database.url(), 2).await.unwrap();
    let scope = OrgScope::of_service(OrgId::from(tenant.organization));
    let mut messages = Vec::new();
    for _ in 0..2 {
        let message = Message::queued(&store, &admin, &tenant).await;
        message.claim(false).await;
        let uncertain = Settled::Uncertain { failure: failure(), taken: Vec::new() };
        message.settle(&tenant, uncertain, None).await;
        messages.push(message);
    }
    fixture::execute(&admin, "UPDATE channel_messages SET next_attempt_at = uncertain_at").await;
    let find = async |before| {
        let mut tx = store.begin_worker().await.unwrap();
        let found = retention::uncertain_before(&mut tx, before, 100).await.unwrap();
        tx.commit().await.unwrap();
        found
    };
    assert!(find(now()).await.is_empty(), "not yet");
    let later = now() + TimeDelta::seconds(1);
    let found = find(later).await;
    let ids: Vec<MessageId> = messages.iter().map(|message| message.id).collect();
    assert_eq!(found.get(&scope.org()), Some(&ids));
    messages[0].report("p1", DeliveryStatus::Delivered).await;
    let mut tx = store.begin_turn(&scope).await.unwrap();
    let given_up = channel_messages::give_up_uncertain(&mut tx, &scope, &ids, later).await.unwrap();
    tx.commit().await.unwrap();
    let given_up: Vec<(MessageId, u32)> =
        given_up.iter().map(|message| (message.id, message.attempt)).collect();
    assert_eq!(given_up, [(ids[1], 1)]);
    assert_eq!(messages[0].state().await.0, "delivered");
    assert_eq!(messages[1].state().await.0, "failed");
    store.close().await;
}

#[tokio::test]
async fn an_account_that_works_undoes_its_troubles_and_not_what_its_provider_said() {
    let database = TestDatabase::new().await;
    let admin = database.pool().await;
    let tenant = fixture::tenant(&admin, "acme").await;
    let store = Store::connect(database.url(), 2).await.unwrap();
    let scope = OrgScope::of_service(OrgId::from(tenant.organization));
    let works = async |code: &str| {
        let before =
            format!("UPDATE channels SET health = 'degraded', error_code = '{code}', error_message = 'so'");
        fixture::execute(&admin, &before).await;
        let mut tx = store.begin(&scope).await.unwrap();
        let channel = tenant.channel.into();
        let mut changes = Vec::new();
        for _ in 0..2 {
            let changed =
                channels::set_health(&mut tx, &scope, channel, Health::Healthy, None, now()).await.unwrap();
            changes.push(changed);
        }
        tx.commit().await.unwrap();
        changes
    };
    assert_eq!(works("provider_unavailable").await, [true, false]);
    assert_eq!(works("phone_number_quality_update").await, [false, false]);
    let mut tx = store.begin(&scope).await.unwrap();
    let stop = async |tx: &mut botbuilder_store::Tx| {
        channels::stop(tx, &scope, tenant.channel.into(), "account_stopped", "so", now()).await.unwrap()
    };
    assert!(stop(&mut tx).await);
    assert!(!stop(&mut tx).await, "it is told once");
    let channel = tenant.channel.into();
    let healthy = channels::set_health(&mut tx, &scope, channel, Health::Healthy, None, now()).await.unwrap();
    assert!(!healthy, "an operator has to look at it");
    tx.commit().await.unwrap();
    let mut tx = store.begin_worker().await.unwrap();
    let due = channels::to_check(&mut tx, now() + TimeDelta::days(1), 10).await.unwrap();
    assert!(due.is_empty(), "nor is it tried before: {due:?}");
    tx.commit().await.unwrap();
    store.close().await;
}

#[tokio::test]
async fn an_address_that_was_named_for_answers_is_found_while_it_is_good() {
    let database = TestDatabase::new().await;
    let admin = database.pool().await;
    let tenant = fixture::tenant(&admin, "acme").await;
    let store = Store::connect(database.url(), 2).await.unwrap();
    let message = Message::queued(&store, &admin, &tenant).await;
    let record = format!(
        "INSERT INTO outbox_events (id, organization_id, topic, partition_key, event_type, entity_id, payload, published_at)
         VALUES ('{}', '{}', 'outbound', 'k', 'message.send', '{}',
                 '{{\"body\": {{\"what\": {{\"reply_via\": \"https://hooks.test/1\"}}}}}}', now())",
        fixture::id(),
        tenant.organization,
        message.id.uuid(),
    );
    fixture::execute(&admin, &record).await;
    let since = async |interval: &str| {
        let row = sqlx::query(sqlx::AssertSqlSafe(format!("SELECT now() - interval '{interval}'")));
        let since: DateTime<Utc> = row.fetch_one(&admin).await.unwrap().get(0);
        let mut tx = store.begin(&message.scope).await.unwrap();
        let found = batches::reply_via(&mut tx, &message.scope, message.id, since).await.unwrap();
        tx.commit().await.unwrap();
        found
    };
    assert_eq!(since("30 minutes").await.as_deref(), Some("https://hooks.test/1"));
    assert_eq!(since("-1 minute").await, None);
    store.close().await;
}
