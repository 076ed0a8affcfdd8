//! An Instagram Messaging API of our own: `POST /{version}/{account or "me"}/messages`, `GET` of the account,
//! `subscribed_apps`.

mod limits;
mod webhook;

use std::{
    collections::HashMap,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, Query, RawQuery, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use botbuilder_domain::{Clock as _, Ids as _, SystemClock, SystemIds};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use self::limits::{Refusal, Taken, check};
pub use self::webhook::SIGNATURE_HEADER;
use super::{
    Accepted, Behaviour, Counters, Delivered, Error, File,
    caller::Caller,
    control::{self, Control, Said, Tapped, lock},
    faults::{self, Worded},
    graph::{self, Called},
    journal::{Arrived, Journal},
    pace::{Allowed, Limit},
    server::{self, Server},
};
use crate::local_client::local;

/// How long after a person's last word anything may be sent.
const WINDOW: TimeDelta = TimeDelta::hours(24);
/// The same for what a person wrote.
const WINDOW_OF_PERSONS: TimeDelta = TimeDelta::days(7);

/// 100 messages a second for an account.
const ALLOWED: Allowed = Allowed { account: Limit::new(Duration::from_millis(10), 100), recipient: |_| None };

/// How a fake is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where it listens; port 0 takes a free one.
    pub bind: SocketAddr,
    /// The bearer token it wants.
    pub access_token: String,
    /// The professional account.
    pub ig_user_id: String,
    /// What it signs webhooks with.
    pub app_secret: String,
    /// Where it sends webhooks; can be set later.
    pub webhook_url: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            bind: (Ipv4Addr::LOCALHOST, 0).into(),
            access_token: "fake-access-token".into(),
            ig_user_id: "17841400008460056".into(),
            app_secret: "fake-app-secret".into(),
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
    options: Options,
    /// When each person last wrote or chose something.
    heard: Mutex<HashMap<String, DateTime<Utc>>>,
    /// Whether the app is told of what happens to the account.
    subscribed: AtomicBool,
    /// The token that is good now, and how often it was renewed.
    token: Mutex<(String, u32)>,
    control: Arc<Control>,
}

impl Fake {
    /// Starts one.
    pub async fn start(options: Options) -> Result<Self, Error> {
        let control = Arc::new(Control::new(Caller::new(options.webhook_url.as_deref())?));
        let bind = options.bind;
        let state = Arc::new(Inner {
            token: Mutex::new((options.access_token.clone(), 0)),
            options,
            heard: Mutex::default(),
            subscribed: AtomicBool::new(false),
            control: Arc::clone(&control),
        });
        let router = Router::new()
            .route("/refresh_access_token", get(renew))
            .route("/{version}/{account}/messages", post(send))
            .route("/{version}/{account}", get(node))
            .route("/{version}/{account}/subscribed_apps", post(subscribe).delete(unsubscribe))
            .route("/cdn/{file_id}", get(download))
            .with_state(Arc::clone(&state))
            .merge(graph::people(Arc::clone(&state)))
            .merge(control::routes(control));
        Ok(Self { state, server: server::serve(bind, router).await? })
    }

    /// What an account's `base_url` is set to.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// Where webhooks go from now on.
    pub fn set_webhook_url(&self, url: Option<&str>) -> Result<(), Error> {
        self.state.control.caller.set_url(url)
    }

    /// How it misbehaves from now on.
    pub fn set_behaviour(&self, behaviour: Behaviour) {
        self.state.control.set_behaviour(behaviour);
    }

    /// When a person is taken to have written last: their window is 24 hours from then.
    pub fn set_heard(&self, person: &str, at: DateTime<Utc>) {
        lock(&self.state.heard).insert(person.to_owned(), at);
    }

    /// The messages accepted, oldest first; the newest 10 000 are kept.
    pub fn messages(&self) -> Vec<Accepted> {
        self.state.control.with_journal(|journal| journal.messages(None, 0, usize::MAX))
    }

