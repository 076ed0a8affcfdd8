//! Contacts, conversations and channels as events leave them.

use botbuilder_domain::{
    ChannelId, Clock as _, ContactId, ConversationId, Id, MessageId, Standing, SystemClock,
};
use botbuilder_store::{
    OrgScope, Store,
    channels::{
        addresses::{self, Change},
        channels,
        conversations::{self, Known, Lookup},
        hand_offs::{self, Assigned},
        inbox,
        refusals::{self, Refusal},
        snoozes,
    },
};
use botbuilder_testkit::database::TestDatabase;
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use crate::fixture::{Tenant, execute, id, queued_message, tenant};

struct Shop {
    store: Store,
    pool: PgPool,
    rows: Tenant,
    scope: OrgScope,
    _database: TestDatabase,
}

impl Shop {
    async fn open() -> Self {
        let database = TestDatabase::new().await;
        let pool = database.pool().await;
        let rows = tenant(&pool, "shop").await;
        let store = Store::connect(database.url(), 2).await.unwrap();
        let scope = OrgScope::of_service(Id::new(rows.organization));
        Self { store, pool, rows, scope, _database: database }
    }

    /// Another contact of the channel, with an open conversation.
    async fn other(&self, address: &str) -> (ContactId, Uuid) {
        let (contact, conversation) = (id(), id());
        let Tenant { organization, channel, bot, .. } = &self.rows;
        let statements = format!(
            "INSERT INTO channel_contacts (id, organization_id, channel_id, external_id, consent, consent_at)
                 VALUES ('{contact}', '{organization}', '{channel}', '{address}', 'opted_out', now());
             INSERT INTO conversations (id, organization_id, channel_id, contact_id, bot_id)
                 VALUES ('{conversation}', '{organization}', '{channel}', '{contact}', '{bot}');"
        );
        execute(&self.pool, &statements).await;
        (ContactId::new(contact), conversation)
    }

    async fn change(&self, contact: ContactId, change: Change) -> Option<ContactId> {
        let mut tx = self.store.begin(&self.scope).await.unwrap();
        let stays = addresses::change(&mut tx, &self.scope, contact, &change).await.unwrap();
        tx.commit().await.unwrap();
        stays
    }

    async fn known(&self, address: &str) -> Option<Known> {
        let lookup = Lookup {
            channel: ChannelId::new(self.rows.channel),
            addresses: vec![address.to_owned()],
            thread: String::new(),
        };
        let mut tx = self.store.begin(&self.scope).await.unwrap();
        let found = conversations::find_many(&mut tx, &self.scope, &[lookup]).await.unwrap();
        tx.commit().await.unwrap();
        found.into_iter().next().flatten()
    }

    async fn due(&self) -> Vec<Uuid> {
        let now = SystemClock.now() + TimeDelta::hours(1);
        let mut tx = self.store.begin_worker().await.unwrap();
        let due = conversations::due(&mut tx, now, None, 10).await.unwrap();
        tx.commit().await.unwrap();
        due.into_iter().map(|timer| timer.id.uuid()).collect()
    }
}

#[tokio::test]
async fn a_contact_whose_address_changes_keeps_its_conversation_and_is_found_under_both() {
    let shop = Shop::open().await;
    let contact = ContactId::new(shop.rows.contact);
    assert_eq!(shop.change(contact, Change::Moved("2002".to_owned())).await, Some(contact));
    for address in ["2002", "1001"] {
        let known = shop.known(address).await.unwrap();
        assert_eq!(known.contact, contact);
        assert_eq!(known.external_id, "2002");
        assert_eq!(known.alt_external_id.as_deref(), Some("1001"));
        assert_eq!(known.conversation.unwrap().id.uuid(), shop.rows.conversation);
    }
    // Told again, and told back.
    assert_eq!(shop.change(contact, Change::Moved("2002".to_owned())).await, Some(contact));
    assert_eq!(shop.change(contact, Change::Moved("1001".to_owned())).await, Some(contact));
    let known = shop.known("2002").await.unwrap();
    assert_eq!((known.external_id.as_str(), known.alt_external_id.as_deref()), ("1001", Some("2002")));
    assert_eq!(shop.change(ContactId::new(id()), Change::Moved("3".to_owned())).await, None);
}

