//! A WhatsApp Cloud API of our own: `POST /{version}/{phone_number_id}/messages`, `GET` of the number, `subscribed_apps`,
//! `message_templates`.

mod limits;
mod media;
mod statuses;
mod templates;
mod webhook;

use std::{
    collections::HashSet,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use botbuilder_domain::{Ids as _, SystemIds};
use serde_json::{Value, json};

use self::{
    limits::{Refusal, Taken, check},
    statuses::Statuses,
    templates::Templates,
    webhook::{Who, of_user_id, user_id},
};
pub use self::{
    templates::Reviewed,
    webhook::{SIGNATURE_HEADER, WABA_ID, message_webhook},
};
use super::{
    Accepted, Behaviour, Counters, Delivered, Error, File,
    caller::Caller,
    control::{self, Control, Said, Tapped, lock},
    faults::{self, Worded},
    graph,
    journal::{Arrived, Journal},
    pace::{Allowed, Limit, TooFast},
    server::{self, Server},
};

/// How a fake is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where it listens; port 0 takes a free one.
    pub bind: SocketAddr,
    /// The bearer token it wants.
    pub access_token: String,
    /// The number it answers for; none answers for every number.
    pub phone_number_id: Option<String>,
    /// The number that `say` and `tap` write to, where the fake answers for every number.
    pub default_phone_number_id: String,
    /// What it signs webhooks with.
    pub app_secret: String,
    /// Where it sends webhooks; can be set later.
    pub webhook_url: Option<String>,
    /// Whether people have business-scoped ids beside their numbers: the number `1555` has `US.1555`.
    pub user_ids: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            bind: (Ipv4Addr::LOCALHOST, 0).into(),
            access_token: "fake-access-token".into(),
            phone_number_id: None,
            default_phone_number_id: "106540352242922".into(),
            app_secret: "fake-app-secret".into(),
            webhook_url: None,
            user_ids: false,
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
    control: Arc<Control>,
    statuses: Statuses,
    templates: Templates,
    /// People who have not written for a day.
    lapsed: Mutex<HashSet<String>>,
    /// People who wrote.
    heard: Mutex<HashSet<String>>,
}

/// 80 messages a second for a number; one in 6 seconds to one person, and 45 of them at once.
const ALLOWED: Allowed = Allowed {
    account: Limit::new(Duration::from_micros(12_500), 80),
    recipient: |_| Some(Limit::new(Duration::from_secs(6), 45)),
};

impl Fake {
    /// Starts one.
    pub async fn start(options: Options) -> Result<Self, Error> {
        let control = Arc::new(Control::new(Caller::new(options.webhook_url.as_deref())?));
        let statuses = Statuses::start(Arc::clone(&control), options.app_secret.clone(), options.user_ids);
        let bind = options.bind;
        let state = Arc::new(Inner {
            options,
            control: Arc::clone(&control),
            statuses,
            templates: Templates::default(),
            lapsed: Mutex::default(),
            heard: Mutex::default(),
        });
        let people = graph::people(Arc::clone(&state));
        let router = Router::new()
            .route("/{version}/{phone_number_id}/messages", post(send))
            .route("/{version}/{node}", get(node).post(templates::edit))
            .route(
                "/{version}/{waba}/message_templates",
                get(templates::list).post(templates::submit).delete(templates::remove),
            )
            .route("/{version}/{waba}/subscribed_apps", post(subscribe).delete(unsubscribe))
            .route("/{version}/{phone_number_id}/media", post(media::upload))
            .route("/media/{media_id}", get(media::download))
            .route("/__fake/template", post(templates::reviewed))
            .route("/__fake/lapse", post(lapse))
            .with_state(Arc::clone(&state))
            .merge(people)
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

    /// The messages accepted, oldest first; the newest 10 000 are kept.
    pub fn messages(&self) -> Vec<Accepted> {
        self.state.control.with_journal(|journal| journal.messages(None, 0, usize::MAX))
    }

    /// What one recipient was sent, in order of acceptance.
    pub fn conversation(&self, to: &str) -> Vec<Delivered> {
        self.state.control.with_journal(|journal| journal.conversation(to))
    }

    /// Where webhooks go.
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

    /// A person writes; returns once the webhook has taken it.
    pub async fn say(&self, from: &str, text: &str) -> Result<(), Error> {
        self.state.say(from, text, false).await
    }

    /// A person whose number is not shown writes; returns once the webhook has taken it. Only where people have
    /// business-scoped ids.
    pub async fn say_without_number(&self, from: &str, text: &str) -> Result<(), Error> {
        self.state.say(from, text, true).await
    }

    /// A person has not written for a day: until they do, only templates are taken for them.
    pub fn lapse(&self, person: &str) {
        lock(&self.state.lapsed).insert(person.to_owned());
    }

    /// A template is approved, and nobody is told.
    pub fn approve(&self, name: &str, language: &str) {
        self.state.templates.approve(name, language);
    }

    /// A template is reviewed; returns once the webhook has taken what is said of that.
    pub async fn review(&self, review: &Reviewed) -> Result<(), Error> {
        self.state.review(review).await
    }

    /// A person sends a file; returns its id once the webhook has taken it.
    pub async fn say_file(&self, from: &str, file: File, caption: Option<&str>) -> Result<String, Error> {
        let state = &self.state;
        let (body, signature, id) = media::message(state, from, file, caption);
        state.control.caller.post(body, (SIGNATURE_HEADER, &signature)).await?;
        Ok(id)
    }

    /// Takes a file away, as if its time were over.
    pub fn expire(&self, media_id: &str) {
        self.state.control.files.remove(media_id);
    }

    /// A file that was uploaded.
    pub fn file(&self, media_id: &str) -> Option<File> {
        self.state.control.files.get(media_id)
    }

    /// A person chooses; returns once the webhook has taken it.
    pub async fn tap(&self, from: &str, payload: &str, title: &str) -> Result<(), Error> {
        self.state.tap(from, payload, title).await
    }
}

impl Inner {
    fn number(&self) -> &str {
        self.options.phone_number_id.as_deref().unwrap_or(&self.options.default_phone_number_id)
    }

