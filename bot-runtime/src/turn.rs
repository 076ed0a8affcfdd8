//! Decides what one event changes: pure, from what was loaded to what is to be written. What a bot may answer goes to
//! [`crate::converse`], what is only told to [`crate::notices`].

use botbuilder_domain::{
    BotId, ChannelId, ContactId, Content, ConversationId, Ids, Inbound, Media, MessageId, Outbound, Standing,
    TemplateChange, TrailEvent,
};
use botbuilder_flow::Priority;
use botbuilder_store::{
    channels::{
        addresses,
        channel_contacts::Seen,
        channel_messages::{Amended, New as NewMessage, Reported},
        channel_webhooks,
        conversations::Saved,
        turn_effects::{Attribute, Mail, Tags},
    },
    experiments::{Conversion, Exposure},
    nlu::nlu_logs,
    system::{dedupe_keys, held_messages::Heard, outbox_events},
};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{
    INBOUND, Options,
    batch::Job,
    contact::learned,
    converse::converse,
    load::{Loaded, note_joining, reference_key},
    notices::notice,
    recording::Recorded,
    records::{outgoing, wait_for_parts},
};

/// Everything one event changes. Written in one transaction, or not at all.
#[derive(Debug, Default)]
pub struct Turn {
    /// What makes the event the same when it comes again; the first key decides. Empty for an event put off or given up.
    pub keys: Vec<dedupe_keys::New>,
    /// Why the event goes to the dead letter: it was put off for as long as may be.
    pub given_up: Option<&'static str>,
    /// The contact.
    pub contact: Option<Seen>,
    /// The conversation's next state.
    pub conversation: Option<Saved>,
    /// Messages, in and out, in order.
    pub messages: Vec<NewMessage>,
    /// A state that the provider reported.
    pub report: Option<Reported>,
    /// Messages that a person wrote elsewhere: from now on the bot is silent in these conversations.
    pub answered: Vec<ConversationId>,
    /// What the provider says of the channel's account, with its name for it.
    pub standing: Option<(ChannelId, String, Standing)>,
    /// Addresses of a contact that changed, or became known.
    pub addresses: Vec<(ContactId, addresses::Change)>,
    /// A message that the contact changed or took back.
    pub amendment: Option<Amended>,
    /// A file that belongs to a message that is there already.
    pub part: Option<(MessageId, Media)>,
    /// Records to publish, in order.
    pub outbox: Vec<outbox_events::New>,
    /// Entries of the trail.
    pub trail: Vec<TrailEvent>,
    /// The provider's request as it came.
    pub webhook: Option<channel_webhooks::New>,
    /// Tags of the contact that change.
    pub tags: Vec<Tags>,
    /// What is kept with the contact from now on.
    pub attributes: Vec<Attribute>,
    /// Variants of experiments that the contact was shown.
    pub exposures: Vec<Exposure>,
    /// Goals of experiments that the contact reached.
    pub conversions: Vec<Conversion>,
    /// The contact that refuses messages nobody asked for, from now on.
    pub opted_out: Option<ContactId>,
    /// The conversation in which an orchestration came to its end, and why where it failed.
    pub ended: Option<(ConversationId, Option<&'static str>)>,
    /// What the contact said they had meant.
    pub meant: Vec<nlu_logs::Meant>,
    /// Mails to be sent.
    pub mails: Vec<Mail>,
    /// What the provider says of a template of the channel.
    pub template: Option<(ChannelId, TemplateChange)>,
    /// Messages that waited for the contact to write go out before the replies.
    pub heard: Vec<Heard>,
    /// The conversation that a person takes over.
    pub handoff: Option<HandedOver>,
    /// What is kept of the step, to make it again.
    pub recorded: Option<Recorded>,
}

/// A conversation that a bot hands to a person.
#[derive(Debug)]
pub struct HandedOver {
    /// The conversation.
    pub conversation: ConversationId,
    /// Its contact.
    pub contact: ContactId,
    /// Its channel.
    pub channel: ChannelId,
    /// The bot.
    pub bot: Option<BotId>,
    /// What the person is told.
    pub note: Option<String>,
    /// How urgent it is.
    pub priority: Priority,
}

/// Why a turn could not be decided. The record goes to the dead letter with it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The conversation's stored state cannot be read.
    #[error("stored session cannot be read: {0}")]
    Session(serde_json::Error),
    /// Something that is always representable as JSON was not.
    #[error("record cannot be written: {0}")]
    Encode(serde_json::Error),
}

