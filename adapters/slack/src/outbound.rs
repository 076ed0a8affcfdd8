//! From a part to calls of Web API methods, and from answers to outcomes.

use botbuilder_adapter_kit::{
    Account, HttpChannel, Part, ProviderMessageId, ProviderRequest, ProviderResponse, RequestBody, SendError,
    json::as_text,
};
use botbuilder_domain::{Content, Media, MediaKind, Secret};
use serde_json::{Map, Value, json};

use crate::{Slack, blocks, joining, media, mrkdwn::escape, refusal, response_url, settings::Calling};

/// The methods that a structured payload may name, and the field in which each takes the channel, if it does.
const METHODS: [(&str, Option<&str>); 17] = [
    ("chat.postMessage", Some("channel")),
    ("chat.postEphemeral", Some("channel")),
    ("chat.scheduleMessage", Some("channel")),
    ("chat.update", Some("channel")),
    ("chat.delete", Some("channel")),
    ("chat.startStream", Some("channel")),
    ("chat.appendStream", Some("channel")),
    ("chat.stopStream", Some("channel")),
    ("reactions.add", Some("channel")),
    ("reactions.remove", Some("channel")),
    ("pins.add", Some("channel")),
    ("pins.remove", Some("channel")),
    ("assistant.threads.setStatus", Some("channel_id")),
    ("views.open", None),
    ("views.push", None),
    ("views.update", None),
    ("views.publish", None),
];

/// Of these, the ones that make a message and so may stand in a thread.
const POSTS: [&str; 4] =
    ["chat.postMessage", "chat.postEphemeral", "chat.scheduleMessage", "chat.startStream"];

impl HttpChannel for Slack {
    fn encode(&self, account: &Account, part: &Part) -> Result<Vec<ProviderRequest>, SendError> {
        let files = media::files(&part.content);
        let (uploaded, linked): (Vec<&Media>, Vec<&Media>) =
            files.iter().partition(|file| media::uploaded(file).is_some());
        if !uploaded.is_empty() {
            let mut requests = vec![media::share(account, part, &uploaded, root(part))?];
            for file in linked {
                let alone = Part { content: Content::Media(file.clone()), ..part.clone() };
                requests.extend(self.encode(account, &alone)?);
            }
            return Ok(requests);
        }
        let settings = Calling::of(account)?;
        let (method, mut body) = call(&part.content)?;
        let (name, address) = METHODS
            .into_iter()
            .find(|(name, _)| *name == method)
            .ok_or(refused("the payload names a method that is not one for messages, reactions or views"))?;
        if let Some(field) = address
            && !body.contains_key(field)
        {
            body.insert(field.into(), part.to.as_str().into());
        }
        if POSTS.contains(&name)
            && !body.contains_key("thread_ts")
            && let Some(root) = root(part)
        {
            body.insert("thread_ts".into(), root.into());
        }
        Ok(vec![request(&settings, name, body)])
    }

    /// A file is shared in a conversation; a person's id stands for theirs with the app in messages only.
    fn encode_place(&self, account: &Account, part: &Part) -> Result<Option<ProviderRequest>, SendError> {
        let shares = media::files(&part.content).iter().any(|file| media::uploaded(file).is_some());
        if !shares || !part.to.starts_with(['U', 'W']) {
            return Ok(None);
        }
        let body = Map::from_iter([("users".to_owned(), part.to.as_str().into())]);
        Ok(Some(request(&Calling::of(account)?, "conversations.open", body)))
    }

    fn place(&self, response: &ProviderResponse) -> Result<String, SendError> {
        let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
        let channel = body.pointer("/channel/id").and_then(as_text);
        match (body.get("ok"), channel) {
            (Some(Value::Bool(true)), Some(channel)) => Ok(channel),
            _ => Err(refusal::interpret(response, &body)),
        }
    }

    fn encode_opening(
        &self,
        account: &Account,
        part: &Part,
        refused: &SendError,
    ) -> Result<Option<ProviderRequest>, SendError> {
        joining::encode(account, part, refused)
    }

    fn opened(&self, response: &ProviderResponse, refused: SendError) -> Result<(), SendError> {
        joining::interpret(response, refused)
    }

    /// Where the app is not in the channel.
    fn encode_via(
        &self,
        account: &Account,
        part: &Part,
        via: &str,
    ) -> Result<Option<ProviderRequest>, SendError> {
        response_url::encode(account, part, via)
    }

    fn interpret_via(&self, response: &ProviderResponse) -> Result<(), SendError> {
        response_url::interpret(response)
    }

    fn interpret(&self, response: &ProviderResponse) -> Result<ProviderMessageId, SendError> {
        let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
        let text = |field: &str| body.get(field).and_then(as_text);
        let done = match body.get("ok") {
            Some(Value::Bool(true)) => true,
            // The reaction is as it should be.
            Some(Value::Bool(false)) => {
                matches!(text("error").as_deref(), Some("already_reacted" | "no_reaction"))
            }
            _ => false,
        };
        if !done || response.status >= 300 {
            return Err(refusal::interpret(response, &body));
        }
        match (text("channel"), text("ts").or_else(|| text("message_ts"))) {
            (Some(channel), Some(ts)) => Ok(ProviderMessageId(format!("{channel}:{ts}"))),
            // An ephemeral message names no channel; a reaction or a view makes no message at all.
            (None, Some(ts)) => Ok(ProviderMessageId(ts)),
            _ => Ok(ProviderMessageId(String::new())),
        }
    }
}

