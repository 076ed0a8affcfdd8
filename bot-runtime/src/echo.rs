//! What a person of ours wrote outside of this platform, in the network's own app.

use botbuilder_domain::{Content, ConversationId, DeliveryStatus, Ids, MessageId};
use botbuilder_store::{
    channels::{
        channel_messages::{Direction, New as NewMessage, Reported},
        conversations::Saved,
    },
    system::dedupe_keys,
};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use crate::{
    INBOUND, Options,
    batch::Job,
    contact::contact,
    load::Loaded,
    records::put_off,
    turn::{Error, Turn, event_key},
};

/// How long what may be our own is put off: by then the provider's answer to our call is written down, or the call has
/// run out of time.
const ANSWERED_WITHIN: TimeDelta = TimeDelta::seconds(15);

/// What was written.
pub(crate) struct Elsewhere<'a> {
    pub(crate) provider_id: &'a str,
    pub(crate) content: &'a Content,
    pub(crate) may_be_ours: bool,
}

/// Keeps it as a message of the conversation, and silences the bot: a person has taken over. What turns out to be our own
/// changes nothing, unless nobody knew so far that the provider had taken it.
pub(crate) fn echo(
    turn: &mut Turn,
    job: &Job,
    loaded: &Loaded,
    said: &Elsewhere<'_>,
    options: &Options,
    ids: &dyn Ids,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let envelope = &job.envelope;
    let at = envelope.body.occurred_at.map_or(now, |at| at.min(now));
    if loaded.subject.is_some() {
        return Ok(());
    }
    if said.may_be_ours {
        if let Some(message) = loaded.unanswered {
            turn.report = Some(Reported {
                id: message,
                status: DeliveryStatus::Sent,
                at,
                provider_id: said.provider_id.to_owned(),
                failure: None,
                and_before: false,
            });
            turn.keys.push(sent_as(job, said.provider_id, message));
            return Ok(());
        }
        if now - envelope.times.received < ANSWERED_WITHIN {
            return put_off(turn, job, options, ids, now);
        }
    }
    let mut contact = contact(job, loaded, ids);
    let open = loaded.known.as_ref().and_then(|known| known.conversation.as_ref());
    let conversation = open.map_or_else(|| ConversationId::new(ids.next()), |open| open.id);
    if open.is_none() {
        turn.conversation = Some(Saved {
            id: conversation,
            expected: None,
            channel: envelope.channel,
            contact: contact.id,
            thread: envelope.body.thread.clone(),
            bot: envelope.bot,
            version: None,
            state: json!({}),
            stream: format!("{INBOUND}/{}", job.position.partition),
            offset: i64::try_from(job.position.offset).unwrap_or(i64::MAX),
            next_timer_at: None,
            inbound: 0,
            outbound: 0,
            recorded_since: None,
        });
    }
    let message = MessageId::new(ids.next());
    turn.keys = vec![event_key(job, Some(message)), sent_as(job, said.provider_id, message)];
    turn.messages.push(NewMessage {
        id: message,
        channel: envelope.channel,
        conversation,
        contact: contact.id,
        bot: envelope.bot,
        direction: Direction::Elsewhere { provider_id: said.provider_id.to_owned(), at },
        kind: said.content.kind(),
        text: said.content.plain_text().map(str::to_owned),
        payload: json!(said.content),
        reply_to: None,
        trace_id: envelope.trace.trace_id().map(str::to_owned),
    });
    contact.outbound = 1;
    turn.contact = Some(contact);
    turn.answered.push(conversation);
    Ok(())
}

/// The key under which reports of how far it has come find the message.
fn sent_as(job: &Job, provider_id: &str, message: MessageId) -> dedupe_keys::New {
    dedupe_keys::New {
        scope: dedupe_keys::outbound_scope(job.envelope.channel),
        key: provider_id.to_owned(),
        message: Some(message),
    }
}
