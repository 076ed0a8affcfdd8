//! Methods about messages beside posting, changing and removing them: later, pinned, written bit by bit.

use axum::{
    Json,
    response::{IntoResponse as _, Response},
};
use botbuilder_domain::{Clock as _, SystemClock};
use serde_json::{Map, Value, json};

use super::{Inner, limits, lock, methods::refuse};
use crate::fake::journal::Arrived;

type Arguments = Map<String, Value>;

/// Does what a method says; none where it is not one of these.
pub(super) fn call(state: &Inner, method: &str, arguments: &Arguments) -> Option<Response> {
    let done = match method {
        "chat.scheduleMessage" => schedule(state, arguments),
        "pins.add" | "pins.remove" => pin(state, arguments, method == "pins.add"),
        "assistant.threads.setStatus" => status(arguments),
        "chat.startStream" => start(state, arguments),
        "chat.appendStream" | "chat.stopStream" => go_on(state, arguments, method == "chat.stopStream"),
        _ => return None,
    };
    Some(match done {
        Ok(body) => {
            state.control.count(|counters| counters.signals += 1);
            Json(body).into_response()
        }
        Err(code) => refuse(&state.control, &code),
    })
}

fn text<'a>(arguments: &'a Arguments, name: &str) -> Result<&'a str, String> {
    let text = arguments.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    text.ok_or_else(|| "invalid_arguments".to_owned())
}

/// The key of the message that `channel` and `field` name, where it is one of ours.
fn named(state: &Inner, arguments: &Arguments, field: &str) -> Result<String, String> {
    let id = format!("{}:{}", text(arguments, "channel")?, text(arguments, field)?);
    if lock(&state.changeable).0.contains_key(&id) { Ok(id) } else { Err("message_not_found".to_owned()) }
}

/// It is not posted when its time comes: that is days away.
fn schedule(state: &Inner, arguments: &Arguments) -> Result<Value, String> {
    let taken = limits::check(arguments).map_err(|refusal| refusal.code)?;
    let at = arguments.get("post_at").and_then(|at| at.as_i64().or_else(|| at.as_str()?.parse().ok()));
    let at = at.ok_or("invalid_time")?;
    if at <= SystemClock.now().timestamp() {
        return Err("time_in_past".to_owned());
    }
    let id = format!("Q{}", state.next_ts().replace('.', ""));
    Ok(json!({
        "ok": true, "channel": taken.to, "scheduled_message_id": id, "post_at": at,
        "message": { "type": "delayed_message", "text": taken.text },
    }))
}

fn pin(state: &Inner, arguments: &Arguments, wanted: bool) -> Result<Value, String> {
    let key = format!("pin:{}", named(state, arguments, "timestamp")?);
    let pinned = lock(&state.changeable).0.contains_key(&key);
    match (pinned, wanted) {
        (true, true) => return Err("already_pinned".to_owned()),
        (false, false) => return Err("no_pin".to_owned()),
        (false, true) => state.keep(&key, ""),
        (true, false) => {
            lock(&state.changeable).0.remove(&key);
        }
    }
    Ok(json!({ "ok": true }))
}

/// An empty status takes it away.
fn status(arguments: &Arguments) -> Result<Value, String> {
    text(arguments, "channel_id")?;
    text(arguments, "thread_ts")?;
    if arguments.get("status").is_some_and(Value::is_string) {
        Ok(json!({ "ok": true }))
    } else {
        Err("invalid_arguments".to_owned())
    }
}

/// A message that is written bit by bit, in a thread.
fn start(state: &Inner, arguments: &Arguments) -> Result<Value, String> {
    let (channel, thread) =
        (text(arguments, "channel")?.to_owned(), text(arguments, "thread_ts")?.to_owned());
    let begun = arguments.get("markdown_text").and_then(Value::as_str).unwrap_or_default().to_owned();
    let ts = state.next_ts();
    let arrived = Arrived {
        to: channel.clone(),
        tag: Some(thread),
        kind: "stream".to_owned(),
        text: Some(begun.clone()),
        body: Value::Object(arguments.clone()),
    };
    state.control.accept(arrived, |_, _| ts.clone());
    let id = format!("{channel}:{ts}");
    state.keep(&id, &begun);
    state.keep(&format!("stream:{id}"), "");
    Ok(json!({ "ok": true, "channel": channel, "ts": ts }))
}

fn go_on(state: &Inner, arguments: &Arguments, last: bool) -> Result<Value, String> {
    let id = named(state, arguments, "ts")?;
    let streaming = format!("stream:{id}");
    if !lock(&state.changeable).0.contains_key(&streaming) {
        return Err("message_not_in_streaming_state".to_owned());
    }
    let more = arguments.get("markdown_text").and_then(Value::as_str).unwrap_or_default();
    if more.is_empty() && !last {
        return Err("invalid_arguments".to_owned());
    }
    let before = lock(&state.changeable).0.get(&id).cloned().unwrap_or_default();
    state.keep(&id, &format!("{before}{more}"));
    if last {
        lock(&state.changeable).0.remove(&streaming);
    }
    Ok(json!({ "ok": true, "channel": arguments["channel"], "ts": arguments["ts"] }))
}
