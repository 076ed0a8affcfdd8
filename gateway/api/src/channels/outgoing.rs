//! A message that is to go out: its row, and the record that has it sent, in one transaction.

use botbuilder_domain::{
    ChannelKind, ContactId, Content, ConversationKey, Envelope, EnvelopeId, MessageId, Outbound,
    OutboundEvent, Send, Times, TraceContext,
};
use botbuilder_store::{
    OrgScope, Tx,
    channels::{
        channel_messages::{self, Direction, New},
        conversations::Whereabouts,
    },
    system::{bulk_messages, outbox_events},
};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use super::window;
use crate::{Api, error::ApiError};

/// How long a message is tried.
pub const LIFETIME: TimeDelta = TimeDelta::hours(24);
/// The topic of what goes out.
const OUTBOUND: &str = "outbound";

/// When a message goes out, and how.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// Not before.
    pub at: DateTime<Utc>,
    /// Whether it is one of many: it gives way to everything else of its account.
    pub bulk: bool,
    /// The end of the reply window, where it is known.
    pub window: Option<DateTime<Utc>>,
    /// Whether a person wrote it.
    pub by_person: bool,
}

/// What a message holds, and who wrote it.
#[derive(Debug, Clone)]
pub struct Said {
    /// What it holds.
    pub content: Content,
    /// Whether a person wrote it, and not a program.
    pub by_person: bool,
    /// The message it answers.
    pub reply_to: Option<Quoted>,
}

/// A message that another one answers.
#[derive(Debug, Clone)]
pub struct Quoted {
    /// Our id of it.
    pub id: MessageId,
    /// The provider's id of it.
    pub provider_id: String,
}

/// Queues a message. The relay publishes its record as soon as the transaction is committed.
pub async fn queue(
    api: &Api,
    tx: &mut Tx,
    scope: OrgScope,
    to: &Whereabouts,
    kind: ChannelKind,
    contact: ContactId,
    said: Said,
) -> Result<MessageId, ApiError> {
    let Said { content, by_person, reply_to } = said;
    let now = api.clock.now();
    let message = MessageId::new(api.ids.next());
    let record = EnvelopeId::new(api.ids.next());
    let trace = TraceContext::starting(record);
    // Of what a program wrote the dispatcher decides when it is to leave.
    let window = if by_person { window::admit(api, tx, &scope, to, kind, &content).await? } else { None };
    let mut row = row(message, to, contact, &content, &trace, now + LIFETIME);
    row.reply_to = reply_to.as_ref().map(|quoted| quoted.id);
    channel_messages::insert_many(tx, &scope, &[row]).await?;
    let timing = Timing { at: now, bulk: false, window, by_person };
    let mut send = send(message, to, content, timing);
    send.reply_to = reply_to.map(|quoted| quoted.provider_id);
    let event = sending(scope, to, kind, send, (record, trace), now, timing)?;
    outbox_events::insert_many(tx, &scope, &[event]).await?;
    Ok(message)
}

/// The row of a message that is to go out.
pub fn row(
    message: MessageId,
    to: &Whereabouts,
    contact: ContactId,
    content: &Content,
    trace: &TraceContext,
    not_after: DateTime<Utc>,
) -> New {
    New {
        id: message,
        channel: to.channel,
        conversation: to.id,
        contact,
        bot: to.bot,
        direction: Direction::Outbound { version: None, expires_at: not_after },
        kind: content.kind(),
        text: content.plain_text().map(str::to_owned),
        payload: json!(content),
        reply_to: None,
        trace_id: trace.trace_id().map(str::to_owned),
    }
}

/// The record that has a message sent. It is tried for [`LIFETIME`] from the instant it goes out.
#[expect(
    clippy::too_many_arguments,
    reason = "each is a part of the record, and nothing else holds two of them"
)]
pub fn event(
    scope: OrgScope,
    to: &Whereabouts,
    kind: ChannelKind,
    message: MessageId,
    content: Content,
    (record, trace): (EnvelopeId, TraceContext),
    now: DateTime<Utc>,
    timing: Timing,
) -> Result<outbox_events::New, ApiError> {
    sending(scope, to, kind, send(message, to, content, timing), (record, trace), now, timing)
}

/// What is to be sent.
pub fn send(message: MessageId, to: &Whereabouts, content: Content, timing: Timing) -> Send {
    Send {
        message,
        conversation: to.id,
        content,
        reply_to: None,
        reply_via: None,
        not_after: timing.at + LIFETIME,
        bulk: timing.bulk,
        window: timing.window,
        held_until: None,
        by_person: timing.by_person,
    }
}

/// The record that has this sent.
///
/// # Errors
///
/// If it cannot be written as JSON.
pub fn sending(
    scope: OrgScope,
    to: &Whereabouts,
    kind: ChannelKind,
    send: Send,
    (record, trace): (EnvelopeId, TraceContext),
    now: DateTime<Utc>,
    timing: Timing,
) -> Result<outbox_events::New, ApiError> {
    let message = send.message;
    let envelope = Envelope {
        schema: botbuilder_domain::envelope::SCHEMA,
        id: record,
        org: scope.org(),
        bot: to.bot,
        channel: to.channel,
        kind,
        key: ConversationKey::new(to.channel, &to.address),
        times: Times { received: now, verified: now },
        trace,
        body: OutboundEvent {
            to: to.address.clone(),
            thread: to.thread.clone(),
            what: Outbound::Send(Box::new(send)),
        },
    };
    Ok(outbox_events::New {
        id: record.uuid(),
        topic: OUTBOUND,
        partition_key: envelope.key.as_str().to_owned(),
        event_type: if timing.bulk { bulk_messages::EVENT } else { outbox_events::SAID },
        entity: Some(message.uuid()),
        payload: serde_json::to_value(&envelope).map_err(ApiError::defect)?,
        available_at: timing.at,
    })
}
