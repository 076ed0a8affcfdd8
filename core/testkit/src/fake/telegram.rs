//! A Telegram Bot API of our own: `POST /bot{token}/{method}`. What people do goes to the webhook, or waits for
//! `getUpdates` while none is set.

mod acts;
mod limits;
mod people;
mod updates;
mod webhook;

use std::{
    collections::HashMap,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::{any, get, post},
};
use serde_json::{Map, Value, json};

pub use self::webhook::{SECRET_HEADER, message_webhook, tap_webhook};
use super::server::{self, Server};
use super::{
    Accepted, Behaviour, Counters, Delivered, Error, File,
    caller::Caller,
    control::{self, Control, Said, Tapped, lock, taken},
    faults::{self, Worded},
    files,
    journal::Journal,
};

/// How a fake is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where it listens; port 0 takes a free one.
    pub bind: SocketAddr,
    /// The bot's token, `{bot id}:{secret}`.
    pub bot_token: String,
    /// What it sends in `X-Telegram-Bot-Api-Secret-Token`; `setWebhook` changes it.
    pub secret_token: String,
    /// Where it sends updates; `setWebhook` changes it.
    pub webhook_url: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            bind: (Ipv4Addr::LOCALHOST, 0).into(),
            bot_token: "7000000001:fake-bot-token".into(),
            secret_token: "fake-secret-token".into(),
            webhook_url: None,
        }
    }
}

/// A running fake. It stops when it is dropped.
#[derive(Debug)]
pub struct Fake {
    state: Arc<Inner>,
    server: Server,
}

#[derive(Debug)]
struct Inner {
    bot_token: String,
    secret_token: Mutex<String>,
    numbers: AtomicU64,
    updates: updates::Updates,
    control: Arc<Control>,
}

impl Fake {
    /// Starts one.
    pub async fn start(options: Options) -> Result<Self, Error> {
        let Options { bind, bot_token, secret_token, webhook_url } = options;
        let control = Arc::new(Control::new(Caller::new(webhook_url.as_deref())?));
        // Numbers go on from one start to the next, as Telegram's do: else new updates would look like old.
        let first = u64::try_from(webhook::now()).unwrap_or(0).saturating_mul(1_000);
        let state = Arc::new(Inner {
            bot_token,
            secret_token: Mutex::new(secret_token),
            numbers: AtomicU64::new(first),
            updates: updates::Updates::default(),
            control: Arc::clone(&control),
        });
        let router = Router::new()
            .route("/{bot}/{method}", any(call))
            .route("/file/{bot}/documents/{file_id}", get(download))
            .route("/__fake/say", post(say))
            .route("/__fake/tap", post(tap))
            .route("/__fake/file", post(people::file))
            .with_state(Arc::clone(&state))
            .merge(control::routes(control));
        Ok(Self { state, server: server::serve(bind, router).await? })
    }

    /// What an account's `base_url` is set to.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// Where updates go from now on, and with which secret token.
    pub fn set_webhook(&self, url: Option<&str>, secret_token: &str) -> Result<(), Error> {
        self.state.control.caller.set_url(url)?;
        secret_token.clone_into(&mut lock(&self.state.secret_token));
        Ok(())
    }

    /// How it misbehaves from now on.
    pub fn set_behaviour(&self, behaviour: Behaviour) {
        self.state.control.set_behaviour(behaviour);
    }

    /// The messages accepted, oldest first; the newest 10 000 are kept.
    pub fn messages(&self) -> Vec<Accepted> {
        self.state.control.with_journal(|journal| journal.messages(None, 0, usize::MAX))
    }

    /// What one chat was sent, in order of acceptance.
    pub fn conversation(&self, chat: &str) -> Vec<Delivered> {
        self.state.control.with_journal(|journal| journal.conversation(chat))
    }

    /// How many updates wait to be asked for, or to be confirmed.
    pub fn waiting(&self) -> usize {
        self.state.updates.waiting()
    }

    /// Where updates go; none where they wait to be asked for.
    pub fn webhook_url(&self) -> Option<String> {
        self.state.control.caller.url()
    }

    /// What it has counted.
    pub fn counters(&self) -> Counters {
        self.state.control.counters()
    }

    /// Empties what is kept.
    pub fn forget(&self) {
        self.state.control.with_journal(Journal::forget);
    }

    /// A person writes in a private chat; returns once the webhook has taken it.
    pub async fn say(&self, chat: i64, text: &str) -> Result<(), Error> {
        self.state.say(chat, text).await
    }

    /// A file that was uploaded.
    pub fn file(&self, file_id: &str) -> Option<File> {
        self.state.control.files.get(file_id)
    }