/// The root of the thread that a part belongs in: its conversation's thread, or the message it answers.
pub(crate) fn root(part: &Part) -> Option<&str> {
    let answered = part.reply_to.as_deref().and_then(|id| id.split_once(':')).map(|(_, ts)| ts);
    Some(part.thread.as_str()).filter(|thread| !thread.is_empty()).or(answered).filter(|ts| is_ts(ts))
}

/// `1700000000.000100`.
fn is_ts(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    text.split_once('.').is_some_and(|(seconds, micros)| digits(seconds) && digits(micros))
}

/// A call of a method with the bot's token.
pub(crate) fn request(settings: &Calling<'_>, method: &str, body: Map<String, Value>) -> ProviderRequest {
    call_with(settings.bot_token, &settings.base_url, method, body)
}

/// A call of a method.
pub(crate) fn call_with(
    token: &Secret<String>,
    base_url: &str,
    method: &str,
    body: Map<String, Value>,
) -> ProviderRequest {
    let url = format!("{base_url}/{method}");
    ProviderRequest {
        method: "POST",
        shown_as: url.clone(),
        url: Secret::new(url),
        bearer: Some(token.clone()),
        body: RequestBody::Json(Value::Object(body)),
    }
}

fn refused(message: &str) -> SendError {
    SendError::Permanent { code: "not_encodable".into(), message: message.to_owned() }
}

/// The method and its arguments, without the address. `text` beside blocks is what notifications and screen readers
/// show.
pub(crate) fn call(content: &Content) -> Result<(String, Map<String, Value>), SendError> {
    let body = match content {
        Content::Text { text } => json!({ "text": escape(text) }),
        Content::Choice(choice) => json!({ "text": escape(&choice.text), "blocks": blocks::choice(choice) }),
        Content::Media(file) => media(file)?,
        Content::Album { items } => album(items)?,
        Content::Location(_) | Content::Contact(_) => {
            return Err(refused("this channel shows neither maps nor contact cards"));
        }
        Content::Template(_) => return Err(refused("this channel has no templates")),
        Content::Structured { payload } => return structured(payload),
    };
    match body {
        Value::Object(body) => Ok(("chat.postMessage".to_owned(), body)),
        _ => Err(refused("the arguments are not an object")),
    }
}

/// An image is shown; of any other file the address is.
fn media(file: &Media) -> Result<Value, SendError> {
    if is_shown(file) {
        let blocks = blocks::image(file).ok_or(refused("the file has neither a reference nor an address"))?;
        let text = file.caption.as_deref().or(file.file_name.as_deref()).unwrap_or("image");
        return Ok(json!({ "text": escape(text), "blocks": blocks }));
    }
    let link = link(file)?;
    let caption = file.caption.as_deref().map(escape);
    let lines: Vec<&str> = caption.as_deref().into_iter().chain([link.as_str()]).collect();
    Ok(json!({ "text": lines.join("\n") }))
}

/// Files of which there are addresses, in one message: images are shown, of the others the addresses are.
fn album(items: &[Media]) -> Result<Value, SendError> {
    let mut shown = Vec::new();
    for file in items {
        if let Some(Value::Array(image)) = blocks::image(file).filter(|_| is_shown(file)) {
            shown.extend(image);
            continue;
        }
        shown.extend(file.caption.as_deref().map(blocks::sections).unwrap_or_default());
        shown.push(json!({ "type": "section", "text": { "type": "mrkdwn", "text": link(file)? } }));
    }
    let text = items.iter().find_map(|file| file.caption.as_deref()).unwrap_or("files");
    Ok(json!({ "text": escape(text), "blocks": shown }))
}

const fn is_shown(file: &Media) -> bool {
    matches!(file.media, MediaKind::Image | MediaKind::Sticker)
}

/// The address of a file, under its name.
fn link(file: &Media) -> Result<String, SendError> {
    let url = file.url.as_deref().ok_or(refused("only images can be sent by reference"))?;
    // A bar or a bracket would end the address early.
    let address = escape(url).replace('|', "%7C");
    Ok(match &file.file_name {
        Some(name) => format!("<{address}|{}>", escape(name).replace('|', "/")),
        None => format!("<{address}>"),
    })
}

/// A payload for this channel: `method` (`chat.postMessage` where none is named), and its arguments beside it.
fn structured(payload: &Value) -> Result<(String, Map<String, Value>), SendError> {
    let mut body = payload.as_object().cloned().ok_or(refused("the payload is not an object"))?;
    let method = body.remove("method").as_ref().and_then(as_text);
    // Tokens come from the account, never from a payload.
    body.remove("token");
    Ok((method.unwrap_or_else(|| "chat.postMessage".to_owned()), body))
}