    /// What one person was sent, in order of acceptance.
    pub fn conversation(&self, to: &str) -> Vec<Delivered> {
        self.state.control.with_journal(|journal| journal.conversation(to))
    }

    /// Whether the app is told of what happens to the account.
    pub fn is_subscribed(&self) -> bool {
        self.state.subscribed.load(Ordering::Relaxed)
    }

    /// What it has counted.
    pub fn counters(&self) -> Counters {
        self.state.control.counters()
    }

    /// Empties what is kept.
    pub fn forget(&self) {
        self.state.control.with_journal(Journal::forget);
    }

    /// A person writes; returns once the webhook has taken it.
    pub async fn say(&self, from: &str, text: &str) -> Result<(), Error> {
        self.state.say(from, text).await
    }

    /// A person presses a button of a template; returns once the webhook has taken it.
    pub async fn tap(&self, from: &str, payload: &str, title: &str) -> Result<(), Error> {
        self.state.tap(from, payload, title).await
    }

    /// A person has seen a message, and everything before it.
    pub async fn see(&self, from: &str, mid: &str) -> Result<(), Error> {
        self.state.item(from, "read", &json!({ "mid": mid })).await
    }

    /// A person sends a picture; returns its id once the webhook has taken it. Its address needs no token.
    pub async fn say_file(&self, from: &str, file: File) -> Result<String, Error> {
        Ok(self.say_files(from, vec![file]).await?.concat())
    }

    /// A person sends several pictures at once; returns their ids once the webhook has taken them.
    pub async fn say_files(&self, from: &str, files: Vec<File>) -> Result<Vec<String>, Error> {
        let state = &self.state;
        lock(&state.heard).insert(from.to_owned(), SystemClock.now());
        let ids: Vec<String> = files.into_iter().map(|file| state.control.files.keep(file)).collect();
        let address = |id: &String| format!("{}/cdn/{id}", self.base_url());
        let attachments: Vec<Value> =
            ids.iter().map(|id| json!({ "type": "image", "payload": { "url": address(id) } })).collect();
        let value = json!({ "mid": Inner::inbound_id(), "attachments": attachments });
        state.item(from, "message", &value).await?;
        Ok(ids)
    }

    /// Takes a file away, as if its time were over.
    pub fn expire(&self, file_id: &str) {
        self.state.control.files.remove(file_id);
    }

    /// Any kind of item of a person, for instance `reaction` or `message_edit`.
    pub async fn item(&self, from: &str, kind: &str, value: &Value) -> Result<(), Error> {
        self.state.item(from, kind, value).await
    }
}

impl Inner {
    fn inbound_id() -> String {
        format!("mid.in.{}", SystemIds.next().simple())
    }

    async fn item(&self, from: &str, kind: &str, value: &Value) -> Result<(), Error> {
        let (body, signature) =
            webhook::item(&self.options.app_secret, &self.options.ig_user_id, from, kind, value);
        self.control.caller.post(body, (SIGNATURE_HEADER, &signature)).await
    }

    async fn say(&self, from: &str, text: &str) -> Result<(), Error> {
        lock(&self.heard).insert(from.to_owned(), SystemClock.now());
        self.item(from, "message", &json!({ "mid": Self::inbound_id(), "text": text })).await
    }

    async fn tap(&self, from: &str, payload: &str, title: &str) -> Result<(), Error> {
        lock(&self.heard).insert(from.to_owned(), SystemClock.now());
        let value = json!({ "mid": Self::inbound_id(), "title": title, "payload": payload });
        self.item(from, "postback", &value).await
    }

    /// Why a message is refused whose files lie on this machine: the network fetches them before it takes the message.
    async fn unfit(&self, body: &Value) -> Option<Refusal> {
        let message = &body["message"];
        let several = message["attachments"].as_array().map_or(&[][..], Vec::as_slice);
        for attachment in several.iter().chain(message.get("attachment")) {
            let url = attachment.pointer("/payload/url").and_then(Value::as_str);
            let Some(url) = url.filter(|url| local(url).is_ok()) else { continue };
            let words = "Failed to fetch the file from the url";
            let Ok(Some(found)) = self.control.caller.type_of(url).await else {
                return Some(Refusal::new(100, Some(2_018_008), words));
            };
            let kind = attachment["type"].as_str().unwrap_or_default();
            if !limits::is_fit(kind, &found) {
                let words = format!("{found} is not supported as {kind}");
                return Some(Refusal::new(100, Some(2_018_294), words));
            }
        }
        None
    }