    /// A person taps a button; returns once the webhook has taken it.
    pub async fn tap(&self, chat: i64, data: &str) -> Result<(), Error> {
        self.state.tap(chat, data).await
    }
}

impl Inner {
    fn next_update(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    async fn say(&self, chat: i64, text: &str) -> Result<(), Error> {
        self.send(&message_webhook("", self.next_update(), chat, text).0).await
    }

    async fn tap(&self, chat: i64, data: &str) -> Result<(), Error> {
        let message = people::offering(self, chat, data);
        self.send(&webhook::tap_on(self.next_update(), chat, message, data)).await
    }

    /// To the webhook, or where none is set among what waits to be asked for.
    async fn send(&self, update: &str) -> Result<(), Error> {
        if self.control.caller.url().is_none() {
            self.updates.push(serde_json::from_str(update).unwrap_or_default());
            return Ok(());
        }
        let secret = lock(&self.secret_token).clone();
        let (body, header) = (update.to_owned(), [(SECRET_HEADER, secret.as_str())]);
        let answer = self.control.caller.post_answered(body, "application/json", &header).await?;
        acts::of_answer(self, &answer).await;
        Ok(())
    }

    fn bot(&self) -> Value {
        let id: i64 = self.bot_token.split(':').next().and_then(|id| id.parse().ok()).unwrap_or(1);
        json!({ "id": id, "is_bot": true, "first_name": "Fake", "username": "fake_bot" })
    }
}

async fn call(
    State(state): State<Arc<Inner>>,
    Path((bot, method)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let control = &state.control;
    let fault = control.befall().await;
    if let Some(response) = faults::before(control, fault, worded).await {
        return response;
    }
    match bot.strip_prefix("bot") {
        Some(token) if token == state.bot_token => {}
        Some(token) if token.contains(':') => return refuse(control, 401, "Unauthorized"),
        _ => return refuse(control, 404, "Not Found"),
    }
    let parameters = match files::multipart(&headers, &body) {
        Some((fields, files)) => Some(with_files(control, fields, files)),
        None => parameters(&headers, &body),
    };
    let Some(body) = parameters else {
        return refuse(control, 400, "Bad Request: can't parse request");
    };
    if acts::knows(&method) {
        return acts::act(&state, fault, &method, body).await;
    }
    match method.as_str() {
        "getMe" => result(state.bot()),
        "getUpdates" => updates::get(&state, &body).await,
        "getFile" => get_file(control, &body),
        "setWebhook" => set_webhook(&state, &body),
        "deleteWebhook" => {
            if body.get("drop_pending_updates").is_some_and(is_true) {
                state.updates.drop_pending();
            }
            match control.caller.set_url(None) {
                Ok(()) => result(true.into()),
                Err(error) => refuse(control, 400, &error.to_string()),
            }
        }
        "getWebhookInfo" => {
            let url = control.caller.url().unwrap_or_default();
            result(
                json!({ "url": url, "has_custom_certificate": false, "pending_update_count": state.updates.waiting() }),
            )
        }
        _ => refuse(control, 404, "Not Found"),
    }
}

/// Parameters come as JSON or as a form; objects in a form as JSON in a text.
fn parameters(headers: &HeaderMap, body: &[u8]) -> Option<Map<String, Value>> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if kind.starts_with("application/x-www-form-urlencoded") {
        let fields = url::form_urlencoded::parse(body).map(|(name, value)| {
            let nested = value.starts_with(['{', '[']).then(|| serde_json::from_str(&value).ok()).flatten();
            (name.into_owned(), nested.unwrap_or_else(|| value.into_owned().into()))
        });
        return Some(fields.collect());
    }
    if body.is_empty() { Some(Map::new()) } else { serde_json::from_slice(body).ok() }
}

/// Fields of a form with files in it: the files are kept, and stand under their ids where their attachments were named.
fn with_files(
    control: &Control,
    fields: Vec<(String, String)>,
    files: Vec<(String, File)>,
) -> Map<String, Value> {
    let attached: HashMap<String, String> = files
        .into_iter()
        .map(|(field, file)| (format!("attach://{field}"), control.files.keep(file)))
        .collect();
    let read = |value: String| {
        let nested = value.starts_with(['{', '[']).then(|| serde_json::from_str(&value).ok()).flatten();
        named(nested.unwrap_or_else(|| value.into()), &attached)
    };
    fields.into_iter().map(|(name, value)| (name, read(value))).collect()
}

/// A value with the ids of files in the place of the names of attachments.
fn named(value: Value, attached: &HashMap<String, String>) -> Value {
    match value {
        Value::String(text) => attached.get(&text).cloned().unwrap_or(text).into(),
        Value::Array(items) => items.into_iter().map(|item| named(item, attached)).collect(),
        Value::Object(fields) => {
            fields.into_iter().map(|(name, value)| (name, named(value, attached))).collect()
        }
        other => other,
    }
}

fn get_file(control: &Control, body: &Map<String, Value>) -> Response {
    let id = body.get("file_id").and_then(Value::as_str).unwrap_or_default();
    match control.files.get(id) {
        Some(file) => result(json!({
            "file_id": id, "file_unique_id": id, "file_size": file.bytes.len(), "file_path": format!("documents/{id}"),
        })),
        None => refuse(control, 400, "Bad Request: invalid file_id"),
    }
}

async fn download(State(state): State<Arc<Inner>>, Path((bot, id)): Path<(String, String)>) -> Response {
    let known = bot.strip_prefix("bot") == Some(&state.bot_token);
    if known { state.control.files.serve(&id) } else { StatusCode::NOT_FOUND.into_response() }
}

/// Flags come as booleans, or as texts in a form.
fn is_true(value: &Value) -> bool {
    matches!(value, Value::Bool(true)) || value.as_str().is_some_and(|text| text.eq_ignore_ascii_case("true"))
}

fn set_webhook(state: &Arc<Inner>, body: &Map<String, Value>) -> Response {
    let control = &state.control;
    let text = |field: &str| body.get(field).and_then(Value::as_str);
    let token = text("secret_token").unwrap_or_default();
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    if token.len() > 256 || !token.bytes().all(legal) {
        return refuse(control, 400, "Bad Request: secret token contains unallowed characters");
    }
    match control.caller.set_url(text("url").filter(|url| !url.is_empty())) {
        Ok(()) => {
            token.clone_into(&mut lock(&state.secret_token));
            if body.get("drop_pending_updates").is_some_and(is_true) {
                state.updates.drop_pending();
            }
            if let Some(kinds) = body.get("allowed_updates") {
                state.updates.allow(kinds);
            }
            // What waited goes to the webhook now.
            let (state, waiting) = (Arc::clone(state), state.updates.take());
            tokio::spawn(async move {
                for update in waiting {
                    // What is not taken is counted.
                    let _ = state.send(&update.to_string()).await;
                }
            });
            let body = json!({ "ok": true, "result": true, "description": "Webhook was set" });
            Json(body).into_response()
        }
        Err(_) => refuse(control, 400, "Bad Request: bad webhook: this fake calls loopback only"),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "every caller makes the value for this")]
fn result(value: Value) -> Response {
    Json(json!({ "ok": true, "result": value })).into_response()
}

fn answer(code: u16, description: &str, parameters: Option<Value>) -> Response {
    let mut body = json!({ "ok": false, "error_code": code, "description": description });
    if let Some(parameters) = parameters {
        body["parameters"] = parameters;
    }
    let status = StatusCode::from_u16(code).unwrap_or(StatusCode::BAD_REQUEST);
    (status, Json(body)).into_response()
}

fn refuse(control: &Control, code: u16, description: &str) -> Response {
    control.count(|counters| counters.refused += 1);
    answer(code, description, None)
}

/// The faults in Telegram's words.
fn worded(fault: Worded) -> Response {
    match fault {
        Worded::Throttled(seconds) => {
            let words = match seconds {
                Some(seconds) => format!("Too Many Requests: retry after {seconds}"),
                None => "Too Many Requests".to_owned(),
            };
            answer(429, &words, seconds.map(|seconds| json!({ "retry_after": seconds })))
        }
        Worded::ServerError => answer(500, "Internal Server Error", None),
        Worded::Refused(code) => {
            let code = code.and_then(|code| u16::try_from(code).ok()).unwrap_or(400);
            answer(code, "Bad Request: refused, as the behaviour says", None)
        }
    }
}

async fn say(State(state): State<Arc<Inner>>, Json(said): Json<Said>) -> Response {
    match said.from.parse() {
        Ok(chat) => taken(state.say(chat, &said.text).await),
        Err(_) => (StatusCode::BAD_REQUEST, "from has to be a number").into_response(),
    }
}

async fn tap(State(state): State<Arc<Inner>>, Json(tapped): Json<Tapped>) -> Response {
    match tapped.from.parse() {
        Ok(chat) => taken(state.tap(chat, &tapped.payload).await),
        Err(_) => (StatusCode::BAD_REQUEST, "from has to be a number").into_response(),
    }
}
