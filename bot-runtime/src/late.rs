//! Messages that a provider took and refused later, because the reply window turned out to be closed. What the channel
//! does outside the window (`outside_window`) is done with them as with any other: they go back into the queue, and the
//! dispatcher finds the window closed before it sends them.

use botbuilder_domain::{
    ChannelKind, Content, ConversationKey, Envelope, EnvelopeId, Ids, MessageId, OrgId, Outbound,
    OutboundEvent, Send, Stage, Times, TraceContext, TrailEvent, envelope,
};
use botbuilder_store::{
    Error, OrgScope, Tx,
    channels::{
        channel_messages::{self, TakenUp},
        conversations::{self, Whereabouts},
    },
    system::{outbox_events, parked_messages},
};
use chrono::{DateTime, Utc};
use serde::Deserialize as _;
use serde_json::{Map, json};

use crate::OUTBOUND;

/// What becomes of messages that were refused late.
#[derive(Debug, Default)]
pub(crate) struct Late {
    /// Those that have not failed after all.
    pub(crate) messages: Vec<MessageId>,
    /// The records that send them, or what goes in their place.
    pub(crate) outbox: Vec<outbox_events::New>,
    /// The entries of their trails.
    pub(crate) trail: Vec<TrailEvent>,
}

/// Takes up what was refused, where the channel does something else outside the window than to refuse. The window has been
/// noted as closed before, unless the contact has written since: then the message goes out as it is.
pub(crate) async fn take_up(
    tx: &mut Tx,
    scope: &OrgScope,
    refused: &[MessageId],
    ids: &dyn Ids,
    now: DateTime<Utc>,
) -> Result<Late, Error> {
    let mut late = Late::default();
    if refused.is_empty() {
        return Ok(late);
    }
    let taken_up = channel_messages::take_up_refused(tx, scope, refused, now).await?;
    let conversations: Vec<_> = taken_up.iter().map(|message| message.conversation).collect();
    let places = conversations::whereabouts(tx, scope, &conversations).await?;
    for message in taken_up {
        let Some(place) = places.iter().find(|place| place.id == message.conversation) else { continue };
        late.messages.push(message.id);
        late.trail.push(entry(scope.org(), &message, place, now));
        late.outbox.push(record(scope.org(), message, place, ids, now)?);
    }
    Ok(late)
}

fn entry(org: OrgId, message: &TakenUp, place: &Whereabouts, now: DateTime<Utc>) -> TrailEvent {
    let reason =
        "the network says late that the reply window is closed; the channel's outside_window applies";
    TrailEvent {
        org,
        message: message.id,
        conversation: Some(message.conversation),
        channel: Some(place.channel),
        at: now,
        stage: Stage::Replayed,
        attempt: 0,
        provider_code: None,
        duration_us: None,
        detail: Map::from_iter([("reason".to_owned(), json!(reason))]),
        trace_id: message.trace_id.clone(),
    }
}

/// The record that sends a message once more. Until when its window is open is not known, so it is looked up.
fn record(
    org: OrgId,
    message: TakenUp,
    place: &Whereabouts,
    ids: &dyn Ids,
    now: DateTime<Utc>,
) -> Result<outbox_events::New, Error> {
    let row = message.id.to_string();
    let wrong = |column, reason| Error::Inconsistent { table: "channel_messages", column, row, reason };
    let (content, kind) = match (Content::deserialize(&message.payload), ChannelKind::parse(&place.kind)) {
        (Ok(content), Some(kind)) => (content, kind),
        (Err(error), _) => return Err(wrong("payload", error.to_string())),
        (_, None) => return Err(wrong("channel_id", "its network is not one of ours".to_owned())),
    };
    let id = EnvelopeId::new(ids.next());
    let trace = match &message.trace_id {
        Some(digits) => TraceContext(format!("00-{digits}-{}-01", &id.uuid().simple().to_string()[..16])),
        None => TraceContext::starting(id),
    };
    let key = ConversationKey::new(place.channel, &place.address);
    let send = Send {
        message: message.id,
        conversation: message.conversation,
        content,
        reply_to: message.reply_to,
        reply_via: None,
        not_after: message.not_after,
        bulk: message.campaign,
        window: None,
        held_until: None,
        by_person: message.by_person,
    };
    let envelope = Envelope {
        schema: envelope::SCHEMA,
        id,
        org,
        bot: message.bot,
        channel: place.channel,
        kind,
        key: key.clone(),
        times: Times { received: now, verified: now },
        trace,
        body: OutboundEvent {
            to: place.address.clone(),
            thread: place.thread.clone(),
            what: Outbound::Send(Box::new(send)),
        },
    };
    Ok(outbox_events::New {
        id: id.uuid(),
        topic: OUTBOUND,
        partition_key: key.as_str().to_owned(),
        event_type: "message.send",
        entity: Some(message.id.uuid()),
        payload: serde_json::to_value(&envelope)
            .map_err(|error| parked_messages::unwritable(message.id, &error))?,
        available_at: now,
    })
}
