//! The dispatcher's writes, many at a time: *attempt started* before a request, the outcome after it, and the frames
//! of the website's chat, whose sending is their writing.

use std::{sync::Arc, time::Duration};

use botbuilder_domain::{ChannelId, Ids, MessageId, OrgId, TrailEvent};
use botbuilder_store::{
    Error, OrgScope,
    bots::{
        widget_configs::{self, NewFrame},
        widget_messages::Shown,
    },
    channels::channel_messages::{self, Claim, Outcome, Settled},
    system::{
        dedupe_keys,
        events::{self, Batch, Event, Used},
        message_events,
    },
};
use chrono::{DateTime, Utc};
use serde_json::json;
use tokio::{
    sync::{Mutex, mpsc, oneshot},
    task::JoinSet,
};
use tracing::{error, warn};

use crate::Gateway;

/// Most writes of one transaction.
const BATCH: usize = 512;
/// Writers at once: while one waits for the disk another collects.
const WRITERS: usize = 2;
/// Most writes that wait. Beyond it senders wait in turn.
const QUEUE: usize = 4096;
/// The pause while the database is not available.
const PAUSE: Duration = Duration::from_millis(250);

/// What is to be written.
#[derive(Clone)]
enum Entry {
    Claim(MessageId),
    Settle { outcome: Outcome, trail: Vec<TrailEvent> },
    Show { frame: NewFrame, channel: ChannelId, trail: Vec<TrailEvent> },
}

/// What became of it.
enum Answer {
    Claimed(Claim),
    Settled,
    Shown(Option<Shown>),
}

struct Request {
    org: OrgId,
    entry: Entry,
    answer: oneshot::Sender<Result<Answer, Refused>>,
}

/// The database refuses the write: a defect, or a row that is gone.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub(super) struct Refused(String);

/// A handle to the journal.
#[derive(Clone)]
pub(super) struct Journal {
    requests: mpsc::Sender<Request>,
}

/// Starts the writers. They end when the last handle is dropped.
pub(super) fn start(gateway: &Gateway) -> (Journal, JoinSet<()>) {
    let (requests, receiver) = mpsc::channel(QUEUE);
    let receiver = Arc::new(Mutex::new(receiver));
    let mut writers = JoinSet::new();
    for _ in 0..WRITERS {
        writers.spawn(write_until_closed(gateway.clone(), Arc::clone(&receiver)));
    }
    (Journal { requests }, writers)
}

impl Journal {
    /// Asks for the right to send a message.
    pub(super) async fn claim(&self, org: OrgId, message: MessageId) -> Result<Claim, Refused> {
        match self.ask(org, Entry::Claim(message)).await? {
            Answer::Claimed(claim) => Ok(claim),
            Answer::Settled | Answer::Shown(_) => Err(Refused("journal answered another question".into())),
        }
    }

    /// Writes how an attempt ended. Durable when it resolves.
    pub(super) async fn settle(
        &self,
        org: OrgId,
        outcome: Outcome,
        trail: Vec<TrailEvent>,
    ) -> Result<(), Refused> {
        self.ask(org, Entry::Settle { outcome, trail }).await.map(|_| ())
    }

    /// Adds a frame to a visitor's history and its message's state, in one. None if it was there.
    pub(super) async fn show(
        &self,
        org: OrgId,
        frame: NewFrame,
        channel: ChannelId,
        trail: Vec<TrailEvent>,
    ) -> Result<Option<Shown>, Refused> {
        match self.ask(org, Entry::Show { frame, channel, trail }).await? {
            Answer::Shown(shown) => Ok(shown),
            Answer::Claimed(_) | Answer::Settled => Err(Refused("journal answered another question".into())),
        }
    }

    async fn ask(&self, org: OrgId, entry: Entry) -> Result<Answer, Refused> {
        let closed = || Refused("journal is closed".into());
        let (answer, answered) = oneshot::channel();
        self.requests.send(Request { org, entry, answer }).await.map_err(|_| closed())?;
        answered.await.map_err(|_| closed())?
    }
}

async fn write_until_closed(gateway: Gateway, requests: Arc<Mutex<mpsc::Receiver<Request>>>) {
    loop {
        let mut batch = Vec::new();
        let taken = requests.lock().await.recv_many(&mut batch, BATCH).await;
        if taken == 0 {
            return;
        }
        let mut by_org: Vec<(OrgId, Vec<Request>)> = Vec::new();
        for request in batch {
            match by_org.iter_mut().find(|(org, _)| *org == request.org) {
                Some((_, requests)) => requests.push(request),
                None => by_org.push((request.org, vec![request])),
            }
        }
        for (org, requests) in by_org {
            write_all(&gateway, org, requests).await;
        }
    }
}

