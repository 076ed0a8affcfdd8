//! What a bot does: it sends, changes and takes back messages, reacts, and answers queries.

use std::time::Duration;

use axum::response::Response;
use serde_json::{Map, Value, json};

use super::{Inner, limits, refuse, result, webhook};
use crate::fake::{
    Fault,
    faults::{self, Worded},
    journal::Arrived,
    pace::{Allowed, Limit},
};

/// About 30 messages a second over all chats; one a second in a chat, where short bursts pass; 20 a minute in a group.
const ALLOWED: Allowed = Allowed {
    account: Limit::new(Duration::from_nanos(1_000_000_000 / 30), 30),
    recipient: |chat| {
        let every = Duration::from_secs(if chat.starts_with('-') { 3 } else { 1 });
        Some(Limit::new(every, 20))
    },
};

/// Methods that answer a query, with the field that names it.
const ANSWERS: [(&str, &str); 5] = [
    ("answerCallbackQuery", "callback_query_id"),
    ("answerInlineQuery", "inline_query_id"),
    ("answerShippingQuery", "shipping_query_id"),
    ("answerPreCheckoutQuery", "pre_checkout_query_id"),
    ("answerWebAppQuery", "web_app_query_id"),
];

/// Methods that do something about a message or a chat.
const OTHERS: [&str; 17] = [
    "sendMediaGroup",
    "sendChatAction",
    "editMessageText",
    "editMessageCaption",
    "editMessageMedia",
    "editMessageReplyMarkup",
    "editMessageLiveLocation",
    "stopMessageLiveLocation",
    "stopPoll",
    "deleteMessage",
    "deleteMessages",
    "setMessageReaction",
    "pinChatMessage",
    "unpinChatMessage",
    "unpinAllChatMessages",
    "forwardMessage",
    "copyMessage",
];

/// Whether a method is one of these.
pub(super) fn knows(method: &str) -> bool {
    limits::sends(method) || OTHERS.contains(&method) || ANSWERS.iter().any(|(name, _)| *name == method)
}

/// Does what the answer to an update says: a method with its parameters. What comes of it is told to nobody.
pub(super) async fn of_answer(state: &Inner, answer: &str) {
    let Ok(Value::Object(mut body)) = serde_json::from_str(answer) else { return };
    let Some(Value::String(method)) = body.remove("method") else { return };
    if knows(&method) {
        act(state, Fault::None, &method, body).await;
    }
}

/// Does what a method says.
pub(super) async fn act(state: &Inner, fault: Fault, method: &str, body: Map<String, Value>) -> Response {
    let control = &state.control;
    if limits::sends(method) {
        return send(state, fault, method, body).await;
    }
    let done = match method {
        "sendMediaGroup" => return send_album(state, fault, body).await,
        "forwardMessage" | "copyMessage" => return copy(state, fault, method, body).await,
        "sendChatAction" => limits::chat(&body).map(|_| Value::Bool(true)),
        "deleteMessage" => delete(state, &body),
        "deleteMessages" => delete_many(state, &body),
        "setMessageReaction" => react(&body),
        "stopPoll" => stop_poll(state, &body),
        "pinChatMessage" | "unpinChatMessage" | "unpinAllChatMessages" => {
            limits::chat(&body).map(|_| Value::Bool(true))
        }
        method if method.starts_with("answer") => answer(method, &body),
        _ => edit(state, method, &body),
    };
    match done {
        Ok(value) => {
            control.count(|counters| counters.signals += 1);
            result(value)
        }
        Err(description) => refuse(control, 400, &description),
    }
}

async fn send(state: &Inner, fault: Fault, method: &str, body: Map<String, Value>) -> Response {
    let control = &state.control;
    let limits::Taken { to, text } = match limits::check(method, &body) {
        Ok(taken) => taken,
        Err(description) => return refuse(control, 400, &description),
    };
    if control.ask(|dice| dice.behaviour.unreachable.contains(&to)) {
        return refuse(control, 403, "Forbidden: bot was blocked by the user");
    }
    if let Some(too_fast) = control.too_fast(ALLOWED, &to) {
        return super::worded(Worded::Throttled(Some(too_fast.seconds())));
    }
    let shown = |field: &str| body.get(field).cloned();
    let (markup, sent_text) = (shown("reply_markup"), shown("text"));
    let kind = method.trim_start_matches("send").to_lowercase();
    let arrived = Arrived { to, tag: None, kind, text, body: Value::Object(body) };
    let accepted = control.accept(arrived, |_, number| number.to_string());
    if let Some(response) = faults::after(fault).await {
        return response;
    }
    let number: u64 = accepted.id.parse().unwrap_or(0);
    let mut message = message(state, number, &accepted.to, accepted.at.timestamp());
    for (field, value) in [("reply_markup", markup), ("text", sent_text)] {
        if let Some(value) = value {
            message[field] = value;
        }
    }
    result(message)
}

