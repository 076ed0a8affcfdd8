//! The contact of a turn: who wrote, by which addresses, and how long anything may be sent to them.

use botbuilder_domain::{ChannelKind, ContactId, ConversationKey, Ids, Sender, phone};
use botbuilder_store::{
    channels::{addresses::Change, channel_contacts::Seen},
    system::held_messages::Heard,
};
use chrono::TimeDelta;

use crate::{batch::Job, load::Loaded};

/// The addresses by which a contact is looked for: those that the event names, and behind them the other spellings of its
/// number, under which it may be kept from before.
pub(crate) fn asked_for(kind: ChannelKind, sender: &Sender) -> Vec<String> {
    let mut all: Vec<String> = [&sender.address].into_iter().chain(&sender.alt_address).cloned().collect();
    if kind == ChannelKind::Whatsapp {
        let others: Vec<String> = all.iter().flat_map(|address| phone::other_spellings(address)).collect();
        for other in others {
            if !all.contains(&other) {
                all.push(other);
            }
        }
    }
    all
}

/// What is known of the sender, and what this event adds. The addresses of somebody who is known change by
/// [`learned`] alone.
pub(crate) fn contact(job: &Job, loaded: &Loaded, ids: &dyn Ids) -> Seen {
    let sender = &job.envelope.body.sender;
    let known = loaded.known.as_ref();
    Seen {
        id: known.map_or_else(|| ContactId::new(ids.next()), |known| known.contact),
        channel: job.envelope.channel,
        // A contact met under its second address stays under its first.
        external_id: known.map_or_else(|| sender.address.clone(), |known| known.external_id.clone()),
        alt_external_id: match known {
            Some(_) => None,
            None => sender.alt_address.clone().filter(|other| *other != sender.address),
        },
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
    }
}

/// What an event tells of the addresses of somebody who is known: those that are not kept with the contact yet, and those
/// under which another contact stands, which is the same person.
pub(crate) fn learned(job: &Job, loaded: &Loaded) -> Vec<(ContactId, Change)> {
    let Some(known) = &loaded.known else { return Vec::new() };
    let sender = &job.envelope.body.sender;
    let named =
        [&sender.address].into_iter().chain(&sender.alt_address).filter(|address| !known.is_at(address));
    let mut new: Vec<&String> = named.collect();
    for address in &known.elsewhere {
        if !new.contains(&address) {
            new.push(address);
        }
    }
    new.into_iter().map(|address| (known.contact, Change::Also(address.clone()))).collect()
}

/// The keys under which messages to a contact that wrote may be held: those of all its addresses.
pub(crate) fn heard(job: &Job, loaded: &Loaded) -> Vec<Heard> {
    let envelope = &job.envelope;
    let sender = &envelope.body.sender;
    let known = loaded.known.as_ref();
    let mut addresses: Vec<&str> = known.map(|known| known.addresses().collect()).unwrap_or_default();
    let elsewhere = known.map_or(&[][..], |known| &known.elsewhere);
    for address in [&sender.address].into_iter().chain(&sender.alt_address).chain(elsewhere) {
        if !addresses.contains(&address.as_str()) {
            addresses.push(address);
        }
    }
    let key = envelope.key.as_str();
    let under = addresses.into_iter().map(|address| ConversationKey::new(envelope.channel, address));
    under.map(|under| Heard { held_under: under.as_str().to_owned(), key: key.to_owned() }).collect()
}

/// How long after a contact's message anything may be sent (`channels.md` 1.10 and 3.6).
pub(crate) const fn reply_window(kind: ChannelKind) -> Option<TimeDelta> {
    match kind {
        ChannelKind::Whatsapp | ChannelKind::Instagram => Some(TimeDelta::hours(24)),
        ChannelKind::Telegram | ChannelKind::Slack | ChannelKind::Web => None,
    }
}
