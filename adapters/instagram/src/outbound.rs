//! From a part to requests, and from answers to outcomes.

use botbuilder_adapter_kit::{
    Account, HttpChannel, Part, ProviderMessageId, ProviderRequest, ProviderResponse, RequestBody, SendError,
    json::as_text,
};
use botbuilder_adapter_meta as meta;
use botbuilder_domain::{Choice, Content, Media, MediaKind, Secret};
use serde_json::{Map, Value, json};

use crate::{Instagram, refusal, settings::Sending};

/// Up to so many options are buttons of a template, which stay; more are quick replies, which go after one tap.
const TEMPLATE_BUTTONS_MAX: usize = 3;

impl HttpChannel for Instagram {
    fn encode(&self, account: &Account, part: &Part) -> Result<Vec<ProviderRequest>, SendError> {
        let settings = Sending::of(account)?;
        let mut body = content(&part.content)?;
        if body.contains_key("message") {
            body.entry("messaging_type").or_insert_with(|| "RESPONSE".into());
            if let Some(mid) = &part.reply_to {
                body.insert("reply_to".into(), json!({ "mid": mid }));
            }
        }
        body.entry("recipient").or_insert_with(|| json!({ "id": part.to }));
        Ok(vec![request(&settings, body)])
    }

    fn encode_typing(&self, account: &Account, to: &str) -> Result<Option<ProviderRequest>, SendError> {
        Ok(Some(request(&Sending::of(account)?, action("typing_on", to))))
    }

    /// Marks the whole conversation; there is no receipt for one message.
    fn encode_mark_read(
        &self,
        account: &Account,
        to: &str,
        _provider_id: &str,
    ) -> Result<Option<ProviderRequest>, SendError> {
        Ok(Some(request(&Sending::of(account)?, action("mark_seen", to))))
    }

    /// The tag for what a person writes within seven days. Typing and the like have no tag.
    fn by_person(&self, mut request: ProviderRequest) -> ProviderRequest {
        if let RequestBody::Json(Value::Object(body)) = &mut request.body
            && body.contains_key("message")
        {
            body.insert("messaging_type".to_owned(), "MESSAGE_TAG".into());
            body.insert("tag".to_owned(), "HUMAN_AGENT".into());
        }
        request
    }

    fn interpret(&self, response: &ProviderResponse) -> Result<ProviderMessageId, SendError> {
        let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
        if (200..300).contains(&response.status) && body.get("error").is_none() {
            if let Some(id) = body.get("message_id").and_then(as_text) {
                return Ok(ProviderMessageId(id));
            }
            // An action (typing, seen, a reaction) names the person and makes no message.
            if body.get("message_id").is_none() && body.get("recipient_id").and_then(as_text).is_some() {
                return Ok(ProviderMessageId(String::new()));
            }
        }
        Err(meta::interpret_refusal(response, refusal::classify))
    }
}

fn request(settings: &Sending<'_>, body: Map<String, Value>) -> ProviderRequest {
    let Sending { base_url, api_version, sender, access_token } = settings;
    let url = format!("{base_url}/{api_version}/{sender}/messages");
    ProviderRequest {
        method: "POST",
        shown_as: url.clone(),
        url: Secret::new(url),
        bearer: Some((*access_token).clone()),
        body: RequestBody::Json(Value::Object(body)),
    }
}

fn action(name: &str, to: &str) -> Map<String, Value> {
    Map::from_iter([("recipient".to_owned(), json!({ "id": to })), ("sender_action".to_owned(), name.into())])
}

fn refused(message: &str) -> SendError {
    SendError::Permanent { code: "not_encodable".into(), message: message.to_owned() }
}

fn message(message: Value) -> Map<String, Value> {
    Map::from_iter([("message".to_owned(), message)])
}

fn content(content: &Content) -> Result<Map<String, Value>, SendError> {
    match content {
        Content::Text { text } => Ok(message(json!({ "text": text }))),
        Content::Choice(choice) => Ok(message(self::choice(choice))),
        Content::Media(file) => Ok(message(media(file)?)),
        Content::Album { items } => Ok(message(pictures(items)?)),
        Content::Location(_) | Content::Contact(_) => {
            Err(refused("this channel shows neither maps nor contact cards"))
        }
        Content::Template(_) => Err(refused("this channel has no templates that are approved")),
        Content::Structured { payload } => structured(payload),
    }
}

