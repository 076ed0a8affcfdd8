//! From a part to requests, and from answers to outcomes.

use botbuilder_adapter_kit::{
    Account, Change, HttpChannel, Part, ProviderMessageId, ProviderRequest, ProviderResponse, RequestBody,
    SendError, Show, Told, json::as_text,
};
use botbuilder_adapter_meta as meta;
use botbuilder_domain::{Choice, ChoiceStyle, ContactCard, Content, Media, MediaKind, Secret, phone};
use serde_json::{Map, Value, json};

use crate::{
    Whatsapp,
    identity::{is_bsuid, is_phone},
    settings::Sending,
    template,
};

/// The code of a file that Graph could not take.
const MEDIA_NOT_TAKEN: &str = "131053";

/// The label that opens a list where the flow gives none.
const LIST_LABEL: &str = "Options";

impl HttpChannel for Whatsapp {
    fn encode(&self, account: &Account, part: &Part) -> Result<Vec<ProviderRequest>, SendError> {
        let settings = Sending::of(account)?;
        let mut body = Map::new();
        body.insert("messaging_product".into(), "whatsapp".into());
        address(&mut body, &part.to);
        content(&mut body, &part.content)?;
        if let Some(message_id) = &part.reply_to {
            body.insert("context".into(), json!({ "message_id": message_id }));
        }
        // Echoed in every status, so an answer that was lost can still be matched with its message.
        body.insert("biz_opaque_callback_data".into(), part.message.to_string().into());
        Ok(vec![request(&settings, Value::Object(body))])
    }

    fn encode_mark_read(
        &self,
        account: &Account,
        _to: &str,
        provider_id: &str,
    ) -> Result<Option<ProviderRequest>, SendError> {
        let settings = Sending::of(account)?;
        let body = json!({ "messaging_product": "whatsapp", "status": "read", "message_id": provider_id });
        Ok(Some(request(&settings, body)))
    }

    /// Typing is shown by the receipt itself, so where nothing is to be marked as read nothing is shown.
    fn encode_seen(
        &self,
        account: &Account,
        to: &str,
        provider_id: &str,
        show: Show,
    ) -> Result<Vec<ProviderRequest>, SendError> {
        if !show.seen {
            return Ok(Vec::new());
        }
        let mut request = self.encode_mark_read(account, to, provider_id)?;
        if let Some(ProviderRequest { body: RequestBody::Json(Value::Object(body)), .. }) = &mut request
            && show.typing
        {
            body.insert("typing_indicator".to_owned(), json!({ "type": "text" }));
        }
        Ok(request.into_iter().collect())
    }

    /// A file that was uploaded and is not taken (131053) never will be: its upload is forgotten. One that could not be
    /// fetched from its address goes as the address.
    fn judged(&self, part: &Part, error: SendError) -> SendError {
        let SendError::Transient { code, message } = error else { return error };
        match &part.content {
            _ if code != MEDIA_NOT_TAKEN => SendError::Transient { code, message },
            Content::Media(file) if file.provider_ref.is_none() => {
                SendError::RetryChanged { code, change: Change::LinkText }
            }
            _ => SendError::Permanent { code, message },
        }
    }

    fn interpret(&self, response: &ProviderResponse) -> Result<ProviderMessageId, SendError> {
        let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
        if (200..300).contains(&response.status) && body.get("error").is_none() {
            if let Some(id) = body.pointer("/messages/0/id").and_then(as_text) {
                return Ok(ProviderMessageId(id));
            }
            if body.get("success") == Some(&Value::Bool(true)) {
                return Ok(ProviderMessageId(String::new()));
            }
        }
        Err(meta::interpret_refusal(response, meta::classify))
    }

    /// The answer names the person by number, scoped id or both, whichever of them was written to. Contacts whose addresses
    /// are one person's become one for good, so another number than the one that was written to is not believed.
    fn told(&self, response: &ProviderResponse) -> Told {
        let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
        let text = |name: &str| body.pointer("/contacts/0")?.get(name)?.as_str();
        let spelled = |number: &str| phone::canonical(number.trim_start_matches('+'));
        let written_to = match text("input").map(|input| input.replace(' ', "")) {
            Some(input) if is_phone(&input) => Some(spelled(&input)),
            Some(input) if is_bsuid(&input) => None,
            // Of a group it names nobody.
            _ => return Told::default(),
        };
        let scoped = text("user_id").filter(|id| is_bsuid(id)).map(str::to_owned);
        let number = text("wa_id").filter(|id| is_phone(id)).map(spelled);
        let number = number.filter(|number| written_to.as_ref().is_none_or(|to| to == number));
        Told { ids: Vec::new(), addresses: scoped.into_iter().chain(number).collect() }
    }
}