/// Decides what a job changes.
pub fn decide(
    job: &Job,
    loaded: &Loaded,
    options: &Options,
    ids: &dyn Ids,
    now: DateTime<Utc>,
) -> Result<Turn, Error> {
    let addresses = learned(job, loaded);
    let mut turn = Turn { keys: vec![event_key(job, None)], addresses, ..Turn::default() };
    if options.keep_webhooks {
        turn.webhook = job.webhook.as_deref().map(|body| webhook(job, body, ids));
    }
    let event = &job.envelope.body;
    match loaded.meant.as_ref().unwrap_or(&event.what) {
        // The message is there; this is the bot's turn over it.
        Inbound::Message { .. } if matches!(event.what, Inbound::Joined { .. }) => {
            turn.keys = vec![event_key(job, loaded.subject)];
            converse(&mut turn, job, loaded, None, options, ids, now)?;
        }
        Inbound::Message { provider_id, content, .. } => {
            converse(&mut turn, job, loaded, Some(said(content, provider_id)), options, ids, now)?;
        }
        Inbound::Part { provider_id, content, album, join_ms } => match (loaded.subject, content) {
            (Some(message), Content::Media(file)) => {
                turn.keys = vec![event_key(job, Some(message)), known_as(job, provider_id, message)];
                turn.part = Some((message, file.clone()));
            }
            (None, Content::Media(file)) if *join_ms > 0 => {
                let content = Content::Album { items: vec![file.clone()] };
                let received = said(&content, provider_id);
                converse(&mut turn, job, loaded, Some(received), options, ids, now)?;
                wait_for_parts(&mut turn, job, album, TimeDelta::milliseconds((*join_ms).into()), ids, now)?;
                if let (Some(saved), Some(message)) = (&mut turn.conversation, turn.messages.first()) {
                    note_joining(&mut saved.state, message.id);
                }
            }
            _ => converse(&mut turn, job, loaded, Some(said(content, provider_id)), options, ids, now)?,
        },
        Inbound::Postback { provider_id, payload, title, .. } => {
            // The person sees at once that the choice arrived, before the replies to it.
            let seen = Outbound::MarkRead { provider_id: provider_id.clone(), typing: false };
            turn.outbox.push(outgoing(&job.envelope, seen, None, ids, now)?);
            let received = Received {
                kind: "interactive",
                text: title.clone().or_else(|| Some(payload.clone())),
                payload: json!({ "postback": payload, "title": title }),
                provider_id,
            };
            converse(&mut turn, job, loaded, Some(received), options, ids, now)?;
        }
        Inbound::Opened { payload } => {
            let received = Received {
                kind: "system",
                text: None,
                payload: json!({ "opened": payload }),
                provider_id: &event.dedupe,
            };
            converse(&mut turn, job, loaded, Some(received), options, ids, now)?;
        }
        Inbound::Reaction { provider_id, emoji } => {
            let received = Received {
                kind: "reaction",
                text: emoji.clone(),
                payload: json!({ "emoji": emoji, "message": provider_id }),
                provider_id: &event.dedupe,
            };
            converse(&mut turn, job, loaded, Some(received), options, ids, now)?;
        }
        Inbound::Unsupported { provider_id, name, raw } if !event.sender.address.is_empty() => {
            let received = Received {
                kind: "unsupported",
                text: None,
                payload: json!({ "name": name, "raw": raw }),
                provider_id: provider_id.as_deref().unwrap_or(&event.dedupe),
            };
            converse(&mut turn, job, loaded, Some(received), options, ids, now)?;
        }
        // The conversation is over, or its contact was erased: nothing is left that waits, and nothing begins with this.
        Inbound::Timeout { conversation, .. } | Inbound::Answer { conversation, .. }
            if !loaded.is_open(*conversation) => {}
        Inbound::Timeout { .. } | Inbound::Answer { .. } | Inbound::Happened { .. } => {
            converse(&mut turn, job, loaded, None, options, ids, now)?;
        }
        _ => notice(&mut turn, job, loaded, options, ids, now)?,
    }
    Ok(turn)
}

/// A message that came in, as it is stored.
pub(crate) struct Received<'a> {
    pub(crate) kind: &'static str,
    pub(crate) text: Option<String>,
    pub(crate) payload: Value,
    pub(crate) provider_id: &'a str,
}

/// A content as it is stored.
fn said<'a>(content: &Content, provider_id: &'a str) -> Received<'a> {
    let text = content.plain_text().map(str::to_owned);
    Received { kind: content.kind(), text, payload: json!(content), provider_id }
}

/// What makes an event the same when it comes again, and the message it leads to.
pub(crate) fn event_key(job: &Job, message: Option<MessageId>) -> dedupe_keys::New {
    dedupe_keys::New {
        scope: dedupe_keys::inbound_scope(job.envelope.channel),
        key: job.envelope.body.dedupe.clone(),
        message,
    }
}

/// The key under which a message is found by the provider's id of it.
pub(crate) fn known_as(job: &Job, provider_id: &str, message: MessageId) -> dedupe_keys::New {
    dedupe_keys::New {
        scope: dedupe_keys::inbound_scope(job.envelope.channel),
        key: reference_key(provider_id),
        message: Some(message),
    }
}

fn webhook(job: &Job, body: &str, ids: &dyn Ids) -> channel_webhooks::New {
    channel_webhooks::New {
        id: ids.next(),
        channel: job.envelope.channel,
        event_type: job.envelope.body.what.name(),
        dedupe_key: job.envelope.body.dedupe.clone(),
        payload: serde_json::from_str(body)
            .ok()
            .filter(Value::is_object)
            .unwrap_or_else(|| json!({ "body": body })),
        payload_hash: Sha256::digest(body.as_bytes()).into(),
        stream_ref: format!("{INBOUND}/{}/{}", job.position.partition, job.position.offset),
    }
}

#[cfg(test)]
mod tests;
