//! One message of a webhook.

use botbuilder_adapter_kit::{SendError, json::as_text};
use botbuilder_adapter_meta as meta;
use botbuilder_domain::{
    ContactCard, Content, Failure, Inbound, InboundEvent, Location, Media, MediaKind, Sender, Speaker, phone,
};
use serde::{Deserialize as _, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    identity::{Ids, is_phone},
    inbound::unsupported,
    wire::{self, Contact, Message},
};

/// The events of one item of `messages`: what happened, and what came along with it (the advertisement it was
/// sent from, the product it asks about).
pub(crate) fn events(item: &Value, contacts: &[Contact]) -> Vec<InboundEvent> {
    let parts = Message::deserialize(item).ok().and_then(|message| {
        let id = message.id.clone()?;
        let ids = Ids::of(message.from.as_deref(), message.from_user_id.as_deref());
        Some((id, sender(ids, &message, contacts)?, message))
    });
    let Some((id, sender, message)) = parts else {
        return vec![unsupported(Sender::default(), item.get("id").and_then(as_text), "message", item)];
    };
    let occurred_at = message.timestamp.and_then(meta::instant);
    let kind = message.kind.as_deref().unwrap_or("unknown");

    let what = what_happened(kind, item, &id).unwrap_or_else(|| {
        let named = item.pointer("/unsupported/type").and_then(Value::as_str).unwrap_or(kind);
        Inbound::Unsupported { provider_id: Some(id.clone()), name: named.to_owned(), raw: item.clone() }
    });
    let event = |dedupe: String, what| InboundEvent {
        sender: sender.clone(),
        thread: String::new(),
        dedupe,
        occurred_at,
        what,
    };
    let mut events = Vec::with_capacity(1);
    for (name, place) in [("referral", "/referral"), ("referred_product", "/context/referred_product")] {
        if let Some(raw) = item.pointer(place).filter(|raw| raw.is_object()) {
            let what = Inbound::Service { name: name.to_owned(), raw: raw.clone() };
            events.push(event(format!("{id}:{name}"), what));
        }
    }
    events.push(event(id, what));
    events
}

/// A message that a human typed in the business app on the same number. It is ours, so no bot answers it; its
/// address is the person it went to.
pub(crate) fn echo(item: &Value) -> InboundEvent {
    let parts = Message::deserialize(item).ok().and_then(|message| {
        let ids = Ids::of(message.to.as_deref(), message.to_user_id.as_deref());
        Some((message.id.clone()?, ids.sender(&[])?, message.timestamp))
    });
    let Some((id, sender, timestamp)) = parts else {
        return unsupported(Sender::default(), item.get("id").and_then(as_text), "message_echo", item);
    };
    let kind = item.get("type").and_then(Value::as_str).unwrap_or_default();
    let what = match content(kind, item) {
        // What programs send is told in the response to it alone.
        Some(content) => Inbound::Echo { provider_id: id.clone(), content, may_be_ours: false },
        None => Inbound::Service { name: "message_echo".into(), raw: item.clone() },
    };
    InboundEvent {
        sender,
        thread: String::new(),
        dedupe: format!("echo:{id}"),
        occurred_at: timestamp.and_then(meta::instant),
        what,
    }
}

/// The sender; of a group's message the group, because that is where replies go, and the person beside it.
fn sender(ids: Ids, message: &Message, contacts: &[Contact]) -> Option<Sender> {
    let person = ids.sender(contacts);
    let Some(group) = &message.group_id else { return person };
    let speaker = person.map(|Sender { address, display_name, username, .. }| {
        Box::new(Speaker { id: address, display_name, username })
    });
    Some(Sender { address: group.clone(), speaker, ..Sender::default() })
}

/// None for whatever is not known or not whole.
fn what_happened(kind: &str, item: &Value, id: &str) -> Option<Inbound> {
    let reply_to = || item.pointer("/context/id").and_then(as_text);
    let postback = |tap: wire::Tap| {
        Some(Inbound::Postback {
            provider_id: id.to_owned(),
            payload: tap.id?,
            title: tap.title,
            reply_to: reply_to(),
        })
    };
    match kind {
        "reaction" => Some(Inbound::Reaction {
            provider_id: as_text(item.pointer("/reaction/message_id")?)?,
            emoji: item.pointer("/reaction/emoji").and_then(as_text),
        }),
        "button" => postback(read(item, "/button")?),
        "interactive" => match item.pointer("/interactive/type").and_then(Value::as_str)? {
            "button_reply" => postback(read(item, "/interactive/button_reply")?),
            "list_reply" => postback(read(item, "/interactive/list_reply")?),
            // A form's answer is a string that ought to be JSON; it is handed on as it came.
            "nfm_reply" | "call_permission_reply" => Some(Inbound::Message {
                provider_id: id.to_owned(),
                content: Content::Structured { payload: item.get("interactive")?.clone() },
                reply_to: reply_to(),
            }),
            _ => None,
        },
        "edit" => {
            let original = as_text(item.pointer("/edit/original_message_id")?)?;
            let edited = item.pointer("/edit/message")?;
            let kind = edited.get("type").and_then(Value::as_str)?;
            Some(Inbound::Edit { provider_id: original, content: content(kind, edited)? })
        }
        "revoke" => {
            Some(Inbound::Delete { provider_id: as_text(item.pointer("/revoke/original_message_id")?)? })
        }
        "request_welcome" => Some(Inbound::Opened { payload: None }),
        "system" => Some(system(item)),
        _ => {
            let content = content(kind, item)?;
            Some(Inbound::Message { provider_id: id.to_owned(), content, reply_to: reply_to() })
        }
    }
}

