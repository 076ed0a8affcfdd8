//! What single events change.

use botbuilder_domain::{
    ChannelKind, Clock as _, ConversationKey, DeliveryStatus, Envelope, Id, InboundEvent, ManualClock,
    Sender, Times, TraceContext, envelope,
};
use std::sync::Arc;

use botbuilder_domain::{Failure, VersionId};
use botbuilder_flow::{Bot, Settings};
use botbuilder_store::channels::{
    addresses::Change,
    channel_messages::Direction,
    conversations::{Known, Open},
};
use botbuilder_stream::Position;
use uuid::Uuid;

use super::*;
use crate::contact::asked_for;

/// A world of one channel and one person.
struct World {
    clock: ManualClock,
    kind: ChannelKind,
    contact: ContactId,
    conversation: ConversationId,
}

impl World {
    fn new(kind: ChannelKind) -> Self {
        let clock = ManualClock::new("2026-07-01T12:00:00Z".parse().unwrap());
        let (contact, conversation) = (ContactId::new(clock.next()), ConversationId::new(clock.next()));
        Self { clock, kind, contact, conversation }
    }

    fn job(&self, sender: Sender, what: Inbound) -> Job {
        let (id, now) = (Id::new(self.clock.next()), self.clock.now());
        let channel = ChannelId::new(Uuid::from_u128(7));
        Job {
            position: Position { partition: 0, offset: 1 },
            appended_at: now.timestamp_millis(),
            envelope: Envelope {
                schema: envelope::SCHEMA,
                id,
                org: Id::new(Uuid::from_u128(1)),
                bot: None,
                channel,
                kind: self.kind,
                key: ConversationKey::new(channel, &sender.address),
                times: Times { received: now, verified: now },
                trace: TraceContext::starting(id),
                body: InboundEvent {
                    sender,
                    thread: String::new(),
                    dedupe: id.to_string(),
                    occurred_at: Some(now),
                    what,
                },
            },
            webhook: None,
        }
    }

    /// The person under this address, with an open conversation.
    fn known(&self, address: &str, second: Option<&str>) -> Loaded {
        let open = Open {
            id: self.conversation,
            mode: "bot".to_owned(),
            version: None,
            state: json!({}),
            state_version: 3,
            stream: None,
            offset: None,
            next_timer_at: None,
            recorded_version: None,
            recorded_since: None,
        };
        let known = Known {
            contact: self.contact,
            external_id: address.to_owned(),
            alt_external_id: second.map(str::to_owned),
            more: Vec::new(),
            elsewhere: Vec::new(),
            display_name: None,
            locale: None,
            attributes: json!({}),
            blocked_by_us: false,
            conversation: Some(open),
        };
        Loaded { known: Some(known), ..Loaded::default() }
    }

    fn decide(&self, job: &Job, loaded: &Loaded) -> Turn {
        decide(job, loaded, &Options::default(), &self.clock, self.clock.now()).unwrap()
    }
}

/// A bot that hands everybody over, and says so.
fn bot() -> Arc<Bot> {
    let node = |id: &str, kind: &str, data: Value| json!({ "id": id, "type": kind, "data": data });
    let definition = json!({
        "schema": 1,
        "nodes": [
            node("start", "start", json!({})),
            node("say", "message", json!({ "text": "one moment" })),
            node("person", "handoff", json!({ "note": "wants a person", "priority": "high" })),
        ],
        "edges": [
            { "source": "start", "port": "next", "target": "say" },
            { "source": "say", "port": "next", "target": "person" },
        ],
    });
    Arc::new(Bot::new(VersionId::new(Uuid::from_u128(9)), &definition, Settings::default()).unwrap())
}

fn says(text: &str) -> Inbound {
    Inbound::Message { provider_id: "m1".to_owned(), content: Content::text(text), reply_to: None }
}

fn sender(address: &str) -> Sender {
    Sender { address: address.to_owned(), ..Sender::default() }
}

fn report(status: DeliveryStatus) -> Inbound {
    let provider_id = "wamid.1".to_owned();
    Inbound::Status { provider_id, status, failure: None, correlation: None, and_before: false }
}

#[test]
fn a_contact_keeps_what_led_it_here() {
    let world = World::new(ChannelKind::Whatsapp);
    let referral = json!({ "source_id": "120", "source_type": "ad", "ctwa_clid": "c1" });
    let told = |name: &str, raw: &Value| {
        let what = Inbound::Service { name: name.to_owned(), raw: raw.clone() };
        world.decide(&world.job(sender("491511"), what), &world.known("491511", None))
    };
    let turn = told("referral", &referral);
    let [kept] = turn.attributes.as_slice() else { panic!("{:?}", turn.attributes) };
    assert_eq!((kept.contact, kept.name.as_str(), &kept.value), (world.contact, "referral", &referral));
    assert_eq!(turn.contact.map(|contact| (contact.id, contact.inbound)), Some((world.contact, 0)));
    for (name, raw) in [("members_changed", referral), ("referral", json!({ "body": "x".repeat(9_000) }))] {
        let turn = told(name, &raw);
        assert!(turn.attributes.is_empty() && turn.contact.is_none(), "{name}");
    }
}

