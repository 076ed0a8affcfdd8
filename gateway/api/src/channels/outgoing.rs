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
    system::outbox_events,
};
use chrono::TimeDelta;
use serde_json::json;

use crate::{Api, error::ApiError};

/// How long a person's message is tried.
const LIFETIME: TimeDelta = TimeDelta::hours(24);
/// The topic of what goes out.
const OUTBOUND: &str = "outbound";

/// Queues a message. The relay publishes its record once the transaction is committed.
pub async fn queue(
    api: &Api,
    tx: &mut Tx,
    scope: OrgScope,
    to: &Whereabouts,
    kind: ChannelKind,
    contact: ContactId,
    content: Content,
) -> Result<MessageId, ApiError> {
    let now = api.clock.now();
    let not_after = now + LIFETIME;
    let message = MessageId::new(api.ids.next());
    let record = EnvelopeId::new(api.ids.next());
    let trace = TraceContext::starting(record);
    let row = New {
        id: message,
        channel: to.channel,
        conversation: to.id,
        contact,
        bot: to.bot,
        direction: Direction::Outbound { version: None, expires_at: not_after },
        kind: content.kind(),
        text: content.plain_text().map(str::to_owned),
        payload: json!(content),
        trace_id: trace.trace_id().map(str::to_owned),
    };
    channel_messages::insert_many(tx, &scope, &[row]).await?;
    let send = Send { message, conversation: to.id, content, reply_to: None, not_after };
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
    let event = outbox_events::New {
        id: record.uuid(),
        topic: OUTBOUND,
        partition_key: envelope.key.as_str().to_owned(),
        event_type: "message.send",
        entity: Some(message.uuid()),
        payload: serde_json::to_value(&envelope).map_err(ApiError::defect)?,
        available_at: now,
    };
    outbox_events::insert_many(tx, &scope, &[event]).await?;
    Ok(message)
}
