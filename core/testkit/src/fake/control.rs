//! What every fake has beside the provider's own interface: state to look at, and a behaviour to set.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    Json, Router,
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use botbuilder_domain::{Clock as _, SystemClock};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Accepted, Behaviour, Error, Fault,
    behaviour::Dice,
    caller::Caller,
    files::Files,
    journal::{Arrived, Journal},
    pace::{Allowed, Pace, TooFast},
};

/// How many messages `GET /__fake/messages` shows where no limit is given.
const SHOWN: usize = 1_000;

/// What a fake has counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Requests to the provider's interface.
    pub requests: u64,
    /// Messages accepted.
    pub accepted: u64,
    /// Requests refused because of what they held.
    pub refused: u64,
    /// Messages refused because they came too fast.
    pub too_fast: u64,
    /// Faults, by name.
    pub faults: BTreeMap<String, u64>,
    /// Typing indicators, read receipts, answered taps and the like.
    pub signals: u64,
    /// Webhook requests that were taken.
    pub webhooks_taken: u64,
    /// Attempts at the webhook that failed.
    pub webhook_attempts_failed: u64,
    /// Webhook requests that were given up.
    pub webhooks_given_up: u64,
    /// Statuses that could not be queued.
    pub statuses_dropped: u64,
    /// Messages that no conversation kept, because there were too many.
    pub overflowed: u64,
}

/// The value in a mutex; a holder that panicked leaves nothing half-done here.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug)]
pub(super) struct Control {
    journal: Mutex<Journal>,
    dice: Mutex<Dice>,
    counters: Mutex<Counters>,
    pace: Pace,
    pub(super) caller: Caller,
    pub(super) files: Files,
}

impl Control {
    pub(super) fn new(caller: Caller) -> Self {
        Self {
            journal: Mutex::default(),
            dice: Mutex::new(Dice::new(Behaviour::default())),
            counters: Mutex::default(),
            pace: Pace::default(),
            caller,
            files: Files::default(),
        }
    }

    /// Counts a request and says what befalls it, after the delay that it has.
    pub(super) async fn befall(&self) -> Fault {
        self.befalls(false).await
    }

    /// The same for a request beside the messages, of which nobody knows when it comes: it takes no fault that is lined
    /// up.
    pub(super) async fn befall_aside(&self) -> Fault {
        self.befalls(true).await
    }

    async fn befalls(&self, aside: bool) -> Fault {
        let (fault, delay): (Fault, Duration) = lock(&self.dice).next(aside);
        {
            let mut counters = lock(&self.counters);
            counters.requests += 1;
            if fault != Fault::None {
                let name = serde_json::to_value(fault).ok();
                let name = name.as_ref().and_then(Value::as_str).unwrap_or("unknown").to_owned();
                *counters.faults.entry(name).or_default() += 1;
            }
        }
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        fault
    }

    pub(super) fn accept(&self, arrived: Arrived, name: impl FnOnce(u64, u64) -> String) -> Accepted {
        lock(&self.journal).accept(SystemClock.now(), arrived, name)
    }

    /// Whether a message to this recipient comes too fast, where that is minded. One that does not is counted.
    pub(super) fn too_fast(&self, allowed: Allowed, to: &str) -> Option<TooFast> {
        let minded = self.ask(|dice| dice.behaviour.rates);
        let admitted = minded.then(|| self.pace.admit(allowed, to, Instant::now()));
        let too_fast = admitted.and_then(Result::err)?;
        self.count(|counters| counters.too_fast += 1);
        Some(too_fast)
    }

    pub(super) fn count(&self, change: impl FnOnce(&mut Counters)) {
        change(&mut lock(&self.counters));
    }

    /// Asks the behaviour, and its chance.
    pub(super) fn ask<T>(&self, question: impl FnOnce(&mut Dice) -> T) -> T {
        question(&mut lock(&self.dice))
    }

    pub(super) fn set_behaviour(&self, behaviour: Behaviour) {
        *lock(&self.dice) = Dice::new(behaviour);
    }

