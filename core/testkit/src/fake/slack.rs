//! A Slack of our own: `POST /api/{method}`, and callbacks signed as Slack signs them, or sockets once the app has asked
//! for one.

mod files;
mod limits;
mod methods;
mod others;
mod socket;
mod webhook;

use std::{
    collections::{HashMap, HashSet, VecDeque},
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::{
    Json, Router,
    extract::State,
    response::Response,
    routing::{any, get, post},
};
use botbuilder_domain::{Clock as _, SystemClock};
use serde_json::Value;

pub use self::webhook::{SIGNATURE_HEADER, Signed, TIMESTAMP_HEADER};
use super::{
    Accepted, Behaviour, Counters, Delivered, Error, File,
    caller::Caller,
    control::{self, Control, Said, Tapped, lock, taken},
    journal::Journal,
    server::{self, Server},
};
pub use botbuilder_adapter_slack::sign;

/// How many messages can still be changed.
const CHANGEABLE_MAX: usize = 10_000;

/// How a fake is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where it listens; port 0 takes a free one.
    pub bind: SocketAddr,
    /// The token it wants, `xoxb-…`.
    pub bot_token: String,
    /// The app's own token, `xapp-…`.
    pub app_token: String,
    /// What it signs callbacks with.
    pub signing_secret: String,
    /// The workspace.
    pub team_id: String,
    /// The app.
    pub app_id: String,
    /// The app's user in the workspace.
    pub bot_user_id: String,
    /// Where it sends callbacks; can be set later.
    pub webhook_url: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            bind: (Ipv4Addr::LOCALHOST, 0).into(),
            bot_token: "xoxb-fake-bot-token".into(),
            app_token: "xapp-fake-app-token".into(),
            signing_secret: "fake-signing-secret".into(),
            team_id: "T0FAKE".into(),
            app_id: "A0FAKE".into(),
            bot_user_id: "U0FAKEBOT".into(),
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
    /// The last `ts` or event number given, in microseconds since 1970, so that none is given twice.
    instant: AtomicU64,
    /// What stands under `{channel}:{ts}`, and in which order it came.
    changeable: Mutex<(HashMap<String, String>, VecDeque<String>)>,
    /// The conversations of persons with the app that it has opened, each with its person.
    opened: Mutex<HashMap<String, String>>,
    /// How often it was asked to open one.
    openings: AtomicU64,
    /// The channels that the app has joined.
    joined: Mutex<HashSet<String>>,
    /// Where commands may be answered: by a number of its own, the channel, and how often it was used.
    responses: Mutex<HashMap<String, (String, u32)>>,
    sockets: socket::Sockets,
    /// Where sockets are opened.
    address: OnceLock<SocketAddr>,
    control: Arc<Control>,
}

impl Fake {
    /// Starts one.
    pub async fn start(options: Options) -> Result<Self, Error> {
        let control = Arc::new(Control::new(Caller::new(options.webhook_url.as_deref())?));
        let bind = options.bind;
        let state = Arc::new(Inner {
            options,
            instant: AtomicU64::new(0),
            changeable: Mutex::default(),
            opened: Mutex::default(),
            openings: AtomicU64::new(0),
            joined: Mutex::default(),
            responses: Mutex::default(),
            sockets: socket::Sockets::default(),
            address: OnceLock::new(),
            control: Arc::clone(&control),
        });
        let router = Router::new()
            .route("/api/{method}", any(methods::call))
            .route("/api/link/{ticket}", get(socket::open))
            .route("/api/response/{number}", post(methods::respond))
            .route("/api/files-pri/{file_id}", get(files::download))
            .route("/api/files-up/{file_id}", post(files::upload))
            .route("/__fake/say", post(say))
            .route("/__fake/tap", post(tap))
            .route("/__fake/command", post(command))
            .route("/__fake/mention", post(mention))
            .route("/__fake/disconnect", post(disconnect))
            .with_state(Arc::clone(&state))
            .merge(control::routes(control));
        let server = server::serve(bind, router).await?;
        state.address.get_or_init(|| server.address);
        Ok(Self { state, server })
    }

    /// What an account's `base_url` is set to.
    pub fn base_url(&self) -> String {
        format!("http://{}/api", self.server.address)
    }

    /// Where callbacks go from now on.
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

    /// What a person or channel was sent, in order of acceptance.
    pub fn conversation(&self, to: &str) -> Vec<Delivered> {
        self.state.control.with_journal(|journal| journal.conversation(to))
    }