fn request(settings: &Sending<'_>, body: Value) -> ProviderRequest {
    let Sending { base_url, api_version, phone_number_id, access_token } = settings;
    let url = format!("{base_url}/{api_version}/{phone_number_id}/messages");
    ProviderRequest {
        method: "POST",
        shown_as: url.clone(),
        url: Secret::new(url),
        bearer: Some((*access_token).clone()),
        body: RequestBody::Json(body),
    }
}

/// A person is addressed by `to` (telephone number) or `recipient` (BSUID), a group by `to`.
fn address(body: &mut Map<String, Value>, to: &str) {
    let (kind, field) = match to {
        person if is_bsuid(person) => ("individual", "recipient"),
        person if is_phone(person) => ("individual", "to"),
        _group => ("group", "to"),
    };
    body.insert("recipient_type".into(), kind.into());
    body.insert(field.into(), to.into());
}

fn content(body: &mut Map<String, Value>, content: &Content) -> Result<(), SendError> {
    let (kind, object) = match content {
        Content::Text { text } => ("text", json!({ "body": text })),
        Content::Media(file) => media(file)?,
        Content::Album { .. } => return Err(refused("this channel has no albums")),
        Content::Location(place) => {
            let mut object = json!({ "latitude": place.latitude, "longitude": place.longitude });
            set(&mut object, "name", place.name.as_deref());
            set(&mut object, "address", place.address.as_deref());
            ("location", object)
        }
        Content::Contact(card) => ("contacts", contacts(card)),
        Content::Choice(choice) => ("interactive", interactive(choice)),
        Content::Template(message) => ("template", template::encode(message)?),
        Content::Structured { payload } => return structured(body, payload),
    };
    body.insert("type".into(), kind.into());
    body.insert(kind.into(), object);
    Ok(())
}

pub(crate) fn refused(message: &str) -> SendError {
    SendError::Permanent { code: "not_encodable".into(), message: message.to_owned() }
}

fn set(object: &mut Value, field: &str, text: Option<&str>) {
    if let Some(text) = text.filter(|text| !text.is_empty()) {
        object[field] = text.into();
    }
}

pub(crate) fn media(file: &Media) -> Result<(&'static str, Value), SendError> {
    let mut object = match (&file.provider_ref, &file.url) {
        (Some(id), _) => json!({ "id": id }),
        (None, Some(link)) => json!({ "link": link }),
        (None, None) => return Err(refused("the file has neither a reference nor an address")),
    };
    let kind = match file.media {
        MediaKind::Image => "image",
        MediaKind::Video => "video",
        MediaKind::Audio => "audio",
        MediaKind::Document => "document",
        MediaKind::Sticker => "sticker",
    };
    // The planner has moved captions away from kinds that have none.
    if matches!(file.media, MediaKind::Image | MediaKind::Video | MediaKind::Document) {
        set(&mut object, "caption", file.caption.as_deref());
    }
    if file.media == MediaKind::Document {
        set(&mut object, "filename", file.file_name.as_deref());
    }
    // Only OGG is shown as a voice note; anything else marked so is refused.
    if file.media == MediaKind::Audio && file.voice && is_ogg(file) {
        object["voice"] = true.into();
    }
    Ok((kind, object))
}

/// Whether a sound is OGG, by its type, or where that is not known by its name or address.
fn is_ogg(file: &Media) -> bool {
    if let Some(mime_type) = &file.mime_type {
        return mime_type.trim_start().to_ascii_lowercase().starts_with("audio/ogg");
    }
    let named = [&file.file_name, &file.url].into_iter().flatten();
    let ends: Vec<_> = named
        .filter_map(|name| name.split(['?', '#']).next()?.rsplit('.').next())
        .map(str::to_ascii_lowercase)
        .collect();
    // Of a file that is known by its reference alone, whoever marked it knew.
    ends.is_empty() || ends.iter().any(|end| matches!(end.as_str(), "ogg" | "oga" | "opus"))
}

/// A card needs a formatted name and one more part of it.
fn contacts(card: &ContactCard) -> Value {
    let name = card.name.as_deref().or(card.phones.first().map(String::as_str)).unwrap_or("Contact");
    let phones: Vec<_> = card.phones.iter().map(|phone| json!({ "phone": phone })).collect();
    let emails: Vec<_> = card.emails.iter().map(|email| json!({ "email": email })).collect();
    let mut object = json!({ "name": { "formatted_name": name, "first_name": name } });
    if !phones.is_empty() {
        object["phones"] = phones.into();
    }
    if !emails.is_empty() {
        object["emails"] = emails.into();
    }
    for name in ["org", "addresses", "urls", "birthday"] {
        if let Some(value) = card.details.as_ref().and_then(|details| details.get(name)) {
            object[name] = value.clone();
        }
    }
    json!([object])
}