/// Writes an organization's entries: together, or one by one if together is refused. Waits for the database as long
/// as it takes: an outcome that is known must be written.
async fn write_all(gateway: &Gateway, org: OrgId, requests: Vec<Request>) {
    let scope = OrgScope::of_service(org);
    let entries: Vec<Entry> = requests.iter().map(|request| request.entry.clone()).collect();
    match persist(gateway, &scope, &entries).await {
        Ok(answers) => {
            for (request, answer) in requests.into_iter().zip(answers) {
                // Whoever asked may be gone; what was written stands.
                let _ = request.answer.send(Ok(answer));
            }
        }
        Err(_) if requests.len() > 1 => {
            for request in requests {
                Box::pin(write_all(gateway, org, vec![request])).await;
            }
        }
        Err(refused) => {
            error!(error = %refused, "outcome of a send is refused by the database");
            for request in requests {
                let _ = request.answer.send(Err(Refused(refused.to_string())));
            }
        }
    }
}

/// Tries until the database is available.
async fn persist(gateway: &Gateway, scope: &OrgScope, entries: &[Entry]) -> Result<Vec<Answer>, Error> {
    loop {
        match write(gateway, scope, entries).await {
            // Stale: two transactions met on the same rows in opposite order, and this one gave way.
            Err(error) if error.is_passing() || matches!(error, Error::Stale) => {
                warn!(error = %error, "outcomes of sends wait for the database");
                tokio::time::sleep(PAUSE).await;
            }
            done => return done,
        }
    }
}

async fn write(gateway: &Gateway, scope: &OrgScope, entries: &[Entry]) -> Result<Vec<Answer>, Error> {
    let now = gateway.clock.now();
    let mut tx = gateway.store.begin_turn(scope).await?;

    let wanted: Vec<MessageId> = entries
        .iter()
        .filter_map(|entry| match entry {
            Entry::Claim(message) => Some(*message),
            Entry::Show { frame, .. } => Some(frame.message),
            Entry::Settle { .. } => None,
        })
        .collect();
    let mut claims = if wanted.is_empty() {
        Vec::new()
    } else {
        channel_messages::claim_many(&mut tx, scope, &wanted, now).await?
    }
    .into_iter();

    let mut answers = Vec::with_capacity(entries.len());
    let mut outcomes = Vec::new();
    let mut trail: Vec<TrailEvent> = Vec::new();
    for entry in entries {
        match entry {
            Entry::Claim(_) => answers.push(Answer::Claimed(claims.next().unwrap_or(Claim::Unknown))),
            Entry::Settle { outcome, trail: entries } => {
                outcomes.push(outcome.clone());
                trail.extend_from_slice(entries);
                answers.push(Answer::Settled);
            }
            Entry::Show { frame, channel, trail: entries } => {
                let claim = claims.next().unwrap_or(Claim::Unknown);
                let mut shown = None;
                if matches!(claim, Claim::Granted { .. } | Claim::Uncertain) {
                    shown = widget_configs::append_frame(&mut tx, scope, frame).await?;
                    outcomes.push(Outcome {
                        id: frame.message,
                        channel: *channel,
                        result: Settled::Sent { provider_ids: Vec::new() },
                        at: now,
                    });
                    trail.extend_from_slice(entries);
                }
                answers.push(Answer::Shown(shown));
            }
        }
    }
    channel_messages::settle_many(&mut tx, scope, &outcomes).await?;
    let keys: Vec<dedupe_keys::New> = outcomes.iter().flat_map(provider_keys).collect();
    dedupe_keys::take_many(&mut tx, scope, &keys, now).await?;
    message_events::insert_many(&mut tx, scope, &trail, &*gateway.ids).await?;
    let told = told(&outcomes, &*gateway.ids, now);
    events::note(&mut tx, scope, gateway.ids.next(), &told).await?;
    fail::fail_point!("journal.before_outcome", !outcomes.is_empty(), |_| std::process::abort());
    tx.commit().await?;
    Ok(answers)
}

/// What outcomes tell to webhooks, live views and the meter of use.
fn told(outcomes: &[Outcome], ids: &dyn Ids, now: DateTime<Utc>) -> Batch {
    let mut batch = Batch::default();
    let mut sent = 0;
    for outcome in outcomes {
        let (kind, code) = match &outcome.result {
            Settled::Sent { .. } => {
                sent += 1;
                ("message.sent", None)
            }
            Settled::Failed(failure) => ("message.failed", Some(failure.code.as_str())),
            Settled::Retry { .. } | Settled::Uncertain(_) => continue,
        };
        let data = json!({
            "message_id": outcome.id,
            "channel_id": outcome.channel,
            "at": outcome.at,
            "error_code": code,
        });
        batch.events.push(Event { id: ids.next(), kind: kind.to_owned(), at: now, bot_id: None, data });
    }
    if sent > 0 {
        let metric = "message_out".to_owned();
        batch.usage.push(Used { metric, bot_id: None, api_token_id: None, quantity: sent });
    }
    batch
}

/// The keys under which a later report finds the message by the provider's ids.
fn provider_keys(outcome: &Outcome) -> Vec<dedupe_keys::New> {
    match &outcome.result {
        // A part without an id (an answer by a `response_url`) is never spoken of again.
        Settled::Sent { provider_ids } => provider_ids
            .iter()
            .filter(|id| !id.is_empty())
            .map(|id| dedupe_keys::New {
                scope: dedupe_keys::outbound_scope(outcome.channel),
                key: id.clone(),
                message: Some(outcome.id),
            })
            .collect(),
        Settled::Failed(_) | Settled::Retry { .. } | Settled::Uncertain(_) => Vec::new(),
    }
}
