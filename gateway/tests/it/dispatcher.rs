//! The dispatcher when it fails itself, and when the messages of one account are very many.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use botbuilder_domain::{
    ChannelId, ChannelKind, ContactId, Content, ConversationId, ConversationKey, Envelope, EnvelopeId, Ids,
    MessageId, Outbound, OutboundEvent, Send, SystemIds, Times, TraceContext, envelope,
};
use botbuilder_gateway::{
    Gateway,
    dispatcher::{Dispatcher, GROUP, OUTBOUND, ProviderHttp},
};
use botbuilder_service::{http, lifecycle::Service as _};
use botbuilder_store::{
    OrgScope,
    channels::channel_messages::{self, Direction, New},
};
use botbuilder_stream::{PartitionLag, REASON, Record, Stream, default_topics, memory};
use botbuilder_testkit::{
    fake::{Behaviour, Fault},
    platform::{Options, TestPlatform, Visitor, eventually, execute},
};
use chrono::TimeDelta;
use serde_json::json;
use tokio_util::sync::CancellationToken;

/// Identifiers whose source fails as it is told, call by call.
struct Failing {
    inner: SystemIds,
    next: Mutex<VecDeque<bool>>,
}

impl Ids for Failing {
    fn next(&self) -> uuid::Uuid {
        let fails = self.next.lock().expect("a lock").pop_front().unwrap_or_default();
        assert!(!fails, "as the test says");
        self.inner.next()
    }
}

/// A message to the visitor whose conversation is the only one: its row, and its record.
async fn message(platform: &TestPlatform, text: &str) -> (MessageId, Record) {
    let about = "SELECT v.id, v.channel_id, v.contact_id, c.external_id FROM conversations v \
                 JOIN channel_contacts c ON c.id = v.contact_id";
    let row = platform.rows(about).await.remove(0);
    let id = |name: &str| row[name].as_str().expect("an id").parse::<uuid::Uuid>().expect("an id");
    let (channel, conversation) = (ChannelId::new(id("channel_id")), ConversationId::new(id("id")));
    let (address, gateway) = (row["external_id"].as_str().expect("an address"), &platform.gateway);
    let (message, now) = (MessageId::new(gateway.ids.next()), gateway.clock.now());
    let content = Content::text(text);
    let new = New {
        id: message,
        channel,
        conversation,
        contact: ContactId::new(id("contact_id")),
        bot: None,
        direction: Direction::Outbound { version: None, expires_at: now + TimeDelta::hours(1) },
        kind: content.kind(),
        text: Some(text.to_owned()),
        payload: json!(content),
        reply_to: None,
        trace_id: None,
    };
    let scope = OrgScope::of_service(platform.acme().seeded.org);
    let mut tx = gateway.store.begin_turn(&scope).await.expect("a database");
    channel_messages::insert_many(&mut tx, &scope, &[new]).await.expect("a message");
    tx.commit().await.expect("a database");
    let key = ConversationKey::new(channel, address);
    let record = EnvelopeId::new(gateway.ids.next());
    let send = Send {
        message,
        conversation,
        content,
        reply_to: None,
        reply_via: None,
        not_after: now + TimeDelta::hours(1),
        bulk: false,
        window: None,
        held_until: None,
        by_person: false,
    };
    let record = Envelope {
        schema: envelope::SCHEMA,
        id: record,
        org: scope.org(),
        bot: None,
        channel,
        kind: ChannelKind::Web,
        key: key.clone(),
        times: Times { received: now, verified: now },
        trace: TraceContext::starting(record),
        body: OutboundEvent {
            to: address.to_owned(),
            thread: String::new(),
            what: Outbound::Send(Box::new(send)),
        },
    };
    (message, Record::new(key.as_str(), record.encode().expect("JSON")))
}

