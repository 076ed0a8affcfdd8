//! Live views: `GET /v1/events` (server-sent events) and `GET /v1/ws` (WebSocket) tell what happens as it happens. A
//! watcher names topics, needs the right to each, and loses the connection within seconds of losing a right. Whoever comes
//! back names the last id it knows and is told what it missed, as long as that is kept (a day); an event may come twice,
//! with the same id.

mod feed;
mod socket;
mod topics;
mod watch;

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use axum::{
    extract::{Request, State},
    http::{StatusCode, header, request::Parts},
    response::{
        IntoResponse as _, Response, Sse,
        sse::{self, KeepAlive},
    },
};
use botbuilder_store::{Store, system::events::Noted};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::sync::{Mutex as AsyncMutex, broadcast};

use self::watch::{Told, Watch};
use crate::{
    Api,
    auth::Caller,
    error::ApiError,
    input::{query_pairs, unknown},
    routes::{Access, Operation, Routes},
};

/// Most watchers of one caller in this process.
const MOST_EACH: usize = 20;
/// Most watchers of one organization in this process.
const MOST_ORGANIZATION: usize = 500;
/// How often a silent stream says that it is alive.
const ALIVE: Duration = Duration::from_secs(15);

/// The routes of live views.
pub fn routes() -> Routes {
    let names: Vec<&str> = topics::TOPICS.iter().map(|topic| topic.name).collect();
    let topics = || json!({ "type": "string", "example": "conversations,messages" });
    let with = |operation: Operation| {
        operation
            .with_query("topics", topics(), format!("what to watch, with commas: {}", names.join(", ")))
            .with_query(
                "last_event_id",
                json!({ "type": "string" }),
                "the last id known; what was missed comes first",
            )
    };
    Routes::new()
        .add(
            with(Operation::get("/v1/events", Access::Caller, "what happens, as server-sent events"))
                .produces("text/event-stream")
                .gives(Value::Null),
            events,
        )
        .add(
            with(Operation::get("/v1/ws", Access::Caller, "what happens, on a WebSocket"))
                .answers(101)
                .gives(Value::Null),
            socket::open,
        )
}

/// The watchers of this process.
#[derive(Default)]
pub struct Live {
    /// The feed, which ends when nobody watches any more.
    feed: AsyncMutex<Option<feed::Sender>>,
    places: Arc<Mutex<HashMap<String, usize>>>,
}

/// A watcher's place among those there may be.
pub struct Place {
    keys: [String; 2],
    places: Weak<Mutex<HashMap<String, usize>>>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(places) = self.places.upgrade() else { return };
        let mut places = places.lock().unwrap_or_else(PoisonError::into_inner);
        for key in &self.keys {
            if let Some(count) = places.get_mut(key) {
                *count -= 1;
                if *count == 0 {
                    places.remove(key);
                }
            }
        }
    }
}

impl Live {
    /// What happens from now on.
    async fn receiver(&self, store: &Store) -> Result<broadcast::Receiver<Arc<Noted>>, ApiError> {
        let mut feed = self.feed.lock().await;
        if let Some(sender) = feed.as_ref() {
            let receiver = sender.subscribe();
            // With another watcher beside this one the feed has not ended, and will not while this one is there.
            if sender.receiver_count() > 1 {
                return Ok(receiver);
            }
        }
        let (sender, receiver) = feed::start(store.clone()).await?;
        *feed = Some(sender);
        Ok(receiver)
    }

    /// Takes a place, if there is one left.
    fn enter(&self, caller: &Caller) -> Result<Place, ApiError> {
        let keys = [caller.principal(), caller.scope.org().to_string()];
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = |key: &String| places.get(key).copied().unwrap_or_default();
        if taken(&keys[0]) >= MOST_EACH || taken(&keys[1]) >= MOST_ORGANIZATION {
            let detail =
                format!("at most {MOST_EACH} live views each, and {MOST_ORGANIZATION} of an organization");
            return Err(
                ApiError::refused(StatusCode::TOO_MANY_REQUESTS, "too_many_watchers", detail).after(5)
            );
        }
        for key in &keys {
            *places.entry(key.clone()).or_default() += 1;
        }
        Ok(Place { keys, places: Arc::downgrade(&self.places) })
    }
}

/// What is asked for: topics, and the last id known, in the query or, as browsers send it, in a header.
fn asked(parts: &Parts) -> Result<(Vec<topics::Topic>, Option<i64>), ApiError> {
    let header = parts.headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let (mut names, mut last) = (String::new(), header.map(str::to_owned));
    for (name, value) in query_pairs(parts) {
        match name.as_str() {
            "topics" => names = value,
            "last_event_id" => last = Some(value),
            other => {
                let known = unknown(other, ["topics", "last_event_id"]);
                return Err(ApiError::invalid(other.to_owned(), known));
            }
        }
    }
    let last = last.filter(|last| !last.is_empty()).map(|last| {
        let position = last.split('.').next().and_then(|position| position.parse::<i64>().ok());
        position
            .filter(|position| *position >= 0)
            .ok_or_else(|| ApiError::invalid("last_event_id", "is no id of an event told here"))
    });
    Ok((topics::parse(&names)?, last.transpose()?))
}

async fn events(State(api): State<Api>, caller: Caller, request: Request) -> Result<Response, ApiError> {
    let (parts, _) = request.into_parts();
    let (topics, last) = asked(&parts)?;
    let watch = Watch::begin(&api, parts, caller, topics, last).await?;
    let told = stream::unfold(watch, async |mut watch| {
        let told = watch.next().await?;
        Some((Ok::<_, Infallible>(frame(&told)), watch))
    });
    let keep_alive = KeepAlive::new().interval(ALIVE).text("alive");
    let mut response = Sse::new(told).keep_alive(keep_alive).into_response();
    // Proxies that gather answers would hold events back.
    response.headers_mut().insert("x-accel-buffering", header::HeaderValue::from_static("no"));
    Ok(response)
}

fn frame(told: &Told) -> sse::Event {
    match told {
        Told::Event { id, event } => {
            sse::Event::default().id(id).event(&event.kind).data(json!(event).to_string())
        }
        Told::Reset => sse::Event::default().event("reset").data("{}"),
        Told::Over => sse::Event::default().event("over").data("{}"),
    }
}
