//! From a part to method calls, and from answers to outcomes.

use botbuilder_adapter_kit::{
    Account, HttpChannel, Part, ProviderMessageId, ProviderRequest, ProviderResponse, RequestBody, SendError,
    Show, Told, json::as_text,
};
use botbuilder_domain::{Choice, Content, Media, MediaKind, Secret};
use serde_json::{Map, Value, json};

use crate::{
    Telegram, checkout,
    inbound::BUSINESS,
    methods::{self, structured},
    refusal,
    settings::Calling,
};

impl HttpChannel for Telegram {
    fn encode(&self, account: &Account, part: &Part) -> Result<Vec<ProviderRequest>, SendError> {
        let settings = Calling::of(account)?;
        let (method, mut body) = call(&part.content)?;
        let taken = methods::taken(&method);
        // A message that was sent inline is in no chat of ours.
        if taken.contains(&"chat_id") && !body.contains_key("inline_message_id") {
            body.insert("chat_id".into(), chat_id(&part.to));
        }
        if let Some(connection) = part.thread.strip_prefix(BUSINESS) {
            if taken.contains(&"business_connection_id") {
                body.insert("business_connection_id".into(), connection.into());
            }
        } else if let Ok(topic) = part.thread.parse::<i64>()
            && taken.contains(&"message_thread_id")
        {
            body.insert("message_thread_id".into(), topic.into());
        }
        if let Some(message_id) = part.reply_to.as_deref().and_then(message_number)
            && taken.contains(&"reply_parameters")
        {
            // Without this a reply to a message that was deleted meanwhile would be refused.
            let reply = json!({ "message_id": message_id, "allow_sending_without_reply": true });
            body.insert("reply_parameters".into(), reply);
        }
        Ok(vec![request(&settings, &method, body)])
    }

    fn encode_typing(&self, account: &Account, to: &str) -> Result<Option<ProviderRequest>, SendError> {
        let body =
            Map::from_iter([("chat_id".to_owned(), chat_id(to)), ("action".to_owned(), "typing".into())]);
        Ok(Some(request(&Calling::of(account)?, "sendChatAction", body)))
    }

    /// A tap has to be answered, or the button goes on spinning; so has a question of a checkout. There is no receipt for
    /// a message.
    fn encode_mark_read(
        &self,
        account: &Account,
        _to: &str,
        provider_id: &str,
    ) -> Result<Option<ProviderRequest>, SendError> {
        if message_number(provider_id).is_some() {
            return Ok(None);
        }
        if let Some(refused) = checkout::refusal(account, provider_id) {
            return refused;
        }
        let body = Map::from_iter([("callback_query_id".to_owned(), provider_id.into())]);
        Ok(Some(request(&Calling::of(account)?, "answerCallbackQuery", body)))
    }

    /// A tap is answered whatever is to be shown.
    fn encode_seen(
        &self,
        account: &Account,
        to: &str,
        provider_id: &str,
        show: Show,
    ) -> Result<Vec<ProviderRequest>, SendError> {
        let answer = self.encode_mark_read(account, to, provider_id)?;
        let typing = if show.typing { self.encode_typing(account, to)? } else { None };
        Ok(answer.into_iter().chain(typing).collect())
    }

    fn interpret(&self, response: &ProviderResponse) -> Result<ProviderMessageId, SendError> {
        let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
        if body.get("ok") != Some(&Value::Bool(true)) {
            // It is as it should be.
            if refusal::is_unchanged(&body) {
                return Ok(ProviderMessageId(String::new()));
            }
            return Err(refusal::interpret(response, &body));
        }
        let result = body.get("result").unwrap_or(&Value::Null);
        // An album comes back as a list; its first message stands for it.
        let message = result.get(0).unwrap_or(result);
        match id_of(message) {
            Some(id) => Ok(ProviderMessageId(id)),
            // Of a copy only the number is told. A poll that was stopped, or an answer to a query, is no message.
            None if message.get("message_id").and_then(as_text).is_some() => {
                Ok(ProviderMessageId(String::new()))
            }
            _ if result.is_boolean() || result.get("options").is_some() => {
                Ok(ProviderMessageId(String::new()))
            }
            _ => Err(SendError::Uncertain { message: "accepted, but the answer names no message".into() }),
        }
    }

    fn told(&self, response: &ProviderResponse) -> Told {
        let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
        let album = body.get("result").and_then(Value::as_array);
        let ids = album.into_iter().flatten().skip(1).filter_map(id_of).collect();
        Told { ids, addresses: Vec::new() }
    }
}

/// The provider id of a message as Telegram tells it: its number counts within its chat.
fn id_of(message: &Value) -> Option<String> {
    let chat = message.pointer("/chat/id").and_then(as_text)?;
    Some(format!("{chat}:{}", message.get("message_id").and_then(as_text)?))
}

/// A call of a method.
pub(crate) fn request(settings: &Calling<'_>, method: &str, body: Map<String, Value>) -> ProviderRequest {
    let Calling { base_url, bot_token } = settings;
    ProviderRequest {
        method: "POST",
        url: Secret::new(format!("{base_url}/bot{bot_token}/{method}")),
        shown_as: format!("{base_url}/bot…/{method}"),
        bearer: None,
        body: RequestBody::Json(Value::Object(body)),
    }
}