async fn records(stream: &dyn Stream, topic: &str, group: &str) -> u64 {
    stream.lag(topic, group).await.expect("a topic").iter().map(PartitionLag::records).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_on_which_the_program_fails_three_times_is_put_aside_and_the_next_one_goes_out() {
    let mut platform = TestPlatform::start().await;
    // The services of the platform are stopped, so that nobody else takes up what is sent here.
    platform.expected.anything = true;
    let mut visitor = Visitor::begin(&platform, &platform.acme().seeded.widget_key).await;
    visitor.say("hello").await;
    visitor.frame().await;
    platform.settled().await;
    platform.stop().await;

    // It fails where the message is sent, and works where it is put aside in between.
    let script = [true, false, true, true].into();
    let ids = Arc::new(Failing { inner: SystemIds, next: Mutex::new(script) });
    let stream: Arc<dyn Stream> =
        memory::open(memory::MemoryConfig::new(default_topics(1))).expect("a stream");
    let gateway = Gateway { stream: Arc::clone(&stream), ids, ..platform.gateway.clone() };
    let client = http::Client::new(platform.outbound()).expect("an http client");
    let stop = CancellationToken::new();
    let running = tokio::spawn({
        let stop = stop.clone();
        async move { Dispatcher::new(gateway, ProviderHttp::new(client)).run(stop).await }
    });
    let (failing, record) = message(&platform, "one").await;
    stream.append(OUTBOUND, vec![record]).await.expect("appended");
    let state = async |message: MessageId| {
        let query =
            format!("SELECT status, error_code, attempts FROM channel_messages WHERE id = '{message}'");
        platform.rows(&query).await.remove(0)
    };
    let failed = json!({ "status": "failed", "error_code": "internal", "attempts": 0 });
    eventually("it is given up", async || (state(failing).await == failed).then_some(())).await;
    assert_eq!(records(&*stream, "outbound.dead", "test").await, 1);
    let mut dead = stream.subscribe("outbound.dead", "test").await.expect("a subscription");
    let letter = dead.assigned().await.expect("assigned").expect("open").next(1).await.expect("a record");
    assert_eq!(letter[0].record.header(REASON), Some("the program fails on this message"));

    let (next, record) = message(&platform, "two").await;
    stream.append(OUTBOUND, vec![record]).await.expect("appended");
    eventually("the next one goes out", async || (state(next).await["status"] == "sent").then_some(())).await;
    eventually("nothing is in hand", async || (records(&*stream, OUTBOUND, GROUP).await == 0).then_some(()))
        .await;
    stop.cancel();
    running.await.expect("no panic").expect("the dispatcher ends softly");
}

/// Messages of an account, one in each conversation, put aside and due: as many as would fill all places.
const MANY: usize = 1_100;

#[tokio::test(flavor = "multi_thread")]
async fn an_account_of_which_very_much_waits_leaves_room_for_others() {
    let mut platform = TestPlatform::with(Options {
        organizations: vec!["acme", "other"],
        provider_timeout: Duration::from_mins(2),
        // One partition, and so one worker that has places for all of them.
        stream: Some(memory::open(memory::MemoryConfig::new(default_topics(1))).expect("a stream")),
        ..Options::default()
    })
    .await;
    platform.expected.anything = true;
    let (acme, other) = (&platform.organizations[0], &platform.organizations[1]);
    for organization in [acme, other] {
        organization.telegram.say(42, "hello").await.expect("an update");
        organization.telegram_replies(42, 1).await;
    }
    platform.settled().await;
    platform.stop().await;
    let (acme, other) = (&platform.organizations[0], &platform.organizations[1]);
    let fast = format!(
        "UPDATE channels SET settings = settings || \
         '{{\"limits\": {{\"messages_per_second\": 100000, \"burst\": 100000}}}}' WHERE id = '{}'",
        acme.seeded.telegram
    );
    execute(&platform.pool, &fast).await;
    park(&platform, acme.seeded.telegram, MANY, 10).await;
    park(&platform, other.seeded.telegram, 1, 5).await;
    let before = other.telegram.conversation("9000001").len();
    // Nothing that acme sends is answered.
    acme.telegram.set_behaviour(Behaviour { percent: [(Fault::Hang, 100.0)].into(), ..Behaviour::default() });
    platform.gateway.forget();
    platform.start_again();

    let other = &platform.organizations[1];
    let in_hand = format!(
        "SELECT count(*) FROM channel_messages WHERE channel_id = '{}' AND status = 'queued' \
         AND attempt_started_at IS NOT NULL",
        platform.organizations[0].seeded.telegram
    );
    eventually("the other account's message goes out", async || {
        (other.telegram.conversation("9000001").len() > before).then_some(())
    })
    .await;
    eventually("its own places are taken", async || (platform.count(&in_hand).await == 256).then_some(()))
        .await;
}

/// Puts copies of the last reply of a channel aside, one for each of so many new contacts, due since so many seconds.
async fn park(platform: &TestPlatform, channel: ChannelId, many: usize, seconds: i64) {
    let statement = format!(
        "WITH sent AS ( \
             SELECT m.organization_id, m.channel_id, m.bot_id, m.payload, m.kind, o.payload AS record \
             FROM channel_messages m JOIN outbox_events o ON o.entity_id = m.id AND o.topic = 'outbound' \
             WHERE m.channel_id = '{channel}' AND m.direction = 'outbound' ORDER BY m.id DESC LIMIT 1 \
         ), new AS MATERIALIZED ( \
             SELECT i, (9000000 + i)::text AS address, app.uuid_v7() AS contact, app.uuid_v7() AS conversation, \
                    app.uuid_v7() AS message \
             FROM generate_series(1, {many}) AS i \
         ), contacts AS ( \
             INSERT INTO channel_contacts (organization_id, id, channel_id, external_id) \
             SELECT organization_id, contact, channel_id, address FROM new, sent RETURNING id \
         ), opened AS ( \
             INSERT INTO conversations (organization_id, id, channel_id, contact_id) \
             SELECT organization_id, conversation, channel_id, contact FROM new, sent RETURNING id \
         ), written AS ( \
             INSERT INTO channel_messages (organization_id, id, created_at, channel_id, conversation_id, contact_id, \
                                           direction, sender_type, kind, payload, status, next_attempt_at, expires_at) \
             SELECT organization_id, message, app.uuid_v7_ts(message), channel_id, conversation, contact, 'outbound', \
                    'bot', kind, payload, 'queued', now(), now() + interval '1 hour' FROM new, sent RETURNING id \
         ) \
         INSERT INTO outbox_events (organization_id, topic, partition_key, event_type, entity_id, available_at, payload) \
         SELECT organization_id, 'outbound', channel_id || ':' || address, 'message.parked', message, \
                now() - interval '{seconds} seconds', \
                record || jsonb_build_object('key', channel_id || ':' || address, 'body', \
                    (record -> 'body') || jsonb_build_object('to', address, 'what', \
                        (record #> '{{body,what}}') || jsonb_build_object( \
                            'message', message, 'conversation', conversation, \
                            'not_after', now() + interval '1 hour'))) \
         FROM new, sent"
    );
    execute(&platform.pool, &statement).await;
}