#[tokio::test]
async fn a_contact_that_moves_to_the_address_of_another_becomes_that_one() {
    let shop = Shop::open().await;
    let (other, conversation) = shop.other("2002").await;
    let moved = shop.change(ContactId::new(shop.rows.contact), Change::Moved("2002".to_owned())).await;
    assert_eq!(moved, Some(other));
    let known = shop.known("1001").await.unwrap();
    assert_eq!(known.contact, other);
    assert_eq!(known.display_name.as_deref(), Some("Ada Example"));
    // The one that is open where messages come in now goes on, and what was before is part of the history.
    assert_eq!(known.conversation.unwrap().id.uuid(), conversation);
    let of_contact: Vec<(Uuid, String)> =
        sqlx::query_as("SELECT id, status FROM conversations WHERE contact_id = $1 ORDER BY status")
            .bind(other.uuid())
            .fetch_all(&shop.pool)
            .await
            .unwrap();
    let expected = [(shop.rows.conversation, "closed".to_owned()), (conversation, "open".to_owned())];
    assert_eq!(of_contact, expected);
}

#[tokio::test]
async fn a_second_address_makes_one_contact_of_two_and_a_refusal_of_either_holds() {
    let shop = Shop::open().await;
    let contact = ContactId::new(shop.rows.contact);
    shop.other("2002").await;
    assert_eq!(shop.change(contact, Change::Also("2002".to_owned())).await, Some(contact));
    assert_eq!(shop.known("2002").await.unwrap().contact, contact);
    let consent: String = sqlx::query_scalar("SELECT consent FROM channel_contacts WHERE id = $1")
        .bind(shop.rows.contact)
        .fetch_one(&shop.pool)
        .await
        .unwrap();
    assert_eq!(consent, "opted_out");
    assert_eq!(shop.change(contact, Change::Also("3003".to_owned())).await, Some(contact));
    assert_eq!(shop.known("3003").await.unwrap().contact, contact);
}

#[tokio::test]
async fn a_conversation_that_is_over_or_erased_has_no_timer_that_is_due() {
    let shop = Shop::open().await;
    let conversation = shop.rows.conversation;
    execute(
        &shop.pool,
        &format!("UPDATE conversations SET next_timer_at = now() WHERE id = '{conversation}'"),
    )
    .await;
    assert_eq!(shop.due().await, [conversation]);
    let close = "UPDATE conversations SET status = 'closed', closed_at = now()";
    execute(&shop.pool, close).await;
    assert_eq!(shop.due().await, Vec::<Uuid>::new());
    execute(&shop.pool, "UPDATE conversations SET status = 'open', closed_at = NULL").await;
    assert_eq!(shop.due().await, [conversation]);

    let mut tx = shop.store.begin(&shop.scope).await.unwrap();
    inbox::erase(&mut tx, &shop.scope, ContactId::new(shop.rows.contact)).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    assert_eq!(shop.due().await, Vec::<Uuid>::new());
    let version: i32 = sqlx::query_scalar("SELECT state_version FROM conversations WHERE id = $1")
        .bind(conversation)
        .fetch_one(&shop.pool)
        .await
        .unwrap();
    assert_eq!(version, 1, "a turn that was loaded before would bring its state back");
}

/// A queued message to the contact.
async fn message(shop: &Shop) -> MessageId {
    let mut connection = shop.pool.acquire().await.unwrap();
    MessageId::new(queued_message(&mut connection, &shop.rows).await)
}