#[test]
fn a_new_address_is_that_of_the_contact_that_is_known() {
    let world = World::new(ChannelKind::Whatsapp);
    let changed = Inbound::ContactChanged { new_address: Some("4911".to_owned()), blocked: None };
    let job = world.job(sender("4900"), changed);
    let turn = world.decide(&job, &world.known("4900", None));
    assert_eq!(turn.addresses, [(world.contact, Change::Moved("4911".to_owned()))]);
    assert_eq!(turn.contact.unwrap().external_id, "4900");
    assert!(turn.messages.is_empty() && turn.conversation.is_none());

    let turn = world.decide(&job, &Loaded::default());
    assert!(turn.addresses.is_empty() && turn.contact.is_none(), "somebody unknown has nothing to keep");
}

#[test]
fn a_report_that_names_both_addresses_makes_the_second_known() {
    let world = World::new(ChannelKind::Whatsapp);
    let both = Sender { alt_address: Some("4900".to_owned()), ..sender("DE.abc") };
    let job = world.job(both, report(DeliveryStatus::Delivered));
    let reported = |known: Loaded| {
        let message = Some(MessageId::new(world.clock.next()));
        world.decide(&job, &Loaded { subject: message, ..known }).addresses
    };
    let also = |address: &str| [(world.contact, Change::Also(address.to_owned()))];
    assert_eq!(reported(world.known("4900", None)), also("DE.abc"));
    assert_eq!(reported(world.known("DE.abc", None)), also("4900"));
    for loaded in
        [world.known("DE.abc", Some("4900")), world.known("4900", Some("DE.abc")), Loaded::default()]
    {
        assert!(reported(loaded).is_empty());
    }
}

#[test]
fn whatever_names_both_addresses_of_a_contact_makes_one_of_those_that_stand_under_them() {
    let world = World::new(ChannelKind::Whatsapp);
    let both = Sender { alt_address: Some("5215512345678".to_owned()), ..sender("MX.abc") };
    assert_eq!(
        asked_for(ChannelKind::Whatsapp, &both),
        ["MX.abc", "5215512345678", "525512345678"],
        "somebody may stand under the number as it was spelled before"
    );
    // The same digits are the number of a chat elsewhere.
    assert_eq!(asked_for(ChannelKind::Telegram, &sender("525512345678")), ["525512345678"]);

    let job = world.job(both, says("hello"));
    let also = |address: &str| (world.contact, Change::Also(address.to_owned()));
    let turn = world.decide(&job, &world.known("525512345678", None));
    assert_eq!(turn.addresses, [also("MX.abc"), also("5215512345678")]);
    let contact = turn.contact.unwrap();
    assert_eq!((contact.external_id.as_str(), contact.alt_external_id), ("525512345678", None));

    let mut loaded = world.known("MX.abc", Some("5215512345678"));
    assert_eq!(world.decide(&job, &loaded).addresses, []);
    if let Some(known) = &mut loaded.known {
        known.more = vec!["4900".to_owned()];
        known.elsewhere = vec!["525512345678".to_owned()];
    }
    let turn = world.decide(&job, &loaded);
    assert_eq!(turn.addresses, [also("525512345678")]);
    let held = |address: &str| ConversationKey::new(job.envelope.channel, address).as_str().to_owned();
    let under: Vec<String> = turn.heard.into_iter().map(|heard| heard.held_under).collect();
    assert_eq!(under, ["MX.abc", "5215512345678", "4900", "525512345678"].map(held));
}

#[test]
fn nothing_begins_with_a_timer_or_an_answer_of_a_conversation_that_is_over() {
    let world = World::new(ChannelKind::Telegram);
    let over = ConversationId::new(world.clock.next());
    let timeout = |conversation| Inbound::Timeout { conversation, due: world.clock.now() };
    let answer =
        |conversation| Inbound::Answer { conversation, question: 1, answer: json!({}), message: None };
    for what in [timeout(over), answer(over)] {
        let job = world.job(sender("1"), what);
        for loaded in [world.known("1", None), Loaded::default()] {
            let turn = world.decide(&job, &loaded);
            assert!(turn.conversation.is_none() && turn.contact.is_none() && turn.outbox.is_empty());
            assert_eq!(turn.keys.len(), 1, "it is taken all the same, once");
        }
    }
    for what in [timeout(world.conversation), answer(world.conversation)] {
        let turn = world.decide(&world.job(sender("1"), what), &world.known("1", None));
        assert_eq!(turn.conversation.unwrap().id, world.conversation);
    }
}