    fn inbound_id() -> String {
        format!("wamid.in.{}", SystemIds.next().simple())
    }

    /// A person as notifications name them; who writes has an open window again.
    fn who(&self, from: &str, without_number: bool) -> Who {
        lock(&self.lapsed).remove(from);
        lock(&self.heard).insert(from.to_owned());
        Who {
            user_id: self.options.user_ids.then(|| user_id(from)),
            phone: (!(without_number && self.options.user_ids)).then(|| from.to_owned()),
        }
    }

    /// Whether only a template is taken for a person: they are said not to have written for a day, or never wrote, where
    /// that is minded.
    fn is_outside(&self, person: &str) -> bool {
        let minded = self.control.ask(|dice| dice.behaviour.windows);
        lock(&self.lapsed).contains(person) || (minded && !lock(&self.heard).contains(person))
    }

    async fn post(&self, who: &Who, message: Value) -> Result<(), Error> {
        let (secret, number) = (&self.options.app_secret, self.number());
        let (body, signature) = webhook::one_message(secret, number, who, &Self::inbound_id(), message);
        self.control.caller.post(body, (SIGNATURE_HEADER, &signature)).await
    }

    async fn say(&self, from: &str, text: &str, without_number: bool) -> Result<(), Error> {
        let message = json!({ "type": "text", "text": { "body": text } });
        self.post(&self.who(from, without_number), message).await
    }

    async fn tap(&self, from: &str, payload: &str, title: &str) -> Result<(), Error> {
        let reply = json!({ "type": "button_reply", "button_reply": { "id": payload, "title": title } });
        self.post(&self.who(from, false), json!({ "type": "interactive", "interactive": reply })).await
    }
}

impl graph::People for Inner {
    async fn say(&self, said: Said) -> Result<(), Error> {
        Self::say(self, &said.from, &said.text, said.without_number).await
    }