fn choice(choice: &Choice) -> Value {
    if choice.options.len() <= TEMPLATE_BUTTONS_MAX {
        let buttons: Vec<_> = choice
            .options
            .iter()
            .map(|option| json!({ "type": "postback", "title": option.title, "payload": option.id }))
            .collect();
        let payload = json!({ "template_type": "button", "text": choice.text, "buttons": buttons });
        return json!({ "attachment": { "type": "template", "payload": payload } });
    }
    let replies: Vec<_> = choice
        .options
        .iter()
        .map(|option| json!({ "content_type": "text", "title": option.title, "payload": option.id }))
        .collect();
    json!({ "text": choice.text, "quick_replies": replies })
}

fn media(file: &Media) -> Result<Value, SendError> {
    Ok(json!({ "attachment": attachment(file)? }))
}

fn attachment(file: &Media) -> Result<Value, SendError> {
    let kind = match file.media {
        MediaKind::Image | MediaKind::Sticker => "image",
        MediaKind::Video => "video",
        MediaKind::Audio => "audio",
        MediaKind::Document => "file",
    };
    let payload = match (&file.provider_ref, &file.url) {
        (Some(id), _) => json!({ "attachment_id": id }),
        (None, Some(url)) => json!({ "url": url }),
        (None, None) => return Err(refused("the file has neither a reference nor an address")),
    };
    Ok(json!({ "type": kind, "payload": payload }))
}

/// Several pictures in one message; nothing else stands together (`channels.md` 2.4).
fn pictures(items: &[Media]) -> Result<Value, SendError> {
    if items.iter().any(|file| file.media != MediaKind::Image) {
        return Err(refused("only pictures stand together on this channel"));
    }
    let attachments: Vec<Value> = items.iter().map(attachment).collect::<Result<_, _>>()?;
    Ok(json!({ "attachments": attachments }))
}

/// A payload for this channel: a `message` (with a generic template, several images, a private reply's `recipient`), or
/// a `sender_action`, as Graph wants them. A bare object is the message itself.
fn structured(payload: &Value) -> Result<Map<String, Value>, SendError> {
    let object = payload.as_object().ok_or(refused("the payload is not an object"))?;
    if ["tag", "messaging_type"].iter().any(|field| object.contains_key(*field)) {
        // HUMAN_AGENT is for what a person wrote, which a flow's payload is not.
        return Err(refused("message tags are not for automated messages"));
    }
    if object.contains_key("sender_action") || object.contains_key("message") {
        let known =
            |field: &&String| ["message", "sender_action", "payload", "recipient"].contains(&field.as_str());
        let mut body: Map<String, Value> = object
            .iter()
            .filter(|(field, _)| known(field))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        // Only a comment may be named instead of the person.
        if body.get("recipient").is_some_and(|recipient| recipient.get("comment_id").is_none()) {
            body.remove("recipient");
        }
        return Ok(body);
    }
    if ["text", "attachment", "attachments"].iter().any(|field| object.contains_key(*field)) {
        return Ok(message(payload.clone()));
    }
    Err(refused("the payload holds no message"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_wrote_has_the_tag_and_an_action_has_none() {
        let tagged = |body: Value| {
            let Value::Object(body) = body else { unreachable!() };
            let token = Secret::new("t".to_owned());
            let base_url = "https://graph.instagram.com".to_owned();
            let settings = Sending { base_url, api_version: "v26.0", sender: "me", access_token: &token };
            match Instagram.by_person(request(&settings, body)).body {
                RequestBody::Json(body) => body,
                _ => unreachable!(),
            }
        };
        let message =
            tagged(json!({ "recipient": { "id": "1" }, "messaging_type": "RESPONSE", "message": {} }));
        assert_eq!(
            (&message["messaging_type"], &message["tag"]),
            (&json!("MESSAGE_TAG"), &json!("HUMAN_AGENT"))
        );
        assert_eq!(tagged(json!({ "sender_action": "typing_on" })), json!({ "sender_action": "typing_on" }));
    }
}