/// Several files at once: each is a message of its own, and they share a group.
async fn send_album(state: &Inner, fault: Fault, body: Map<String, Value>) -> Response {
    let control = &state.control;
    let (to, items) = match limits::album(&body) {
        Ok(taken) => taken,
        Err(description) => return refuse(control, 400, &description),
    };
    if control.ask(|dice| dice.behaviour.unreachable.contains(&to)) {
        return refuse(control, 403, "Forbidden: bot was blocked by the user");
    }
    // Each file of an album counts.
    for _ in &items {
        if let Some(too_fast) = control.too_fast(ALLOWED, &to) {
            return super::worded(Worded::Throttled(Some(too_fast.seconds())));
        }
    }
    let group = state.next_update().to_string();
    let mut messages = Vec::with_capacity(items.len());
    for item in items {
        let text = item.get("caption").and_then(Value::as_str).map(str::to_owned);
        let kind = item.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
        let arrived = Arrived { to: to.clone(), tag: None, kind, text, body: item };
        let accepted = control.accept(arrived, |_, number| number.to_string());
        let number: u64 = accepted.id.parse().unwrap_or(0);
        messages.push(json!({
            "message_id": number, "from": state.bot(), "chat": webhook::private(to.parse().unwrap_or(0)),
            "date": accepted.at.timestamp(), "media_group_id": group,
        }));
    }
    if let Some(response) = faults::after(fault).await {
        return response;
    }
    result(messages.into())
}

/// A message made out of another. Of a copy only the number is told.
async fn copy(state: &Inner, fault: Fault, method: &str, body: Map<String, Value>) -> Response {
    let control = &state.control;
    let taken = limits::chat(&body).and_then(|to| {
        let source = limits::chat(&Map::from_iter([(
            "chat_id".to_owned(),
            body.get("from_chat_id").cloned().unwrap_or_default(),
        )]))?;
        Ok((
            to,
            source,
            number(&body, "message_id").ok_or("Bad Request: message identifier is not specified")?,
        ))
    });
    let (to, source, number) = match taken {
        Ok(taken) => taken,
        Err(description) => return refuse(control, 400, &description),
    };
    let text =
        control.with_journal(|journal| journal.find(&source, &number).and_then(|one| one.text.clone()));
    let kind = method.trim_end_matches("Message").to_owned();
    let arrived = Arrived { to, tag: None, kind, text, body: Value::Object(body) };
    let accepted = control.accept(arrived, |_, number| number.to_string());
    if let Some(response) = faults::after(fault).await {
        return response;
    }
    let number: u64 = accepted.id.parse().unwrap_or(0);
    if method == "copyMessage" {
        return result(json!({ "message_id": number }));
    }
    result(message(state, number, &accepted.to, accepted.at.timestamp()))
}

/// A message of ours, without what it holds.
fn message(state: &Inner, number: u64, to: &str, date: i64) -> Value {
    let chat: i64 = to.parse().unwrap_or(0);
    let chat = if chat < 0 {
        json!({ "id": chat, "type": "supergroup", "title": "Group" })
    } else {
        webhook::private(chat)
    };
    json!({ "message_id": number, "from": state.bot(), "chat": chat, "date": date })
}

/// The number of a message in a field, as text.
fn number(body: &Map<String, Value>, field: &str) -> Option<String> {
    match body.get(field)? {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) if text.parse::<i64>().is_ok() => Some(text.clone()),
        _ => None,
    }
}