    fn token(&self) -> String {
        lock(&self.token).0.clone()
    }

    /// Whether a person may be sent anything; longer with the tag for what a person wrote.
    fn is_open(&self, person: &str, by_person: bool) -> bool {
        let last = lock(&self.heard).get(person).copied();
        let window = if by_person { WINDOW_OF_PERSONS } else { WINDOW };
        last.is_some_and(|last| SystemClock.now() - last <= window)
    }
}

impl graph::People for Inner {
    async fn say(&self, said: Said) -> Result<(), Error> {
        Self::say(self, &said.from, &said.text).await
    }

    async fn tap(&self, tapped: Tapped) -> Result<(), Error> {
        Self::tap(self, &tapped.from, &tapped.payload, &tapped.title).await
    }
}

async fn download(State(state): State<Arc<Inner>>, Path(id): Path<String>) -> Response {
    state.control.files.serve(&id)
}

async fn send(
    State(state): State<Arc<Inner>>,
    Path((_version, account)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let control = &state.control;
    let mut called = Called::read(&headers, query.as_deref(), &body);
    // Who counts on the fate of a message does not know when a signal comes.
    let is_signal = called.body.as_ref().is_some_and(|body| body.get("sender_action").is_some());
    let fault = if is_signal { control.befall_aside().await } else { control.befall().await };
    if let Some(response) = faults::before(control, fault, worded).await {
        return response;
    }
    if let Err(refused) = allowed(&state, &account, &called) {
        return refused;
    }
    let Some(body) = called.body.take() else {
        return refuse(control, StatusCode::BAD_REQUEST, &Refusal::new(100, None, "body is not JSON"));
    };
    let (to, kind, text) = match check(&body) {
        Ok(Taken::Message { to, kind, text }) => (to, kind, text),
        Ok(Taken::Action { to }) => {
            control.count(|counters| counters.signals += 1);
            return Json(json!({ "recipient_id": to })).into_response();
        }
        Err(refusal) => return refuse(control, StatusCode::BAD_REQUEST, &refusal),
    };
    if control.ask(|dice| dice.behaviour.unreachable.contains(&to)) {
        let refusal = Refusal::new(551, None, "This person isn't available right now.");
        return refuse(control, StatusCode::BAD_REQUEST, &refusal);
    }
    // A private reply answers a comment, whenever that was.
    let answers_a_comment = body.pointer("/recipient/comment_id").is_some();
    let by_person = body["messaging_type"] == "MESSAGE_TAG" && body["tag"] == "HUMAN_AGENT";
    if !answers_a_comment && !state.is_open(&to, by_person) {
        let words = "This message is sent outside of allowed window.";
        return refuse(control, StatusCode::FORBIDDEN, &Refusal::new(10, Some(2_534_022), words));
    }
    if let Some(refusal) = state.unfit(&body).await {
        return refuse(control, StatusCode::BAD_REQUEST, &refusal);
    }
    if control.too_fast(ALLOWED, &to).is_some() {
        return worded(Worded::Throttled(None));
    }
    let arrived = Arrived { to, tag: None, kind, text, body };
    let accepted = control.accept(arrived, |place, _| format!("mid.fake.{place}"));
    if let Some(response) = faults::after(fault).await {
        return response;
    }
    Json(json!({ "recipient_id": accepted.to, "message_id": accepted.id })).into_response()
}

/// What Graph tells about the account, or about a person.
async fn node(
    State(state): State<Arc<Inner>>,
    Path((_version, account)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let called = Called::read(&headers, query.as_deref(), &[]);
    // A person's profile is open once they have written.
    if lock(&state.heard).contains_key(&account) && called.carries(&state.token()) {
        let (name, username) = (format!("Person {account}"), format!("person_{account}"));
        return Json(json!({ "id": account, "name": name, "username": username })).into_response();
    }
    match allowed(&state, &account, &called) {
        Ok(()) => {
            let id = &state.options.ig_user_id;
            Json(json!({ "user_id": id, "id": id, "username": "fake_shop", "name": "Fake" })).into_response()
        }
        Err(refused) => refused,
    }
}

/// The token in the place of the one in the address, which is good no more here.
async fn renew(State(state): State<Arc<Inner>>, Query(asked): Query<HashMap<String, String>>) -> Response {
    let mut token = lock(&state.token);
    let named = asked.get("access_token").is_some_and(|named| *named == token.0);
    if !named || asked.get("grant_type").is_none_or(|grant| grant != "ig_refresh_token") {
        drop(token);
        return refuse(
            &state.control,
            StatusCode::UNAUTHORIZED,
            &Refusal::new(190, Some(467), "Invalid token"),
        );
    }
    token.1 += 1;
    token.0 = format!("{}-renewed-{}", state.options.access_token, token.1);
    let body = json!({ "access_token": token.0, "token_type": "bearer", "expires_in": 5_184_000 });
    drop(token);
    Json(body).into_response()
}

async fn subscribe(
    State(state): State<Arc<Inner>>,
    Path((_version, account)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    subscription(&state, &account, &Called::read(&headers, query.as_deref(), &body), true)
}

async fn unsubscribe(
    State(state): State<Arc<Inner>>,
    Path((_version, account)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    subscription(&state, &account, &Called::read(&headers, query.as_deref(), &body), false)
}

fn subscription(state: &Inner, account: &str, called: &Called, wanted: bool) -> Response {
    if let Err(refused) = allowed(state, account, called) {
        return refused;
    }
    state.subscribed.store(wanted, Ordering::Relaxed);
    Json(json!({ "success": true })).into_response()
}

/// Whether a call carries the token and names the account.
#[expect(clippy::result_large_err, reason = "the error is the answer")]
fn allowed(state: &Inner, account: &str, called: &Called) -> Result<(), Response> {
    let control = &state.control;
    let token = state.token();
    if !called.carries(&token) {
        let refusal = Refusal::new(190, Some(467), "Invalid token");
        return Err(refuse(control, StatusCode::UNAUTHORIZED, &refusal));
    }
    if !called.knows(&token, &state.options.app_secret) {
        let refusal = Refusal::new(100, None, "Invalid appsecret_proof provided in the API argument");
        return Err(refuse(control, StatusCode::BAD_REQUEST, &refusal));
    }
    if account != "me" && account != state.options.ig_user_id {
        let refusal = Refusal::new(100, Some(33), "Object with that ID does not exist");
        return Err(refuse(control, StatusCode::BAD_REQUEST, &refusal));
    }
    Ok(())
}

/// The faults in Graph's words.
fn worded(fault: Worded) -> Response {
    match fault {
        Worded::Throttled(_) => answer(
            StatusCode::TOO_MANY_REQUESTS,
            &Refusal::new(613, None, "Calls to this api have exceeded the rate"),
        ),
        Worded::ServerError => answer(
            StatusCode::INTERNAL_SERVER_ERROR,
            &Refusal::new(2, Some(1_545_133), "Service unavailable"),
        ),
        Worded::Refused(code) => {
            let code = code.unwrap_or(100);
            answer(StatusCode::BAD_REQUEST, &Refusal::new(code, None, "refused, as the behaviour says"))
        }
    }
}

fn answer(status: StatusCode, refusal: &Refusal) -> Response {
    (status, Json(refusal.body())).into_response()
}

fn refuse(control: &Control, status: StatusCode, refusal: &Refusal) -> Response {
    control.count(|counters| counters.refused += 1);
    answer(status, refusal)
}