#[test]
fn whom_an_operator_blocked_is_heard_and_not_answered() {
    let world = World::new(ChannelKind::Telegram);
    let job = world.job(sender("1"), says("hello"));
    let mut loaded = Loaded { bot: Some(bot()), ..world.known("1", None) };
    let turn = world.decide(&job, &loaded);
    assert_eq!(turn.messages.len(), 2, "what was said, and the reply");
    assert!(turn.handoff.is_some());

    loaded.known.as_mut().unwrap().blocked_by_us = true;
    let turn = world.decide(&job, &loaded);
    assert_eq!(turn.messages.len(), 1);
    assert!(turn.outbox.is_empty() && turn.handoff.is_none());
    assert_eq!(turn.conversation.unwrap().inbound, 1);
}

#[test]
fn a_message_that_a_bot_takes_up_is_shown_as_seen_where_the_network_shows_that() {
    let shown = |kind: ChannelKind, what: Inbound, mode: &str| {
        let world = World::new(kind);
        let mut loaded = Loaded { bot: Some(bot()), ..world.known("1", None) };
        loaded.known.as_mut().unwrap().conversation.as_mut().unwrap().mode = mode.to_owned();
        let turn = world.decide(&world.job(sender("1"), what), &loaded);
        let what: Vec<Value> = turn.outbox.iter().map(|row| row.payload["body"]["what"].clone()).collect();
        what.into_iter().filter(|what| what["event"] != "send.1").collect::<Vec<_>>()
    };
    let seen = [json!({ "event": "mark_read.1", "provider_id": "m1" })];
    assert_eq!(shown(ChannelKind::Whatsapp, says("hello"), "bot"), seen);
    assert_eq!(shown(ChannelKind::Instagram, says("hello"), "bot"), seen);
    assert_eq!(shown(ChannelKind::Telegram, says("hello"), "bot"), [] as [Value; 0]);
    assert_eq!(shown(ChannelKind::Whatsapp, says("hello"), "human"), [] as [Value; 0], "a person reads it");
    let tap = || Inbound::Postback {
        provider_id: "m1".to_owned(),
        payload: "yes".to_owned(),
        title: None,
        reply_to: None,
    };
    assert_eq!(shown(ChannelKind::Whatsapp, tap(), "bot"), seen, "once");
}

#[test]
fn a_hand_off_carries_what_the_person_is_told() {
    let world = World::new(ChannelKind::Telegram);
    let job = world.job(sender("1"), says("hello"));
    let turn = world.decide(&job, &Loaded { bot: Some(bot()), ..world.known("1", None) });
    let handoff = turn.handoff.unwrap();
    assert_eq!(handoff.note.as_deref(), Some("wants a person"));
    assert_eq!(handoff.conversation, world.conversation);
    assert_eq!(handoff.contact, world.contact);
}

#[test]
fn a_reply_window_is_counted_from_when_it_was_written() {
    let world = World::new(ChannelKind::Whatsapp);
    let (now, day) = (world.clock.now(), TimeDelta::hours(24));
    let until = |written: Option<DateTime<Utc>>| {
        let mut job = world.job(sender("4900"), says("hello"));
        job.envelope.body.occurred_at = written;
        world.decide(&job, &world.known("4900", None)).contact.unwrap().window_until
    };
    let earlier = now - TimeDelta::hours(3);
    assert_eq!(until(Some(earlier)), Some(earlier + day));
    assert_eq!(
        until(Some(now + TimeDelta::hours(3))),
        Some(now + day),
        "a clock that is ahead opens no longer one"
    );
    assert_eq!(until(None), Some(now + day));
}

fn typed(may_be_ours: bool) -> Inbound {
    Inbound::Echo { provider_id: "e1".to_owned(), content: Content::text("I am here"), may_be_ours }
}

#[test]
fn what_a_person_wrote_elsewhere_is_kept_and_silences_the_bot() {
    let world = World::new(ChannelKind::Whatsapp);
    let job = world.job(sender("4900"), typed(false));
    let turn = world.decide(&job, &world.known("4900", None));
    assert_eq!(turn.answered, [world.conversation]);
    assert!(turn.conversation.is_none(), "the state of the conversation is as it was");
    let [message] = turn.messages.as_slice() else { panic!("one message") };
    assert_eq!(message.text.as_deref(), Some("I am here"));
    assert!(matches!(&message.direction, Direction::Elsewhere { provider_id, .. } if provider_id == "e1"));
    let found = &turn.keys[1];
    assert_eq!(
        (found.scope.as_str(), found.key.as_str()),
        (&*dedupe_keys::outbound_scope(message.channel), "e1")
    );

    // To somebody who never wrote.
    let turn = world.decide(&job, &Loaded::default());
    let opened = turn.conversation.unwrap();
    assert_eq!((turn.answered.as_slice(), opened.expected, opened.outbound), (&[opened.id][..], None, 0));
}