    /// What stands there now under `{channel}:{ts}`; none where it was deleted.
    pub fn text_of(&self, id: &str) -> Option<String> {
        lock(&self.state.changeable).0.get(id).cloned()
    }

    /// What it has counted.
    pub fn counters(&self) -> Counters {
        self.state.control.counters()
    }

    /// Empties what is kept.
    pub fn forget(&self) {
        self.state.control.with_journal(Journal::forget);
    }

    /// How many sockets the app has open.
    pub fn sockets(&self) -> usize {
        self.state.sockets.count()
    }

    /// How many envelopes were sent to the app, each time they were.
    pub fn envelopes(&self) -> u64 {
        self.state.sockets.sent()
    }

    /// How many envelopes the app has acknowledged.
    pub fn acknowledged(&self) -> u64 {
        self.state.sockets.acknowledged()
    }

    /// Announces that the sockets are going to be closed (`refresh_requested`, `warning`, `link_disabled`).
    pub fn disconnect(&self, reason: &str) {
        self.state.sockets.disconnect(reason);
    }

    /// Breaks the sockets off.
    pub fn cut(&self) {
        self.state.sockets.cut();
    }

    /// A person writes to the app alone; returns once the webhook has taken it.
    pub async fn say(&self, user: &str, text: &str) -> Result<(), Error> {
        self.state.say(user, text).await
    }

    /// A person sends a file to the app alone; returns its id once the webhook has taken it.
    pub async fn say_file(&self, user: &str, file: File, text: &str) -> Result<String, Error> {
        Ok(self.say_files(user, vec![file], text).await?.concat())
    }

    /// A person sends several files at once to the app alone; returns their ids once the webhook has taken them.
    pub async fn say_files(&self, user: &str, files: Vec<File>, text: &str) -> Result<Vec<String>, Error> {
        let state = &self.state;
        let (mut described, mut ids) = (Vec::new(), Vec::new());
        for file in files {
            let id = format!("F{}", state.control.files.keep(file.clone()));
            described.push(serde_json::json!({
                "id": id, "name": file.name, "title": file.name, "mimetype": file.mime_type,
                "size": file.bytes.len(), "mode": "hosted",
                "url_private_download": format!("{}/files-pri/{id}", self.base_url()),
            }));
            state.control.files.put(&id, file);
            ids.push(id);
        }
        let mut event = webhook::message("message", &direct(user), user, text, &state.next_ts(), None);
        event["subtype"] = "file_share".into();
        event["files"] = described.into();
        self.event(&event).await?;
        Ok(ids)
    }

    /// A file that was uploaded.
    pub fn file(&self, file_id: &str) -> Option<File> {
        self.state.control.files.get(file_id)
    }

    /// A person mentions the app in a channel, in a thread where one is named; the `ts` it stands under.
    pub async fn mention(
        &self,
        channel: &str,
        user: &str,
        text: &str,
        thread: Option<&str>,
    ) -> Result<String, Error> {
        self.state.mention(channel, user, text, thread).await
    }

    /// A person presses a button or chooses from a menu, alone with the app.
    pub async fn tap(&self, user: &str, value: &str, title: &str) -> Result<(), Error> {
        self.state.tap(user, value, title).await
    }

    /// A person types a slash command, alone with the app.
    pub async fn command(&self, user: &str, command: &str, text: &str) -> Result<(), Error> {
        self.state.command(&direct(user), user, command, text).await
    }

    /// A person types a slash command in a channel.
    pub async fn command_in(
        &self,
        channel: &str,
        user: &str,
        command: &str,
        text: &str,
    ) -> Result<(), Error> {
        self.state.command(channel, user, command, text).await
    }

    /// How often it was asked to open the conversation of a person with the app.
    pub fn openings(&self) -> u64 {
        self.state.openings.load(Ordering::Relaxed)
    }

    /// Any event of the Events API.
    pub async fn event(&self, event: &Value) -> Result<(), Error> {
        self.state.send(webhook::event(&self.state.options, event, &self.state.next_ts())).await
    }
}

impl Inner {
    /// A `ts` that was not given before.
    fn next_ts(&self) -> String {
        let now = u64::try_from(SystemClock.now().timestamp_micros()).unwrap_or(0);
        let last = self.instant.fetch_max(now, Ordering::Relaxed).max(now);
        let given = self.instant.fetch_add(1, Ordering::Relaxed).max(last);
        format!("{}.{:06}", given / 1_000_000, given % 1_000_000)
    }

