//! The records that a turn leaves in the outbox: replies, signals, questions, events put off.

use botbuilder_domain::{
    Content, ConversationId, Envelope, Id, Ids, Inbound, InboundEvent, MessageId, Outbound, OutboundEvent,
    Send,
};
use botbuilder_flow::Question;
use botbuilder_store::{
    channels::{
        channel_messages::{Direction, New as NewMessage},
        conversations::Saved,
    },
    system::{dedupe_keys, outbox_events},
};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use crate::{
    INBOUND, OUTBOUND, Options, QUESTIONS,
    batch::Job,
    executors::Asked,
    load::{album_key, joined_key},
    turn::{Error, Turn},
};

/// Why an event is put away that was put off for as long as may be.
const GIVEN_UP: &str = "it was put off for as long as may be, and what it waits for did not come";

/// How long a reply may be sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Until {
    /// After this instant it is not sent.
    pub(crate) not_after: DateTime<Utc>,
    /// The end of the reply window; none where there is none, or it was not this turn that opened it.
    pub(crate) window: Option<DateTime<Utc>>,
}

/// A reply: its message as queued, and the record that sends it.
pub(crate) fn reply(
    turn: &mut Turn,
    cause: &Envelope<InboundEvent>,
    conversation: &Saved,
    content: Content,
    until: Until,
    ids: &dyn Ids,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let Until { not_after, window } = until;
    let message = MessageId::new(ids.next());
    turn.messages.push(NewMessage {
        id: message,
        channel: conversation.channel,
        conversation: conversation.id,
        contact: conversation.contact,
        bot: conversation.bot,
        direction: Direction::Outbound { version: conversation.version, expires_at: not_after },
        kind: content.kind(),
        text: content.plain_text().map(str::to_owned),
        payload: json!(content),
        reply_to: None,
        trace_id: cause.trace.trace_id().map(str::to_owned),
    });
    let what = Outbound::Send(Box::new(Send {
        message,
        conversation: conversation.id,
        content,
        reply_to: None,
        reply_via: cause.body.sender.reply_via.clone(),
        not_after,
        bulk: false,
        window,
        held_until: None,
        by_person: false,
    }));
    turn.outbox.push(outgoing(cause, what, Some(message), ids, now)?);
    Ok(())
}

/// The record that has something sent to whoever caused it.
pub(crate) fn outgoing(
    cause: &Envelope<InboundEvent>,
    what: Outbound,
    message: Option<MessageId>,
    ids: &dyn Ids,
    now: DateTime<Utc>,
) -> Result<outbox_events::New, Error> {
    let record = Envelope {
        schema: cause.schema,
        id: Id::new(ids.next()),
        org: cause.org,
        bot: cause.bot,
        channel: cause.channel,
        kind: cause.kind,
        key: cause.key.clone(),
        times: cause.times,
        trace: cause.trace.clone(),
        body: OutboundEvent {
            to: cause.body.sender.address.clone(),
            thread: cause.body.thread.clone(),
            what,
        },
    };
    Ok(outbox_events::New {
        id: record.id.uuid(),
        topic: OUTBOUND,
        partition_key: record.key.as_str().to_owned(),
        event_type: if message.is_some() { "message.send" } else { "message.signal" },
        entity: message.map(MessageId::uuid),
        payload: serde_json::to_value(&record).map_err(Error::Encode)?,
        available_at: now,
    })
}

/// The record that asks the world, for a turn about that message. The time of an answer is that of the question's
/// conversation.
pub(crate) fn asked(
    cause: &Envelope<InboundEvent>,
    conversation: ConversationId,
    message: Option<MessageId>,
    question: Question,
    ids: &dyn Ids,
    now: DateTime<Utc>,
) -> Result<outbox_events::New, Error> {
    let record = Envelope {
        schema: cause.schema,
        id: Id::new(ids.next()),
        org: cause.org,
        bot: cause.bot,
        channel: cause.channel,
        kind: cause.kind,
        key: cause.key.clone(),
        times: cause.times,
        trace: cause.trace.clone(),
        body: Asked {
            address: cause.body.sender.address.clone(),
            thread: cause.body.thread.clone(),
            conversation,
            message,
            question,
        },
    };
    Ok(outbox_events::New {
        id: record.id.uuid(),
        topic: QUESTIONS,
        partition_key: record.key.as_str().to_owned(),
        event_type: "flow.asked",
        entity: Some(conversation.uuid()),
        payload: serde_json::to_value(&record).map_err(Error::Encode)?,
        available_at: now,
    })
}

/// The parts of a message are waited for: the record that ends the wait, and the key by which they find the message.
pub(crate) fn wait_for_parts(
    turn: &mut Turn,
    job: &Job,
    album: &str,
    wait: TimeDelta,
    ids: &dyn Ids,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let Some(message) = turn.messages.first().map(|message| message.id) else { return Ok(()) };
    turn.keys.push(dedupe_keys::New {
        scope: dedupe_keys::inbound_scope(job.envelope.channel),
        key: album_key(album),
        message: Some(message),
    });
    let mut record = job.envelope.clone();
    record.id = Id::new(ids.next());
    record.body.dedupe = joined_key(message);
    record.body.what = Inbound::Joined { message };
    turn.outbox.push(outbox_events::New {
        id: record.id.uuid(),
        topic: INBOUND,
        partition_key: record.key.as_str().to_owned(),
        event_type: "message.joined",
        entity: Some(message.uuid()),
        payload: serde_json::to_value(&record).map_err(Error::Encode)?,
        available_at: now + wait,
    });
    Ok(())
}

/// Whether an event may be put off, and not for too long already.
pub(crate) fn may_wait(job: &Job, options: &Options, now: DateTime<Utc>) -> bool {
    now - job.envelope.times.received < options.park_for
}

/// Puts an event off whose message is not there yet, or that has no room: it comes again in a while, until it applies or
/// its time is over. Its key is not taken, so that it is not mistaken for a duplicate then.
pub(crate) fn put_off(
    turn: &mut Turn,
    job: &Job,
    options: &Options,
    ids: &dyn Ids,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    turn.keys.clear();
    if !may_wait(job, options, now) {
        turn.given_up = Some(GIVEN_UP);
        return Ok(());
    }
    // The longer it has waited, the longer it waits: 1 s at first, then as long again as so far.
    let pause = (now - job.envelope.times.received).max(TimeDelta::seconds(1));
    turn.outbox.push(outbox_events::New {
        id: ids.next(),
        topic: INBOUND,
        partition_key: job.envelope.key.as_str().to_owned(),
        event_type: "event.parked",
        entity: None,
        payload: serde_json::to_value(&job.envelope).map_err(Error::Encode)?,
        available_at: now + pause,
    });
    Ok(())
}