#[test]
fn what_is_ours_is_not_taken_for_a_person() {
    let world = World::new(ChannelKind::Instagram);
    let mut job = world.job(sender("17"), typed(true));
    let ours = MessageId::new(world.clock.next());
    let nothing = |turn: &Turn| turn.answered.is_empty() && turn.messages.is_empty();

    let turn = world.decide(&job, &Loaded { subject: Some(ours), ..world.known("17", None) });
    assert!(nothing(&turn) && turn.report.is_none() && turn.outbox.is_empty());

    // The answer to our call may come later than the event.
    let turn = world.decide(&job, &world.known("17", None));
    assert!(nothing(&turn) && turn.keys.is_empty());
    assert_eq!(turn.outbox.len(), 1, "it is looked at again");

    // The answer never came, and now it is known that the message went out.
    let turn = world.decide(&job, &Loaded { unanswered: Some(ours), ..world.known("17", None) });
    assert!(nothing(&turn));
    let report = turn.report.unwrap();
    assert_eq!((report.id, report.status, report.provider_id.as_str()), (ours, DeliveryStatus::Sent, "e1"));

    // Nothing of ours has come of it by now.
    job.envelope.times.received -= TimeDelta::seconds(20);
    assert_eq!(world.decide(&job, &world.known("17", None)).answered, [world.conversation]);
}

#[test]
fn what_is_said_of_an_account_is_noted() {
    let world = World::new(ChannelKind::Slack);
    let account = |standing| {
        let what = Inbound::Account { name: "app_uninstalled".to_owned(), standing, raw: json!({}) };
        world.decide(&world.job(sender(""), what), &Loaded::default()).standing
    };
    let ended = Standing::Ended { why: "removed".to_owned() };
    let (channel, name, standing) = account(Some(ended.clone())).unwrap();
    assert_eq!((channel.uuid(), name.as_str(), standing), (Uuid::from_u128(7), "app_uninstalled", ended));
    assert!(account(None).is_none());
}

#[test]
fn a_failure_that_stops_the_account_is_said_of_the_account() {
    let world = World::new(ChannelKind::Whatsapp);
    let failed = |code: &str| {
        let failure =
            Failure { code: code.to_owned(), provider_code: None, message: "account locked".to_owned() };
        let what = Inbound::Status {
            provider_id: "wamid.1".to_owned(),
            status: DeliveryStatus::Failed,
            failure: Some(failure),
            correlation: None,
            and_before: false,
        };
        let subject = Some(MessageId::new(world.clock.next()));
        let job = world.job(sender("4900"), what);
        world.decide(&job, &Loaded { subject, ..world.known("4900", None) }).standing
    };
    let why = "account locked".to_owned();
    assert_eq!(failed("account_stopped").map(|(_, _, standing)| standing), Some(Standing::Down { why }));
    assert_eq!(failed("window_closed"), None);
}

fn refused(code: &str) -> Inbound {
    let failure = Failure { code: code.to_owned(), provider_code: None, message: "no".to_owned() };
    Inbound::Status {
        provider_id: "wamid.1".to_owned(),
        status: DeliveryStatus::Failed,
        failure: Some(failure),
        correlation: None,
        and_before: false,
    }
}

#[test]
fn a_refusal_that_may_have_the_message_sent_again_waits_for_the_answer_to_our_own_call() {
    let world = World::new(ChannelKind::Whatsapp);
    let mut job = world.job(sender("4900"), refused("window_closed"));
    let subject = Some(MessageId::new(world.clock.next()));
    let loaded = |on_its_way| Loaded { subject, on_its_way, ..world.known("4900", None) };
    let turn = world.decide(&job, &loaded(true));
    assert!(turn.report.is_none() && turn.keys.is_empty() && turn.outbox.len() == 1, "{turn:?}");
    assert!(world.decide(&job, &loaded(false)).report.is_some());
    // The answer never came: what is known holds.
    job.envelope.times.received -= TimeDelta::minutes(20);
    assert!(world.decide(&job, &loaded(true)).report.is_some());
}

#[test]
fn what_was_put_off_for_too_long_is_given_up_and_its_key_stays_free() {
    let world = World::new(ChannelKind::Whatsapp);
    let mut job = world.job(sender("4900"), refused("undeliverable"));
    let turn = world.decide(&job, &Loaded::default());
    assert_eq!((turn.given_up, turn.outbox.len()), (None, 1));
    job.envelope.times.received -= TimeDelta::minutes(15);
    let turn = world.decide(&job, &Loaded::default());
    assert!(turn.given_up.is_some() && turn.keys.is_empty() && turn.outbox.is_empty(), "{turn:?}");
}