    /// Keeps what a message holds, so that it can be changed and deleted.
    fn keep(&self, id: &str, text: &str) {
        let mut changeable = lock(&self.changeable);
        let (texts, order) = &mut *changeable;
        if texts.insert(id.to_owned(), text.to_owned()).is_none() {
            order.push_back(id.to_owned());
        }
        if order.len() > CHANGEABLE_MAX
            && let Some(oldest) = order.pop_front()
        {
            texts.remove(&oldest);
        }
    }

    async fn send(&self, signed: Signed) -> Result<(), Error> {
        if self.sockets.is_used() {
            return socket::deliver(self, &signed).await;
        }
        let Signed { body, content_type, signature, timestamp, .. } = signed;
        let headers = [(SIGNATURE_HEADER, signature.as_str()), (TIMESTAMP_HEADER, timestamp.as_str())];
        self.control.caller.post_as(body, content_type, &headers).await
    }

    async fn say(&self, user: &str, text: &str) -> Result<(), Error> {
        let event = webhook::message("message", &direct(user), user, text, &self.next_ts(), None);
        self.send(webhook::event(&self.options, &event, &self.next_ts())).await
    }

    async fn mention(
        &self,
        channel: &str,
        user: &str,
        text: &str,
        thread: Option<&str>,
    ) -> Result<String, Error> {
        let ts = self.next_ts();
        let text = format!("<@{}> {text}", self.options.bot_user_id);
        // The same words come twice, as Slack does it where an app subscribed to both.
        for kind in ["message", "app_mention"] {
            let event = webhook::message(kind, channel, user, &text, &ts, thread);
            self.send(webhook::event(&self.options, &event, &self.next_ts())).await?;
        }
        Ok(ts)
    }

    async fn command(&self, channel: &str, user: &str, command: &str, text: &str) -> Result<(), Error> {
        let number = self.next_ts().replace('.', "");
        lock(&self.responses).insert(number.clone(), (channel.to_owned(), 0));
        let address = self.address.get().map(ToString::to_string).unwrap_or_default();
        let response_url = format!("http://{address}/api/response/{number}");
        let typed = webhook::Typed { channel, user, command, text };
        self.send(webhook::command(&self.options, &typed, &number, &response_url)).await
    }

    async fn tap(&self, user: &str, value: &str, title: &str) -> Result<(), Error> {
        let last = self.control.with_journal(|journal| journal.conversation(user)).pop();
        let ts = last.map_or_else(|| self.next_ts(), |message| message.id);
        self.send(webhook::tap(&self.options, user, value, title, &ts, &self.next_ts())).await
    }
}

/// The conversation of a person with the app.
fn direct(user: &str) -> String {
    format!("D{}", user.trim_start_matches(['U', 'W']))
}

async fn say(State(state): State<Arc<Inner>>, Json(said): Json<Said>) -> Response {
    taken(state.say(&said.from, &said.text).await)
}

async fn tap(State(state): State<Arc<Inner>>, Json(tapped): Json<Tapped>) -> Response {
    taken(state.tap(&tapped.from, &tapped.payload, &tapped.title).await)
}

/// Why the sockets are going to be closed.
#[derive(serde::Deserialize)]
struct Disconnect {
    reason: String,
}

async fn disconnect(State(state): State<Arc<Inner>>, Json(why): Json<Disconnect>) -> Json<Value> {
    state.sockets.disconnect(&why.reason);
    Json(serde_json::json!({ "sockets": state.sockets.count() }))
}

/// A slash command, or words in a channel that name the app.
#[derive(serde::Deserialize)]
struct Typed {
    from: String,
    #[serde(default)]
    command: String,
    #[serde(default)]
    channel: String,
    text: String,
}

async fn command(State(state): State<Arc<Inner>>, Json(typed): Json<Typed>) -> Response {
    let channel = if typed.channel.is_empty() { direct(&typed.from) } else { typed.channel };
    taken(state.command(&channel, &typed.from, &typed.command, &typed.text).await)
}

async fn mention(State(state): State<Arc<Inner>>, Json(typed): Json<Typed>) -> Response {
    taken(state.mention(&typed.channel, &typed.from, &typed.text, None).await.map(|_| ()))
}