/// Ids are numbers of up to 52 bits; a public channel may also be named as `@name`.
fn chat_id(to: &str) -> Value {
    to.parse::<i64>().map_or_else(|_| to.into(), Value::from)
}

/// The number in a provider id `{chat}:{number}`.
pub(crate) fn message_number(provider_id: &str) -> Option<i64> {
    provider_id.split_once(':')?.1.parse().ok()
}

pub(crate) fn refused(message: &str) -> SendError {
    SendError::Permanent { code: "not_encodable".into(), message: message.to_owned() }
}

/// The method and its parameters, without the address.
fn call(content: &Content) -> Result<(String, Map<String, Value>), SendError> {
    let (method, body) = match content {
        Content::Text { text } => ("sendMessage", json!({ "text": text })),
        Content::Choice(choice) => {
            ("sendMessage", json!({ "text": choice.text, "reply_markup": keyboard(choice) }))
        }
        Content::Media(file) => media(file)?,
        Content::Album { items } => ("sendMediaGroup", album(items)?),
        Content::Location(place) => match (&place.name, &place.address) {
            (None, None) => {
                ("sendLocation", json!({ "latitude": place.latitude, "longitude": place.longitude }))
            }
            (name, address) => {
                // A venue needs both texts.
                let title = name.as_deref().or(address.as_deref()).unwrap_or_default();
                let address = address.as_deref().unwrap_or(title);
                let body = json!({
                    "latitude": place.latitude, "longitude": place.longitude,
                    "title": title, "address": address,
                });
                ("sendVenue", body)
            }
        },
        Content::Contact(card) => {
            let phone = card.phones.first().ok_or(refused("the contact has no telephone number"))?;
            let name = card.name.as_deref().filter(|name| !name.is_empty()).unwrap_or(phone);
            let mut body = json!({ "phone_number": phone, "first_name": name });
            // Telegram takes 2 048 bytes of it.
            let vcard = card.details.as_ref().and_then(|details| details.get("vcard")?.as_str());
            if let Some(vcard) = vcard.filter(|vcard| vcard.len() <= 2048) {
                body["vcard"] = vcard.into();
            }
            ("sendContact", body)
        }
        Content::Template(_) => return Err(refused("this channel has no templates")),
        Content::Structured { payload } => return structured(payload),
    };
    match body {
        Value::Object(body) => Ok((method.to_owned(), body)),
        _ => Err(refused("the parameters are not an object")),
    }
}

/// Longest payload of a button, in bytes. In the place of a longer one stands its key.
const CALLBACK_MAX: usize = 64;

/// One button a row: titles of any length stay readable.
fn keyboard(choice: &Choice) -> Value {
    let rows: Vec<_> = choice
        .options
        .iter()
        .map(|option| json!([{ "text": option.title, "callback_data": option.key(CALLBACK_MAX) }]))
        .collect();
    json!({ "inline_keyboard": rows })
}

fn media(file: &Media) -> Result<(&'static str, Value), SendError> {
    let (method, field) = match file.media {
        MediaKind::Image => ("sendPhoto", "photo"),
        MediaKind::Video => ("sendVideo", "video"),
        MediaKind::Audio if file.voice => ("sendVoice", "voice"),
        MediaKind::Audio => ("sendAudio", "audio"),
        MediaKind::Document => ("sendDocument", "document"),
        MediaKind::Sticker => ("sendSticker", "sticker"),
    };
    let source = file.provider_ref.as_ref().or(file.url.as_ref());
    let source = source.ok_or(refused("the file has neither a reference nor an address"))?;
    let mut body = json!({ field: source });
    if let Some(caption) = file.caption.as_ref().filter(|_| file.media != MediaKind::Sticker) {
        body["caption"] = caption.as_str().into();
    }
    Ok((method, body))
}

/// Files that stand together: 2 to 10, documents and sound only among themselves, which the planner has seen to.
fn album(items: &[Media]) -> Result<Value, SendError> {
    let described = items.iter().map(|file| {
        let kind = match file.media {
            MediaKind::Image => "photo",
            MediaKind::Video => "video",
            MediaKind::Audio => "audio",
            MediaKind::Document => "document",
            MediaKind::Sticker => return Err(refused("stickers stand alone")),
        };
        let source = file.provider_ref.as_ref().or(file.url.as_ref());
        let source = source.ok_or(refused("a file has neither a reference nor an address"))?;
        let mut item = json!({ "type": kind, "media": source });
        if let Some(caption) = &file.caption {
            item["caption"] = caption.as_str().into();
        }
        Ok(item)
    });
    Ok(json!({ "media": described.collect::<Result<Vec<Value>, SendError>>()? }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_an_album_is_named() {
        let message = |number: u32| json!({ "message_id": number, "chat": { "id": -100 } });
        let answer = |result: Value| ProviderResponse {
            status: 200,
            retry_after: None,
            body: json!({ "ok": true, "result": result }).to_string().into(),
        };
        let album = answer(json!([message(7), message(8), message(9)]));
        assert_eq!(Telegram.interpret(&album).unwrap().0, "-100:7");
        assert_eq!(Telegram.told(&album).ids, ["-100:8", "-100:9"]);
        assert_eq!(Telegram.told(&answer(message(7))), Told::default());
    }
}
