//! Status callbacks: sent, delivered, read, signed and in batches as a busy provider sends them.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio::{
    sync::{Semaphore, mpsc},
    task::{JoinHandle, JoinSet},
};

use super::webhook;
use crate::fake::{Accepted, control::Control};

/// How many statuses wait at most; more are dropped and counted.
const WAITING_MAX: usize = 100_000;

/// How many statuses one request carries at most.
const BATCH_MAX: usize = 200;

/// How many requests are under way at most.
const CALLS_MAX: usize = 8;

/// Where accepted messages are reported to.
#[derive(Debug)]
pub(super) struct Statuses {
    sender: mpsc::Sender<Status>,
    task: JoinHandle<()>,
    user_ids: bool,
}

#[derive(Debug)]
struct Status {
    phone_number_id: String,
    body: Value,
}

impl Drop for Statuses {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Statuses {
    pub(super) fn start(control: Arc<Control>, app_secret: String, user_ids: bool) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        Self { sender, task: tokio::spawn(send(control, app_secret, receiver)), user_ids }
    }

    /// Queues what a message goes through, as the behaviour says.
    pub(super) fn report(&self, control: &Control, phone_number_id: &str, message: &Accepted) {
        if control.caller.url().is_none() {
            return;
        }
        let mut words = control.ask(|dice| {
            let statuses = dice.behaviour.statuses;
            if dice.happens(statuses.drop_percent) {
                return Vec::new();
            }
            if dice.happens(statuses.fail_percent) {
                return vec!["sent", "failed"];
            }
            let mut words = vec!["sent", "delivered", "read"];
            if dice.happens(statuses.reorder_percent) {
                // One of the five other orders.
                let turn = 1 + usize::try_from(dice.below(2)).unwrap_or(0);
                words.rotate_left(turn);
                if dice.happens(50.0) {
                    words.swap(0, 1);
                }
            }
            if dice.happens(statuses.duplicate_percent) {
                words.extend(words.clone());
            }
            words
        });
        for word in words.drain(..) {
            let mut body = body(message, word);
            if self.user_ids {
                body["recipient_user_id"] = webhook::user_id(&message.to).into();
            }
            let status = Status { phone_number_id: phone_number_id.to_owned(), body };
            if self.sender.try_send(status).is_err() {
                control.count(|counters| counters.statuses_dropped += 1);
            }
        }
    }
}

fn body(message: &Accepted, word: &str) -> Value {
    let mut status = json!({
        "id": message.id,
        "status": word,
        "timestamp": webhook::timestamp(),
        "recipient_id": message.to,
    });
    if let Some(tag) = &message.tag {
        status["biz_opaque_callback_data"] = tag.as_str().into();
    }
    if word == "failed" {
        status["errors"] = json!([{
            "code": 131_026,
            "title": "Message undeliverable",
            "message": "Message undeliverable",
            "error_data": { "details": "Message Undeliverable." },
        }]);
    }
    status
}

async fn send(control: Arc<Control>, app_secret: String, mut receiver: mpsc::Receiver<Status>) {
    let calls = Arc::new(Semaphore::new(CALLS_MAX));
    let mut under_way = JoinSet::new();
    let mut waiting: Vec<Status> = Vec::new();
    while receiver.recv_many(&mut waiting, BATCH_MAX).await > 0 {
        let delay = control.ask(|dice| dice.behaviour.statuses.delay_ms);
        let Ok(permit) = Arc::clone(&calls).acquire_owned().await else { return };
        let batch = std::mem::take(&mut waiting);
        let (control, app_secret) = (Arc::clone(&control), app_secret.clone());
        while under_way.try_join_next().is_some() {}
        under_way.spawn(async move {
            tokio::time::sleep(Duration::from_millis(delay)).await;
            for (phone_number_id, statuses) in by_number(batch) {
                let mut lists = json!({ "statuses": statuses });
                let contacts = contacts(&statuses);
                if !contacts.is_empty() {
                    lists["contacts"] = contacts.into();
                }
                let notification = webhook::notification(&phone_number_id, &lists);
                let (body, signature) = webhook::signed(&app_secret, &notification);
                // What is given up is counted by the caller.
                let _ = control.caller.post(body, (webhook::SIGNATURE_HEADER, &signature)).await;
            }
            drop(permit);
        });
    }
}

/// The people that statuses are about, each once; nobody where people have no business-scoped ids.
fn contacts(statuses: &[Value]) -> Vec<Value> {
    let mut contacts: Vec<Value> = Vec::new();
    for status in statuses {
        let (phone, user_id) = (&status["recipient_id"], &status["recipient_user_id"]);
        if user_id.is_string() && !contacts.iter().any(|known| known["user_id"] == *user_id) {
            contacts.push(json!({ "wa_id": phone, "user_id": user_id }));
        }
    }
    contacts
}

/// Statuses of one number travel together, in their order.
fn by_number(batch: Vec<Status>) -> Vec<(String, Vec<Value>)> {
    let mut groups: Vec<(String, Vec<Value>)> = Vec::new();
    for Status { phone_number_id, body } in batch {
        match groups.iter_mut().find(|(known, _)| *known == phone_number_id) {
            Some((_, statuses)) => statuses.push(body),
            None => groups.push((phone_number_id, vec![body])),
        }
    }
    groups
}