#[tokio::test]
async fn a_failure_says_something_of_its_contact_unless_the_contact_has_written_since() {
    let shop = Shop::open().await;
    let message = message(&shop).await;
    let now = SystemClock.now();
    let note = async |refusal: Refusal| {
        let mut tx = shop.store.begin(&shop.scope).await.unwrap();
        refusals::note(&mut tx, &shop.scope, message, refusal, now).await.unwrap();
        tx.commit().await.unwrap();
        let row: (bool, Option<String>, String) = sqlx::query_as(
            "SELECT window_until > now() + interval '1 hour', blocked_by, consent FROM channel_contacts WHERE id = $1",
        )
        .bind(shop.rows.contact)
        .fetch_one(&shop.pool)
        .await
        .unwrap();
        row
    };
    let open = "UPDATE channel_contacts SET window_until = now() + interval '1 day', last_inbound_at = ";
    execute(&shop.pool, &format!("{open} now() + interval '1 minute'")).await;
    assert_eq!(note(Refusal::Window).await, (true, None, "unknown".to_owned()));
    assert_eq!(note(Refusal::Blocked).await, (true, None, "unknown".to_owned()));
    execute(&shop.pool, &format!("{open} now() - interval '1 day'")).await;
    assert_eq!(note(Refusal::Window).await, (false, None, "unknown".to_owned()));
    assert_eq!(note(Refusal::Blocked).await, (false, Some("them".to_owned()), "unknown".to_owned()));
    assert_eq!(note(Refusal::OptedOut).await, (false, Some("them".to_owned()), "opted_out".to_owned()));
}

#[tokio::test]
async fn a_conversation_rests_until_its_instant_and_not_longer() {
    let shop = Shop::open().await;
    let now = SystemClock.now();
    execute(
        &shop.pool,
        "UPDATE conversations SET status = 'snoozed', snoozed_until = now() + interval '1 hour'",
    )
    .await;
    let wake = async |now: DateTime<Utc>| {
        let mut tx = shop.store.begin_worker().await.unwrap();
        let due = snoozes::due(&mut tx, now, 10).await.unwrap();
        tx.commit().await.unwrap();
        let ids: Vec<ConversationId> = due.into_iter().map(|(_, id)| id).collect();
        let mut tx = shop.store.begin(&shop.scope).await.unwrap();
        let awake = snoozes::wake(&mut tx, &shop.scope, &ids, now).await.unwrap();
        tx.commit().await.unwrap();
        awake.into_iter().map(|awake| awake.id.uuid()).collect::<Vec<_>>()
    };
    assert_eq!(wake(now).await, Vec::<Uuid>::new());
    assert_eq!(wake(now + TimeDelta::hours(2)).await, [shop.rows.conversation]);
    assert_eq!(wake(now + TimeDelta::hours(2)).await, Vec::<Uuid>::new());
    let status: String = sqlx::query_scalar("SELECT status FROM conversations WHERE id = $1")
        .bind(shop.rows.conversation)
        .fetch_one(&shop.pool)
        .await
        .unwrap();
    assert_eq!(status, "open");
}

#[tokio::test]
async fn whoever_was_answered_is_waited_for_and_what_is_over_stays_over() {
    let shop = Shop::open().await;
    let after = async |before: &str| {
        execute(&shop.pool, &format!("UPDATE conversations SET {before}")).await;
        let mut tx = shop.store.begin(&shop.scope).await.unwrap();
        inbox::answered(&mut tx, &shop.scope, ConversationId::new(shop.rows.conversation)).await.unwrap();
        tx.commit().await.unwrap();
        let query = "SELECT status, mode FROM conversations WHERE id = $1";
        let row = sqlx::query_as::<_, (String, String)>(query).bind(shop.rows.conversation);
        row.fetch_one(&shop.pool).await.unwrap()
    };
    let pending = ("pending".to_owned(), "human".to_owned());
    assert_eq!(after("status = 'open'").await, pending);
    assert_eq!(after("status = 'snoozed', snoozed_until = now()").await, pending);
    assert_eq!(after("status = 'closed', closed_at = now()").await.0, "closed");
}

