//! The methods of the Web API that the adapter and foreign clients call.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use axum::{
    Json,
    body::Bytes,
    extract::{Path, RawQuery, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde_json::{Map, Value, json};

use super::{Inner, direct, files, limits, lock, others};
use crate::fake::{
    Fault,
    control::Control,
    faults::{self, Worded},
    journal::Arrived,
    pace::{Allowed, Limit},
};

type Arguments = Map<String, Value>;

/// Several hundred messages a minute for a workspace; one a second in a channel, where short bursts pass.
const ALLOWED: Allowed = Allowed {
    account: Limit::new(Duration::from_millis(200), 60),
    recipient: |_| Some(Limit::new(Duration::from_secs(1), 10)),
};

/// How often a command may be answered.
const RESPONSES: u32 = 5;

pub(super) async fn call(
    State(state): State<Arc<Inner>>,
    Path(method): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let control = &state.control;
    let is_name = method == "users.info";
    let fault = if is_name { control.befall_aside().await } else { control.befall().await };
    if let Some(response) = faults::before(control, fault, |fault| worded(control, fault)).await {
        return response;
    }
    let Some(mut arguments) = arguments(&headers, &body) else { return refuse(control, "invalid_json") };
    // Methods that only read are also called with a query.
    arguments.extend(fields(query.unwrap_or_default().as_bytes()));
    if method == "api.test" {
        return Json(json!({ "ok": true, "args": arguments })).into_response();
    }
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = bearer.and_then(|value| value.strip_prefix("Bearer ")).or_else(|| text(&arguments, "token"));
    if method == "apps.connections.open" {
        return connection(&state, token);
    }
    match token {
        None | Some("") => return refuse(control, "not_authed"),
        Some(token) if token != state.options.bot_token => return refuse(control, "invalid_auth"),
        Some(_) => {}
    }
    match method.as_str() {
        "chat.postMessage" | "chat.postEphemeral" => send(&state, fault, &method, arguments).await,
        "chat.update" => update(&state, &arguments),
        "chat.delete" => delete(&state, &arguments),
        "reactions.add" | "reactions.remove" => react(&state, &method, &arguments),
        "auth.test" => auth(&state),
        "files.getUploadURLExternal" => {
            let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
            files::upload_url(&state, &arguments, host)
        }
        "files.completeUploadExternal" => files::complete(&state, arguments),
        "conversations.open" => match text(&arguments, "users") {
            Some(user) if user.starts_with(['U', 'W']) => {
                let channel = direct(user);
                state.openings.fetch_add(1, Ordering::Relaxed);
                lock(&state.opened).insert(channel.clone(), user.to_owned());
                Json(json!({ "ok": true, "channel": { "id": channel } })).into_response()
            }
            Some(_) => refuse(control, "user_not_found"),
            None => refuse(control, "users_list_not_supplied"),
        },
        "conversations.join" => join(&state, &arguments),
        "users.info" => match text(&arguments, "user") {
            Some(user) if user.starts_with(['U', 'W']) => {
                let profile = json!({ "real_name": format!("Person {user}"), "display_name": user });
                let user = json!({ "id": user, "name": user, "is_bot": false, "profile": profile });
                Json(json!({ "ok": true, "user": user })).into_response()
            }
            _ => refuse(control, "user_not_found"),
        },
        "views.open" | "views.push" | "views.update" | "views.publish"
            if arguments.get("view").is_some_and(|view| view.is_object() || view.is_string()) =>
        {
            control.count(|counters| counters.signals += 1);
            Json(json!({ "ok": true, "view": { "id": "V0FAKE" } })).into_response()
        }
        _ => others::call(&state, &method, &arguments).unwrap_or_else(|| refuse(control, "unknown_method")),
    }
}

/// The address of a socket, for the app's own token.
fn connection(state: &Inner, token: Option<&str>) -> Response {
    let refused = match token {
        None | Some("") => "not_authed",
        Some(token) if token == state.options.bot_token => "not_allowed_token_type",
        Some(token) if token != state.options.app_token => "invalid_auth",
        Some(_) => {
            let Some(address) = state.address.get() else { return refuse(&state.control, "internal_error") };
            let url = format!("ws://{address}/api/link/{}", state.sockets.ticket());
            return Json(json!({ "ok": true, "url": url })).into_response();
        }
    };
    refuse(&state.control, refused)
}

/// Arguments come as JSON or as a form; objects in a form as JSON in a text.
fn arguments(headers: &HeaderMap, body: &[u8]) -> Option<Arguments> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    // Clients name JSON even where they send nothing.
    if kind.starts_with("application/json") && !body.is_empty() {
        return serde_json::from_slice(body).ok();
    }
    Some(fields(body).collect())
}