    async fn tap(&self, tapped: Tapped) -> Result<(), Error> {
        Self::tap(self, &tapped.from, &tapped.payload, &tapped.title).await
    }
}

async fn send(
    State(state): State<Arc<Inner>>,
    Path((_version, number)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let control = &state.control;
    // Who counts on the fate of a message does not know when a signal comes.
    let is_signal = serde_json::from_slice::<Value>(&body).is_ok_and(|body| body.get("status").is_some());
    let fault = if is_signal { control.befall_aside().await } else { control.befall().await };
    if let Some(response) = faults::before(control, fault, worded).await {
        return response;
    }
    if !graph::is_authorized(&headers, &state.options.access_token) {
        return refuse(control, StatusCode::UNAUTHORIZED, 190, "invalid token");
    }
    if state.options.phone_number_id.as_ref().is_some_and(|known| *known != number) {
        return refuse(control, StatusCode::BAD_REQUEST, 100, "Object with that ID does not exist");
    }
    let Ok(body) = serde_json::from_slice::<Value>(&body) else {
        return refuse(control, StatusCode::BAD_REQUEST, 100, "body is not JSON");
    };
    let (to, tag, kind, text) = match check(&body) {
        Ok(Taken::Message { to, tag, kind, text }) => (to, tag, kind, text),
        Ok(Taken::Signal) => {
            control.count(|counters| counters.signals += 1);
            return Json(json!({ "success": true })).into_response();
        }
        Err(Refusal { code, details }) => return refuse(control, StatusCode::BAD_REQUEST, code, &details),
    };
    let by_user_id = body.get("recipient").is_some();
    // Where people have both, what they were sent is found under their number.
    let to = if state.options.user_ids { of_user_id(&to).map_or(to.clone(), str::to_owned) } else { to };
    if control.ask(|dice| dice.behaviour.unreachable.contains(&to)) {
        return refuse(control, StatusCode::BAD_REQUEST, 131_026, "Message Undeliverable.");
    }
    if kind == "template" {
        match state.templates.check(&body["template"]) {
            Ok(category) if category == "AUTHENTICATION" && by_user_id => {
                let details = "authentication templates need a phone number";
                return refuse(control, StatusCode::BAD_REQUEST, 131_062, details);
            }
            Ok(_) => {}
            Err(Refusal { code, details }) => {
                return refuse(control, StatusCode::BAD_REQUEST, code, &details);
            }
        }
    } else if state.is_outside(&to) {
        return refuse(control, StatusCode::BAD_REQUEST, 131_047, "Re-engagement message");
    }
    if let Some(too_fast) = control.too_fast(ALLOWED, &to) {
        let (code, details) = match too_fast {
            TooFast::Account(_) => (130_429, "Rate limit hit"),
            TooFast::Recipient(_) => (131_056, "(Business Account, Consumer Account) pair rate limit hit"),
        };
        return answer(StatusCode::BAD_REQUEST, code, details);
    }
    if !media::is_fit(&state, &kind, &body) {
        return refuse(control, StatusCode::BAD_REQUEST, 131_053, "Media upload error");
    }
    let arrived = Arrived { to, tag, kind, text, body };
    let accepted = control.accept(arrived, |place, _| format!("wamid.fake.{place}"));
    state.statuses.report(control, &number, &accepted);
    if let Some(response) = faults::after(fault).await {
        return response;
    }
    let mut contact = json!({ "input": accepted.to, "wa_id": accepted.to.trim_start_matches('+') });
    if state.options.user_ids {
        contact["user_id"] = user_id(&accepted.to).into();
    }
    let body = json!({
        "messaging_product": "whatsapp",
        "contacts": [contact],
        "messages": [{ "id": accepted.id, "message_status": "accepted" }],
    });
    Json(body).into_response()
}

/// What Graph tells about a number.
async fn node(
    State(state): State<Arc<Inner>>,
    Path((_version, number)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let control = &state.control;
    if !graph::is_authorized(&headers, &state.options.access_token) {
        return refuse(control, StatusCode::UNAUTHORIZED, 190, "invalid token");
    }
    if number != state.number() {
        return media::resolve(&state, &number, &headers).await;
    }
    let body = json!({
        "id": number, "display_phone_number": "+1 555-078-3881", "verified_name": "Fake",
        "quality_rating": "GREEN",
    });
    Json(body).into_response()
}

/// A business account's notifications go to the address that is named, once it has answered its challenge.
async fn subscribe(State(state): State<Arc<Inner>>, headers: HeaderMap, body: Bytes) -> Response {
    let control = &state.control;
    if !graph::is_authorized(&headers, &state.options.access_token) {
        return refuse(control, StatusCode::UNAUTHORIZED, 190, "invalid token");
    }
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let field = |name: &str| body.get(name).and_then(Value::as_str);
    if let Some(url) = field("override_callback_uri") {
        let tried = graph::challenge(&control.caller, url, field("verify_token").unwrap_or_default()).await;
        if let Err(error) = tried.and_then(|()| control.caller.set_url(Some(url))) {
            let words = format!("(#2200) Callback verification failed: {error}");
            return refuse(control, StatusCode::BAD_REQUEST, 2200, &words);
        }
    }
    Json(json!({ "success": true })).into_response()
}

async fn unsubscribe(State(state): State<Arc<Inner>>, headers: HeaderMap) -> Response {
    let control = &state.control;
    if !graph::is_authorized(&headers, &state.options.access_token) {
        return refuse(control, StatusCode::UNAUTHORIZED, 190, "invalid token");
    }
    match control.caller.set_url(None) {
        Ok(()) => Json(json!({ "success": true })).into_response(),
        Err(error) => refuse(control, StatusCode::BAD_REQUEST, 100, &error.to_string()),
    }
}

/// The faults in Graph's words.
fn worded(fault: Worded) -> Response {
    match fault {
        Worded::Throttled(_) => answer(StatusCode::TOO_MANY_REQUESTS, 130_429, "Rate limit hit"),
        Worded::ServerError => answer(StatusCode::INTERNAL_SERVER_ERROR, 131_000, "Something went wrong"),
        Worded::Refused(code) => {
            answer(StatusCode::BAD_REQUEST, code.unwrap_or(131_047), "refused, as the behaviour says")
        }
    }
}

fn answer(status: StatusCode, code: i64, details: &str) -> Response {
    (status, Json(Refusal::body(code, details))).into_response()
}

fn refuse(control: &Control, status: StatusCode, code: i64, details: &str) -> Response {
    control.count(|counters| counters.refused += 1);
    answer(status, code, details)
}

/// Who is meant, as `/__fake/lapse` takes it.
#[derive(Debug, serde::Deserialize)]
struct Lapsed {
    from: String,
}

async fn lapse(State(state): State<Arc<Inner>>, Json(person): Json<Lapsed>) -> Json<Value> {
    lock(&state.lapsed).insert(person.from);
    Json(json!({ "lapsed": true }))
}
