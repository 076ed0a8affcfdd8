//! What comes in besides messages: how far ours have come, what became of theirs, and what the provider says of contacts
//! and templates. No bot answers it.

use botbuilder_domain::{Content, Ids, Inbound, InboundEvent, MessageId, Outbound, Standing};
use botbuilder_store::channels::{
    addresses,
    channel_contacts::Seen,
    channel_messages::{Amended, Reported},
    turn_effects::Attribute,
};
use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::{
    Options,
    batch::Job,
    contact::contact,
    echo::{Elsewhere, echo},
    load::Loaded,
    records::{may_wait, outgoing, put_off},
    trail::status_entry,
    turn::{Error, Turn},
};

/// What made somebody write, as networks tell it: an advertisement or a link, a story, a product of the catalogue. The
/// contact keeps the last of each as an attribute of that name.
const LED_HERE: [&str; 3] = ["referral", "story_reply", "referred_product"];

/// Whether it is as short as these are. What is longer is none, and would be read with every turn.
fn is_short(raw: &Value) -> bool {
    raw.to_string().len() <= 8 * 1024
}

/// What such an event changes; nothing, where it is about nothing that is kept.
pub(crate) fn notice(
    turn: &mut Turn,
    job: &Job,
    loaded: &Loaded,
    options: &Options,
    ids: &dyn Ids,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let event = &job.envelope.body;
    match &event.what {
        Inbound::Status { provider_id, status, failure, and_before, .. } => match loaded.subject {
            // What follows from it depends on what became of the attempt.
            Some(_) if loaded.on_its_way && may_wait(job, options, now) => {
                put_off(turn, job, options, ids, now)?;
            }
            Some(message) => {
                // Where the account itself is stopped, no later message will fare better.
                if let Some(failure) = failure.as_ref().filter(|failure| failure.code == "account_stopped") {
                    let standing = Standing::Down { why: failure.message.clone() };
                    turn.standing = Some((job.envelope.channel, failure.code.clone(), standing));
                }
                let at = event.occurred_at.unwrap_or(now);
                turn.trail.push(status_entry(job, message, *status, failure.as_ref(), at));
                turn.report = Some(Reported {
                    id: message,
                    status: *status,
                    at,
                    provider_id: provider_id.clone(),
                    failure: failure.clone(),
                    and_before: *and_before,
                });
            }
            None => put_off(turn, job, options, ids, now)?,
        },
        Inbound::Edit { content, .. } => match loaded.subject {
            Some(message) => turn.amendment = Some(amended(event, message, Some(content.clone()), now)),
            None => put_off(turn, job, options, ids, now)?,
        },
        Inbound::Delete { .. } => match loaded.subject {
            Some(message) => turn.amendment = Some(amended(event, message, None, now)),
            None => put_off(turn, job, options, ids, now)?,
        },
        // Somebody we have not met is met under the address that holds now, when something comes from there.
        Inbound::ContactChanged { new_address: Some(_), .. } if loaded.known.is_none() => {}
        Inbound::ContactChanged { new_address, blocked } => {
            let contact = contact(job, loaded, ids);
            let moved = new_address.clone().map(|address| (contact.id, addresses::Change::Moved(address)));
            turn.addresses.extend(moved);
            turn.contact = Some(Seen { blocked: *blocked, ..contact });
        }
        Inbound::Echo { provider_id, content, may_be_ours } => {
            let said = Elsewhere { provider_id, content, may_be_ours: *may_be_ours };
            echo(turn, job, loaded, &said, options, ids, now)?;
        }
        Inbound::Account { name, standing: Some(standing), .. } => {
            turn.standing = Some((job.envelope.channel, name.clone(), standing.clone()));
        }
        // It comes just before the message that it belongs to, so the bot's turn over that has it.
        Inbound::Service { name, raw } if LED_HERE.contains(&name.as_str()) && is_short(raw) => {
            let contact = contact(job, loaded, ids);
            turn.attributes.push(Attribute { contact: contact.id, name: name.clone(), value: raw.clone() });
            turn.contact = Some(contact);
        }
        // Whoever asks does not wait until a bot has thought about it.
        Inbound::Query { id, .. } => {
            let answered = Outbound::MarkRead { provider_id: id.clone(), typing: false };
            turn.outbox.push(outgoing(&job.envelope, answered, None, ids, now)?);
        }
        Inbound::Template(change) => turn.template = Some((job.envelope.channel, change.clone())),
        // Who types, what a service says of a chat; a message whose parts were waited for and that was emptied meanwhile.
        _ => {}
    }
    Ok(())
}

/// A change of a message. A provider whose clock is ahead of ours does not keep later changes out.
fn amended(event: &InboundEvent, id: MessageId, content: Option<Content>, now: DateTime<Utc>) -> Amended {
    Amended { id, content, at: event.occurred_at.map_or(now, |at| at.min(now)) }
}