fn fields(form: &[u8]) -> impl Iterator<Item = (String, Value)> {
    url::form_urlencoded::parse(form).map(|(name, value)| {
        let nested = matches!(name.as_ref(), "files" | "blocks" | "view" | "attachments" | "metadata");
        let parsed = nested.then(|| serde_json::from_str(&value).ok()).flatten();
        (name.into_owned(), parsed.unwrap_or_else(|| value.into_owned().into()))
    })
}

fn text<'a>(arguments: &'a Arguments, name: &str) -> Option<&'a str> {
    arguments.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

async fn send(state: &Inner, fault: Fault, method: &str, arguments: Arguments) -> Response {
    let control = &state.control;
    let taken = match limits::check(&arguments) {
        Ok(taken) => taken,
        Err(refusal) => return refuse_with(control, &refusal),
    };
    if control.ask(|dice| dice.behaviour.unreachable.contains(&taken.to)) {
        return refuse(control, "channel_not_found");
    }
    if is_outside(state, &taken.to) {
        return refuse(control, "not_in_channel");
    }
    if let Some(too_fast) = control.too_fast(ALLOWED, &taken.to) {
        let mut response = worded(control, Worded::Throttled(None));
        response.headers_mut().insert(header::RETRY_AFTER, too_fast.seconds().into());
        return response;
    }
    let channel = if taken.to.starts_with(['U', 'W']) { direct(&taken.to) } else { taken.to.clone() };
    let (ts, shown) = (state.next_ts(), taken.text.clone().unwrap_or_default());
    let thread = text(&arguments, "thread_ts").map(str::to_owned);
    let blocks = arguments.get("blocks").cloned();
    let arrived = Arrived {
        to: taken.to,
        tag: thread.clone(),
        kind: method.trim_start_matches("chat.").to_owned(),
        text: taken.text,
        body: Value::Object(arguments),
    };
    let accepted = control.accept(arrived, |_, _| ts.clone());
    state.keep(&format!("{channel}:{ts}"), &shown);
    if let Some(response) = faults::after(fault).await {
        return response;
    }
    if method == "chat.postEphemeral" {
        return Json(json!({ "ok": true, "message_ts": accepted.id })).into_response();
    }
    let mut message = json!({
        "type": "message", "user": state.options.bot_user_id, "bot_id": "B0FAKE",
        "app_id": state.options.app_id, "team": state.options.team_id, "ts": accepted.id, "text": shown,
    });
    for (field, value) in [("thread_ts", thread.map(Value::from)), ("blocks", blocks)] {
        if let Some(value) = value {
            message[field] = value;
        }
    }
    Json(json!({ "ok": true, "channel": channel, "ts": accepted.id, "message": message })).into_response()
}

/// Whether the app is not in a channel.
fn is_outside(state: &Inner, channel: &str) -> bool {
    let outside = state.control.ask(|dice| dice.behaviour.outside.iter().any(|named| named == channel));
    outside && !lock(&state.joined).contains(channel)
}

/// Public channels can be joined.
fn join(state: &Inner, arguments: &Arguments) -> Response {
    let control = &state.control;
    if control.ask(|dice| dice.behaviour.scopes_missing.iter().any(|scope| scope == "channels:join")) {
        control.count(|counters| counters.refused += 1);
        let body = json!({
            "ok": false, "error": "missing_scope", "needed": "channels:join", "provided": "chat:write",
        });
        return Json(body).into_response();
    }
    match text(arguments, "channel") {
        Some(channel) if channel.starts_with('C') => {
            let is_new = is_outside(state, channel);
            lock(&state.joined).insert(channel.to_owned());
            control.count(|counters| counters.signals += 1);
            let mut body = json!({ "ok": true, "channel": { "id": channel, "is_member": true } });
            if !is_new {
                body["warning"] = "already_in_channel".into();
            }
            Json(body).into_response()
        }
        Some(_) => refuse(control, "method_not_supported_for_channel_type"),
        None => refuse(control, "channel_not_found"),
    }
}

/// An answer to a command, for which nobody has to be in the channel: five of them are taken.
pub(super) async fn respond(
    State(state): State<Arc<Inner>>,
    Path(number): Path<String>,
    body: Bytes,
) -> Response {
    let control = &state.control;
    let Ok(mut answer) = serde_json::from_slice::<Arguments>(&body) else {
        return (StatusCode::BAD_REQUEST, "invalid_payload").into_response();
    };
    let channel = {
        let mut responses = lock(&state.responses);
        let Some((channel, used)) = responses.get_mut(&number).filter(|(_, used)| *used < RESPONSES) else {
            drop(responses);
            control.count(|counters| counters.refused += 1);
            let body = Json(json!({ "ok": false, "error": "used_url" }));
            return (StatusCode::NOT_FOUND, body).into_response();
        };
        *used += 1;
        channel.clone()
    };
    answer.insert("channel".to_owned(), channel.as_str().into());
    let taken = match limits::check(&answer) {
        Ok(taken) => taken,
        Err(refusal) => return refuse_with(control, &refusal),
    };
    let arrived = Arrived {
        to: taken.to,
        tag: text(&answer, "thread_ts").map(str::to_owned),
        kind: "response".to_owned(),
        text: taken.text,
        body: Value::Object(answer),
    };
    let ts = state.next_ts();
    control.accept(arrived, |_, _| ts);
    "ok".into_response()
}