    pub(super) fn with_journal<T>(&self, question: impl FnOnce(&mut Journal) -> T) -> T {
        question(&mut lock(&self.journal))
    }

    pub(super) fn counters(&self) -> Counters {
        let calls = self.caller.calls();
        let (accepted, overflowed) = self.with_journal(|journal| (journal.accepted(), journal.overflowed));
        let counted = lock(&self.counters).clone();
        Counters {
            accepted,
            overflowed,
            webhooks_taken: calls.taken,
            webhook_attempts_failed: calls.failed_attempts,
            webhooks_given_up: calls.given_up,
            ..counted
        }
    }
}

#[derive(Debug, Deserialize)]
struct Which {
    to: Option<String>,
    #[serde(default)]
    after: u64,
    limit: Option<usize>,
}

/// The routes below `/__fake/` that every fake has.
pub(super) fn routes(control: Arc<Control>) -> Router {
    Router::new()
        .route("/__fake/messages", get(messages))
        .route("/__fake/conversations", get(conversations))
        .route("/__fake/counters", get(async |State(control): State<Arc<Control>>| Json(control.counters())))
        .route("/__fake/behaviour", get(behaviour).post(set_behaviour))
        .route("/__fake/forget", post(forget))
        .route("/__fake/webhook", post(set_webhook))
        .with_state(control)
}

async fn messages(State(control): State<Arc<Control>>, Query(which): Query<Which>) -> Json<Value> {
    let Which { to, after, limit } = which;
    let (messages, total) = control.with_journal(|journal| {
        (journal.messages(to.as_deref(), after, limit.unwrap_or(SHOWN)), journal.accepted())
    });
    Json(json!({ "accepted": total, "messages": messages }))
}

async fn conversations(State(control): State<Arc<Control>>, Query(which): Query<Which>) -> Response {
    match which.to {
        Some(to) => Json(control.with_journal(|journal| journal.conversation(&to))).into_response(),
        None => Json(control.with_journal(|journal| journal.conversations())).into_response(),
    }
}

async fn behaviour(State(control): State<Arc<Control>>) -> Json<Behaviour> {
    Json(control.ask(|dice| dice.behaviour.clone()))
}

async fn set_behaviour(
    State(control): State<Arc<Control>>,
    Json(behaviour): Json<Behaviour>,
) -> Json<Behaviour> {
    control.set_behaviour(behaviour.clone());
    Json(behaviour)
}

async fn forget(State(control): State<Arc<Control>>) -> Json<Value> {
    control.with_journal(Journal::forget);
    Json(json!({ "forgotten": true }))
}

/// Where events go, as `/__fake/webhook` takes it.
#[derive(Debug, Deserialize)]
struct Webhook {
    url: Option<String>,
}

async fn set_webhook(State(control): State<Arc<Control>>, Json(Webhook { url }): Json<Webhook>) -> Response {
    match control.caller.set_url(url.as_deref()) {
        Ok(()) => Json(json!({ "url": url })).into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    }
}

/// What a person writes, as `/__fake/say` takes it.
#[derive(Debug, Deserialize)]
pub(super) struct Said {
    pub(super) from: String,
    pub(super) text: String,
    /// WhatsApp: the person's number is not shown.
    #[serde(default)]
    pub(super) without_number: bool,
}

/// What a person chooses, as `/__fake/tap` takes it.
#[derive(Debug, Deserialize)]
pub(super) struct Tapped {
    pub(super) from: String,
    pub(super) payload: String,
    #[serde(default)]
    pub(super) title: String,
}

/// Tells whether the webhook took an event.
pub(super) fn taken(outcome: Result<(), Error>) -> Response {
    match outcome {
        Ok(()) => Json(json!({ "taken": true })).into_response(),
        Err(error) => {
            let body = json!({ "taken": false, "error": error.to_string() });
            (StatusCode::BAD_GATEWAY, Json(body)).into_response()
        }
    }
}