/// Changes a message of ours, which has to become another.
fn edit(state: &Inner, method: &str, body: &Map<String, Value>) -> Result<Value, String> {
    if body.get("inline_message_id").is_some_and(Value::is_string) {
        return Ok(true.into());
    }
    let to = limits::chat(body)?;
    let text = limits::edited(method, body)?;
    let id = number(body, "message_id").ok_or("Bad Request: message identifier is not specified")?;
    let fields: Map<String, Value> = ["text", "caption", "media", "reply_markup", "latitude", "longitude"]
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), body.get(name)?.clone())))
        .collect();
    state.control.with_journal(|journal| {
        let Some(before) = journal.find(&to, &id) else {
            return Err("Bad Request: message to edit not found".to_owned());
        };
        let at = before.at.timestamp();
        let mut after = before.body.clone();
        if let Value::Object(after) = &mut after {
            // A keyboard that is not named goes.
            after.remove("reply_markup");
            after.extend(fields.clone());
        }
        if after == before.body {
            return Err(
                "Bad Request: message is not modified: specified new message content and reply markup are \
                        exactly the same as a current content and reply markup of the message"
                    .to_owned(),
            );
        }
        journal.change(&to, &id, text.clone(), fields);
        let mut message = message(state, id.parse().unwrap_or(0), &to, at);
        message["edit_date"] = webhook::now().into();
        if let Some(text) = text {
            message["text"] = text.into();
        }
        Ok(message)
    })
}

fn delete(state: &Inner, body: &Map<String, Value>) -> Result<Value, String> {
    let to = limits::chat(body)?;
    let id = number(body, "message_id").ok_or("Bad Request: message identifier is not specified")?;
    if state.control.with_journal(|journal| journal.remove(&to, &id)) {
        Ok(true.into())
    } else {
        Err("Bad Request: message to delete not found".to_owned())
    }
}

/// Those that are not there are passed over.
fn delete_many(state: &Inner, body: &Map<String, Value>) -> Result<Value, String> {
    let to = limits::chat(body)?;
    let ids = body.get("message_ids").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if !(1..=100).contains(&ids.len()) {
        return Err("Bad Request: too many or no message identifiers specified".to_owned());
    }
    for id in ids.iter().filter_map(Value::as_i64) {
        state.control.with_journal(|journal| journal.remove(&to, &id.to_string()));
    }
    Ok(true.into())
}

fn react(body: &Map<String, Value>) -> Result<Value, String> {
    limits::chat(body)?;
    number(body, "message_id").ok_or("Bad Request: message to react not found")?;
    let reactions = match body.get("reaction") {
        None => &[][..],
        Some(Value::Array(reactions)) => reactions.as_slice(),
        Some(_) => return Err("Bad Request: can't parse reaction list".to_owned()),
    };
    let known = |reaction: &Value| match reaction.get("type").and_then(Value::as_str) {
        Some("emoji") => reaction.get("emoji").is_some_and(Value::is_string),
        Some("custom_emoji") => reaction.get("custom_emoji_id").is_some_and(Value::is_string),
        _ => false,
    };
    // A bot that pays for nothing may leave one reaction.
    if reactions.len() > 1 || !reactions.iter().all(known) {
        return Err("Bad Request: REACTION_INVALID".to_owned());
    }
    Ok(true.into())
}

fn stop_poll(state: &Inner, body: &Map<String, Value>) -> Result<Value, String> {
    let to = limits::chat(body)?;
    let id = number(body, "message_id").ok_or("Bad Request: message identifier is not specified")?;
    let poll = state.control.with_journal(|journal| {
        journal.find(&to, &id).filter(|one| one.kind == "poll").map(|one| one.body.clone())
    });
    let poll = poll.ok_or("Bad Request: message with poll to stop not found")?;
    Ok(json!({ "id": id, "question": poll["question"], "options": poll["options"], "is_closed": true }))
}

fn answer(method: &str, body: &Map<String, Value>) -> Result<Value, String> {
    let field = ANSWERS.iter().find(|(name, _)| *name == method).map_or("", |(_, field)| field);
    if !body.get(field).is_some_and(Value::is_string) {
        return Err(
            "Bad Request: query is too old and response timeout expired or query ID is invalid".to_owned()
        );
    }
    let ok = body.get("ok").and_then(Value::as_bool);
    match method {
        "answerShippingQuery" | "answerPreCheckoutQuery" if ok.is_none() => {
            Err("Bad Request: ok is not specified".to_owned())
        }
        "answerShippingQuery" | "answerPreCheckoutQuery"
            if ok == Some(false) && !body.get("error_message").is_some_and(Value::is_string) =>
        {
            Err("Bad Request: error message is empty".to_owned())
        }
        "answerInlineQuery" if !body.get("results").is_some_and(Value::is_array) => {
            Err("Bad Request: can't parse inline query results".to_owned())
        }
        "answerWebAppQuery" => Ok(json!({ "inline_message_id": "AQAB" })),
        _ => Ok(true.into()),
    }
}