fn system(item: &Value) -> Inbound {
    let name = item.pointer("/system/type").and_then(Value::as_str).unwrap_or("system");
    let new_address =
        ["/system/user_id", "/system/new_wa_id", "/system/wa_id"]
            .into_iter()
            .find_map(|place| item.pointer(place).and_then(as_text))
            .map(|address| {
                if is_phone(&address) { phone::canonical(address.trim_start_matches('+')) } else { address }
            });
    match name {
        "user_changed_number" | "user_changed_user_id" if new_address.is_some() => {
            Inbound::ContactChanged { new_address, blocked: None }
        }
        _ => Inbound::Service { name: name.to_owned(), raw: item.clone() },
    }
}

fn content(kind: &str, item: &Value) -> Option<Content> {
    match kind {
        "text" => Some(Content::text(item.pointer("/text/body")?.as_str()?)),
        "image" => media(MediaKind::Image, kind, item),
        "video" => media(MediaKind::Video, kind, item),
        "audio" | "voice" => media(MediaKind::Audio, kind, item),
        "document" => media(MediaKind::Document, kind, item),
        "sticker" => media(MediaKind::Sticker, kind, item),
        "location" => {
            let place: wire::Location = read(item, "/location")?;
            let wire::Location { latitude, longitude, name, address } = place;
            Some(Content::Location(Location { latitude, longitude, name, address }))
        }
        "contacts" => contacts(item.get("contacts")?),
        "order" => {
            Some(Content::Structured { payload: json!({ "type": "order", "order": item.get("order")? }) })
        }
        _ => None,
    }
}

/// The code of a message that its person wants no more of: marketing, by the network's own switch.
const OPTED_OUT: i64 = 131_050;

/// Why something failed, from a list of errors: in the same words as where the response says so.
pub(crate) fn failure(errors: Option<&Value>) -> Failure {
    let first = errors.and_then(|errors| errors.get(0)).map(meta::GraphError::read).unwrap_or_default();
    let code = match meta::classify(&first, 0, None) {
        _ if first.code == Some(OPTED_OUT) => "opted_out",
        SendError::RecipientGone { blocked: true, .. } => "contact_blocked",
        other => other.code(),
    };
    Failure {
        code: code.to_owned(),
        provider_code: first.code.map(|code| code.to_string()),
        message: first.text(),
    }
}

/// A file. It has no reference where the provider could not take it over (`errors` 131052): the person still
/// sent something, and the caption may stand on its own.
fn media(media: MediaKind, kind: &str, item: &Value) -> Option<Content> {
    let file: Option<wire::Media> = item.get(kind).and_then(|file| wire::Media::deserialize(file).ok());
    let failed = item.get("errors").is_some_and(Value::is_array);
    let file = match file {
        Some(file) if file.id.is_some() || file.url.is_some() || failed => file,
        None if failed => wire::Media::deserialize(&json!({})).ok()?,
        _ => return None,
    };
    let voice = kind == "voice" || file.voice == Some(Value::Bool(true));
    Some(Content::Media(Media {
        media,
        provider_ref: file.id,
        url: file.url,
        mime_type: file.mime_type,
        file_name: file.filename,
        size: file.file_size.and_then(|size| u64::try_from(size).ok()),
        sha256: file.sha256,
        caption: file.caption,
        voice,
        failure: failed.then(|| Box::new(failure(item.get("errors")))),
    }))
}

/// One card is a card; several in one message are handed on as they came.
fn contacts(cards: &Value) -> Option<Content> {
    let [card] = cards.as_array()?.as_slice() else {
        return Some(Content::Structured { payload: json!({ "type": "contacts", "contacts": cards }) });
    };
    let all = |list: &str, field: &str| -> Vec<String> {
        let entries = card.get(list).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        entries.iter().filter_map(|entry| as_text(entry.get(field)?)).collect()
    };
    let first = card.pointer("/name/formatted_name").or_else(|| card.pointer("/name/first_name"));
    Some(Content::Contact(ContactCard {
        name: first.and_then(as_text),
        phones: all("phones", "phone"),
        emails: all("emails", "email"),
        details: details(card),
    }))
}

/// What a card holds beside names, numbers and mail addresses; none where that is nothing.
fn details(card: &Value) -> Option<Value> {
    let told = ["org", "addresses", "urls", "birthday", "vcard"].into_iter().filter_map(|name| {
        let value = card.get(name)?;
        let empty = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
        (!empty).then(|| (name.to_owned(), value.clone()))
    });
    let told: serde_json::Map<String, Value> = told.collect();
    (!told.is_empty()).then_some(Value::Object(told))
}

fn read<T: DeserializeOwned>(item: &Value, place: &str) -> Option<T> {
    T::deserialize(item.pointer(place)?).ok()
}
