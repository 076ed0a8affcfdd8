//! The contact of a turn: who wrote, by which addresses, and how long anything may be sent to them.

use botbuilder_domain::{ChannelKind, ContactId, ConversationKey, Ids};
use botbuilder_store::{channels::channel_contacts::Seen, system::held_messages::Heard};
use chrono::TimeDelta;

use crate::{batch::Job, load::Loaded};

/// What is known of the sender, and what this event adds.
pub(crate) fn contact(job: &Job, loaded: &Loaded, ids: &dyn Ids) -> Seen {
    let sender = &job.envelope.body.sender;
    let known = loaded.known.as_ref();
    // A contact met under its second address stays under its first.
    let external_id = known.map_or_else(|| sender.address.clone(), |known| known.external_id.clone());
    let other = |address: &String| (*address != external_id).then(|| address.clone());
    Seen {
        id: known.map_or_else(|| ContactId::new(ids.next()), |known| known.contact),
        channel: job.envelope.channel,
        alt_external_id: sender.alt_address.as_ref().and_then(other).or_else(|| other(&sender.address)),
        display_name: sender
            .display_name
            .clone()
            .or_else(|| known.and_then(|known| known.display_name.clone())),
        username: sender.username.clone(),
        phone: sender.phone.clone(),
        locale: sender.locale.clone().or_else(|| known.and_then(|known| known.locale.clone())),
        inbound: 0,
        outbound: 0,
        window_until: None,
        blocked: None,
        external_id,
    }
}

/// The keys under which messages to a contact that wrote may be held: those of both addresses.
pub(crate) fn heard(job: &Job, contact: &Seen) -> Vec<Heard> {
    let envelope = &job.envelope;
    let key = envelope.key.as_str().to_owned();
    let addresses = std::iter::once(&contact.external_id).chain(&contact.alt_external_id);
    let under = addresses.map(|address| ConversationKey::new(envelope.channel, address).as_str().to_owned());
    under.map(|held_under| Heard { held_under, key: key.clone() }).collect()
}

/// How long after a contact's message anything may be sent (`channels.md` 1.10 and 3.6).
pub(crate) const fn reply_window(kind: ChannelKind) -> Option<TimeDelta> {
    match kind {
        ChannelKind::Whatsapp | ChannelKind::Instagram => Some(TimeDelta::hours(24)),
        ChannelKind::Telegram | ChannelKind::Slack | ChannelKind::Web => None,
    }
}