/// The message that `channel` and `field` name, where it is one of ours.
fn named(state: &Inner, arguments: &Arguments, field: &str) -> Result<String, &'static str> {
    let channel = text(arguments, "channel").ok_or("channel_not_found")?;
    let ts = text(arguments, field).ok_or("message_not_found")?;
    let id = format!("{channel}:{ts}");
    if lock(&state.changeable).0.contains_key(&id) { Ok(id) } else { Err("message_not_found") }
}

fn update(state: &Inner, arguments: &Arguments) -> Response {
    let control = &state.control;
    let id = match named(state, arguments, "ts") {
        Ok(id) => id,
        Err(code) => return refuse(control, code),
    };
    match limits::check(arguments) {
        Ok(taken) => {
            let shown = taken.text.unwrap_or_default();
            state.keep(&id, &shown);
            control.count(|counters| counters.signals += 1);
            let body = json!({
                "ok": true, "channel": arguments["channel"], "ts": arguments["ts"], "text": shown,
            });
            Json(body).into_response()
        }
        Err(refusal) => refuse_with(control, &refusal),
    }
}

fn delete(state: &Inner, arguments: &Arguments) -> Response {
    let control = &state.control;
    match named(state, arguments, "ts") {
        Ok(id) => {
            lock(&state.changeable).0.remove(&id);
            control.count(|counters| counters.signals += 1);
            Json(json!({ "ok": true, "channel": arguments["channel"], "ts": arguments["ts"] }))
                .into_response()
        }
        Err(code) => refuse(control, code),
    }
}

fn react(state: &Inner, method: &str, arguments: &Arguments) -> Response {
    let control = &state.control;
    let (Some(channel), Some(ts), Some(name)) =
        (text(arguments, "channel"), text(arguments, "timestamp"), text(arguments, "name"))
    else {
        return refuse(control, "invalid_arguments");
    };
    let key = format!("{channel}:{ts}:{name}");
    let mut changeable = lock(&state.changeable);
    let known = changeable.0.contains_key(&key);
    let adds = method == "reactions.add";
    if known == adds {
        drop(changeable);
        return refuse(control, if adds { "already_reacted" } else { "no_reaction" });
    }
    if adds {
        changeable.0.insert(key, String::new());
    } else {
        changeable.0.remove(&key);
    }
    drop(changeable);
    control.count(|counters| counters.signals += 1);
    Json(json!({ "ok": true })).into_response()
}

fn auth(state: &Inner) -> Response {
    let options = &state.options;
    let body = json!({
        "ok": true, "url": "https://fake.slack.example/", "team": "Fake", "user": "fake_bot",
        "team_id": options.team_id, "user_id": options.bot_user_id, "bot_id": "B0FAKE",
        "is_enterprise_install": false,
    });
    Json(body).into_response()
}

/// The faults in Slack's words.
fn worded(control: &Control, fault: Worded) -> Response {
    let failed = |status: StatusCode, code: &str| {
        (status, Json(json!({ "ok": false, "error": code }))).into_response()
    };
    match fault {
        Worded::Throttled(_) => failed(StatusCode::TOO_MANY_REQUESTS, "ratelimited"),
        Worded::ServerError => failed(StatusCode::INTERNAL_SERVER_ERROR, "internal_error"),
        Worded::Refused(_) => {
            let word = control.ask(|dice| dice.behaviour.refuse_word.clone());
            failed(StatusCode::OK, word.as_deref().unwrap_or("invalid_arguments"))
        }
    }
}

pub(super) fn refuse(control: &Control, code: &str) -> Response {
    refuse_with(control, &limits::Refusal { code: code.to_owned(), detail: None })
}

fn refuse_with(control: &Control, refusal: &limits::Refusal) -> Response {
    control.count(|counters| counters.refused += 1);
    let mut body = json!({ "ok": false, "error": refusal.code });
    if let Some(detail) = &refusal.detail {
        body["response_metadata"] = json!({ "messages": [format!("[ERROR] {detail}")] });
    }
    Json(body).into_response()
}