fn interactive(choice: &Choice) -> Value {
    let body = json!({ "text": choice.text });
    match choice.style {
        ChoiceStyle::Buttons => {
            let buttons: Vec<_> = choice
                .options
                .iter()
                .map(|option| json!({ "type": "reply", "reply": { "id": option.id, "title": option.title } }))
                .collect();
            json!({ "type": "button", "body": body, "action": { "buttons": buttons } })
        }
        ChoiceStyle::List => {
            let rows: Vec<_> = choice
                .options
                .iter()
                .map(|option| {
                    let mut row = json!({ "id": option.id, "title": option.title });
                    set(&mut row, "description", option.description.as_deref());
                    row
                })
                .collect();
            let label = choice.label.as_deref().unwrap_or(LIST_LABEL);
            json!({
                "type": "list",
                "body": body,
                "action": { "button": label, "sections": [{ "rows": rows }] },
            })
        }
    }
}

/// A payload for this channel: `type` and the object of that name, as Graph wants them.
fn structured(body: &mut Map<String, Value>, payload: &Value) -> Result<(), SendError> {
    let kind = payload.get("type").and_then(Value::as_str).ok_or(refused("the payload has no type"))?;
    let object = payload.get(kind).ok_or(refused("the payload has no object of its type"))?;
    if body.contains_key(kind) {
        return Err(refused("the payload's type is not one of a message"));
    }
    body.insert("type".into(), kind.into());
    body.insert(kind.into(), object.clone());
    Ok(())
}

#[cfg(test)]
mod tests {
    use botbuilder_domain::MessageId;

    use super::*;

    fn file(url: Option<&str>, id: Option<&str>) -> Media {
        let file = json!({ "media": "audio", "url": url, "provider_ref": id, "voice": true });
        serde_json::from_value(file).unwrap()
    }

    #[test]
    fn a_file_that_is_not_taken_is_judged_by_how_it_was_sent() {
        let judged = |content: Content, code: &str| {
            let part = Part {
                message: MessageId::new(uuid::Uuid::nil()),
                index: 0,
                to: "15550001111".into(),
                thread: String::new(),
                content,
                reply_to: None,
            };
            let error = SendError::Transient { code: code.into(), message: "media upload error".into() };
            Whatsapp.judged(&part, error)
        };
        let named = judged(Content::Media(file(Some("https://example.org/a.ogg"), None)), "131053");
        assert!(matches!(named, SendError::RetryChanged { change: Change::LinkText, .. }), "{named:?}");
        let uploaded = judged(Content::Media(file(None, Some("1"))), "131053");
        assert!(matches!(uploaded, SendError::Permanent { .. }), "{uploaded:?}");
        let other = judged(Content::Media(file(None, Some("1"))), "131000");
        assert!(matches!(other, SendError::Transient { .. }), "{other:?}");
    }

    #[test]
    fn an_answer_names_both_addresses_of_a_person() {
        let told = |contact: Value| {
            let body = json!({ "contacts": [contact], "messages": [{ "id": "wamid.1" }] }).to_string().into();
            Whatsapp.told(&ProviderResponse { status: 200, retry_after: None, body }).addresses
        };
        let both = json!({ "input": "+55 51 8765-4321".replace('-', ""), "wa_id": "555187654321", "user_id": "BR.1" });
        assert_eq!(told(both), ["BR.1", "5551987654321"]);
        assert_eq!(told(json!({ "input": "BR.1", "user_id": "BR.1" })), ["BR.1"]);
        assert_eq!(told(json!({ "input": "BR.1", "wa_id": "15550001111" })), ["15550001111"]);
        assert!(
            told(json!({ "input": "15550001111", "wa_id": "15550002222" })).is_empty(),
            "somebody else's"
        );
        assert!(told(json!({ "input": "Y2FwaV9ncm91cA==", "wa_id": "15550001111" })).is_empty());
        assert!(told(json!({ "input": "15550001111", "wa_id": "", "user_id": 7 })).is_empty());
        assert!(told(Value::Null).is_empty());
    }

    #[test]
    fn only_ogg_is_a_voice_note() {
        let voice = |file: &Media| media(file).unwrap().1.get("voice").is_some();
        assert!(voice(&file(Some("https://example.org/a.OGG?x=1.mp3"), None)));
        assert!(voice(&file(None, Some("1"))));
        assert!(!voice(&file(Some("https://example.org/a.mp3"), None)));
        let typed = |mime_type: &str| Media { mime_type: Some(mime_type.into()), ..file(None, Some("1")) };
        assert!(voice(&typed("audio/ogg; codecs=opus")));
        assert!(!voice(&typed("audio/mpeg")));
    }
}
