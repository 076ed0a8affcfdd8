//! `getUpdates`: updates that wait until a question confirms them.

use std::{collections::VecDeque, sync::Mutex, time::Duration};

use axum::response::Response;
use serde_json::{Map, Value, json};
use tokio::{sync::Notify, time::Instant};

use super::{Inner, answer, lock, refuse, result};

/// Longest time that a question is kept open.
const OPEN_MAX: u64 = 50;

/// What waits while no webhook is set.
#[derive(Debug, Default)]
pub(super) struct Updates {
    queue: Mutex<Queue>,
    came: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Value>,
    /// Counts questions: a newer one ends those before it.
    question: u64,
    /// The kinds asked for, as they were named last; empty stands for Telegram's own choice.
    allowed: Vec<String>,
}

/// The kinds that have to be asked for by name.
const UNASKED: [&str; 3] = ["chat_member", "message_reaction", "message_reaction_count"];

impl Queue {
    fn wants(&self, update: &Value) -> bool {
        let kind = update.as_object().and_then(|update| update.keys().find(|key| *key != "update_id"));
        let kind = kind.map_or("", String::as_str);
        if self.allowed.is_empty() {
            return !UNASKED.contains(&kind);
        }
        self.allowed.iter().any(|allowed| allowed == kind)
    }
}

fn number(update: &Value) -> i64 {
    update.get("update_id").and_then(Value::as_i64).unwrap_or(0)
}

impl Updates {
    pub(super) fn push(&self, update: Value) {
        let mut queue = lock(&self.queue);
        if queue.wants(&update) {
            queue.waiting.push_back(update);
        }
        drop(queue);
        self.came.notify_waiters();
    }

    pub(super) fn waiting(&self) -> usize {
        lock(&self.queue).waiting.len()
    }

    /// Takes everything that waits: from now on it goes to a webhook. Ends open questions.
    pub(super) fn take(&self) -> VecDeque<Value> {
        let mut queue = lock(&self.queue);
        queue.question += 1;
        let waiting = std::mem::take(&mut queue.waiting);
        drop(queue);
        self.came.notify_waiters();
        waiting
    }

    pub(super) fn drop_pending(&self) {
        lock(&self.queue).waiting.clear();
    }

    pub(super) fn allow(&self, kinds: &Value) {
        if let Some(kinds) = kinds.as_array() {
            let kinds = kinds.iter().filter_map(|kind| kind.as_str().map(str::to_owned)).collect();
            lock(&self.queue).allowed = kinds;
        }
    }
}

/// Whole numbers come as numbers, or as texts in a form.
fn integer(body: &Map<String, Value>, field: &str) -> Option<i64> {
    let value = body.get(field)?;
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

pub(super) async fn get(state: &Inner, body: &Map<String, Value>) -> Response {
    let control = &state.control;
    if control.caller.url().is_some() {
        let words = "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete \
                     the webhook first";
        return refuse(control, 409, words);
    }
    let updates = &state.updates;
    if let Some(kinds) = body.get("allowed_updates") {
        updates.allow(kinds);
    }
    let limit =
        integer(body, "limit").and_then(|limit| usize::try_from(limit).ok()).unwrap_or(100).clamp(1, 100);
    let open = integer(body, "timeout").and_then(|seconds| u64::try_from(seconds).ok()).unwrap_or(0);
    let deadline = Instant::now() + Duration::from_secs(open.min(OPEN_MAX));
    let question = {
        let mut queue = lock(&updates.queue);
        if let Some(offset) = integer(body, "offset").filter(|offset| *offset >= 0) {
            queue.waiting.retain(|update| number(update) >= offset);
        }
        queue.question += 1;
        queue.question
    };
    updates.came.notify_waiters();
    loop {
        let came = updates.came.notified();
        tokio::pin!(came);
        // From here on nothing that comes is missed.
        came.as_mut().enable();
        {
            let queue = lock(&updates.queue);
            if queue.question != question {
                let words = "Conflict: terminated by other getUpdates request; make sure that only one bot \
                             instance is running";
                return answer(409, words, None);
            }
            if !queue.waiting.is_empty() {
                return result(json!(queue.waiting.iter().take(limit).collect::<Vec<_>>()));
            }
        }
        tokio::select! {
            () = came => {}
            () = tokio::time::sleep_until(deadline) => return result(json!([])),
        }
    }
}