#[tokio::test]
async fn a_conversation_is_handed_to_whoever_is_there_and_had_none_for_longest() {
    let shop = Shop::open().await;
    let organization = shop.rows.organization;
    let hand_off = async |conversation: Uuid| {
        let mut tx = shop.store.begin(&shop.scope).await.unwrap();
        let (now, note) = (SystemClock.now(), Some("wants a person"));
        let id = ConversationId::new(conversation);
        let assigned = hand_offs::hand_off(&mut tx, &shop.scope, id, "high", note, now).await.unwrap();
        tx.commit().await.unwrap();
        assigned
    };
    // Nobody is there.
    assert_eq!(hand_off(shop.rows.conversation).await, None);
    let handed: (String, String, Option<String>) =
        sqlx::query_as("SELECT mode, priority, handoff_note FROM conversations WHERE id = $1")
            .bind(shop.rows.conversation)
            .fetch_one(&shop.pool)
            .await
            .unwrap();
    assert_eq!(handed, ("human".to_owned(), "high".to_owned(), Some("wants a person".to_owned())));

    // Two who may, one who may only read, and one who was not seen for a while.
    let mut members = Vec::new();
    for (name, role, seen) in [
        ("ann", "member", "1 minute"),
        ("bob", "admin", "2 minutes"),
        ("eve", "viewer", "1 minute"),
        ("joe", "admin", "1 hour"),
    ] {
        let (user, member) = (id(), id());
        members.push(member);
        let statements = format!(
            "INSERT INTO users (id, email, name) VALUES ('{user}', '{name}@shop.test', '{name}');
             INSERT INTO organization_members (id, organization_id, user_id, role_id)
                 SELECT '{member}', '{organization}', '{user}', id FROM roles WHERE code = '{role}';
             INSERT INTO user_sessions (user_id, active_organization_id, auth_method, token_hash, last_seen_at, expires_at)
                 VALUES ('{user}', '{organization}', 'password', sha256('{name}'), now() - interval '{seen}', now());"
        );
        execute(&shop.pool, &statements).await;
    }
    let [ann, bob, _, _] = members[..] else { panic!("four members") };
    let mut given = Vec::new();
    for address in ["2001", "2002", "2003", "2004"] {
        let (_, conversation) = shop.other(address).await;
        let assigned = hand_off(conversation).await.unwrap();
        assert!(assigned.anew);
        // Whoever has it keeps it.
        assert_eq!(hand_off(conversation).await, Some(Assigned { anew: false, ..assigned }));
        given.push(assigned.member);
    }
    assert_eq!(given, [ann, bob, ann, bob]);
}

#[tokio::test]
async fn what_is_said_of_an_account_stands_on_its_channel() {
    let shop = Shop::open().await;
    let now = SystemClock.now();
    let say = async |name: &str, standing: Standing| {
        let mut tx = shop.store.begin(&shop.scope).await.unwrap();
        let channel = ChannelId::new(shop.rows.channel);
        let stopped =
            channels::set_standing(&mut tx, &shop.scope, channel, name, &standing, now).await.unwrap();
        tx.commit().await.unwrap();
        let row: (String, String, Option<String>) =
            sqlx::query_as("SELECT status, health, error_code FROM channels WHERE id = $1")
                .bind(shop.rows.channel)
                .fetch_one(&shop.pool)
                .await
                .unwrap();
        (row, stopped)
    };
    let why = || "told by the provider".to_owned();
    let expected = |status: &str, health: &str, code: Option<&str>| {
        let stopped = status != "active";
        ((status.to_owned(), health.to_owned(), code.map(str::to_owned)), stopped)
    };
    let troubled = say("account_alerts", Standing::Troubled { why: why() }).await;
    assert_eq!(troubled, expected("active", "degraded", Some("account_alerts")));
    assert_eq!(say("account_update", Standing::Well).await, expected("active", "healthy", None));
    let down = say("account_update", Standing::Down { why: why() }).await;
    assert_eq!(down, expected("error", "down", Some("account_update")));
    let ended = say("app_uninstalled", Standing::Ended { why: why() }).await;
    assert_eq!(ended, expected("disconnected", "down", Some("app_uninstalled")));
}
