//! The dispatcher's writes, many at a time: *attempt started* before a request, the outcome after it, and the frames
//! of the website's chat, whose sending is their writing.

use std::{sync::Arc, time::Duration};

use botbuilder_domain::{ChannelId, Ids, OrgId, Stage, TrailEvent};
use botbuilder_store::{
    Error, OrgScope,
    bots::{
        widget_configs::{self, NewFrame},
        widget_messages::Shown,
    },
    channels::channel_messages::{self, Bar, Claim, Outcome, Settled, Wanted},
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

use super::failed::Failed;
use crate::Gateway;

/// Most writes of one transaction.
const BATCH: usize = 512;
/// Writers at once: while one waits for the disk another collects.
const WRITERS: usize = 2;
/// Most writes about broadcasts of one transaction. They have a queue and a writer of their own, so that a reply never
/// waits for hundreds of them, and so that they get no more of the database than one writer asks for.
const BROADCAST_BATCH: usize = 64;
/// Most writes that wait. Beyond it senders wait in turn.
const QUEUE: usize = 4096;
/// The pause while the database is not available.
const PAUSE: Duration = Duration::from_millis(250);

/// What is to be written.
#[derive(Clone)]
enum Entry {
    Claim(Wanted),
    Settle { outcome: Outcome, further: Vec<String>, trail: Vec<TrailEvent> },
    Show { frame: NewFrame, showing: Showing },
}

/// What belongs to a frame of the website's chat.
#[derive(Clone)]
pub(super) struct Showing {
    /// Its channel.
    pub(super) channel: ChannelId,
    /// Whether its message belongs to a campaign.
    pub(super) campaign: bool,
    /// What its message's trail says when it is shown.
    pub(super) accepted: TrailEvent,
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
    replies: mpsc::Sender<Request>,
    broadcasts: mpsc::Sender<Request>,
}

/// Starts the writers. They end when the last handle is dropped.
pub(super) fn start(gateway: &Gateway) -> (Journal, JoinSet<()>) {
    let (replies, receiver) = mpsc::channel(QUEUE);
    let receiver = Arc::new(Mutex::new(receiver));
    let mut writers = JoinSet::new();
    for _ in 0..WRITERS {
        writers.spawn(write_until_closed(gateway.clone(), Arc::clone(&receiver), BATCH));
    }
    let (broadcasts, receiver) = mpsc::channel(QUEUE);
    writers.spawn(write_until_closed(gateway.clone(), Arc::new(Mutex::new(receiver)), BROADCAST_BATCH));
    (Journal { replies, broadcasts }, writers)
}

impl Journal {
    /// Asks for the right to send a message.
    pub(super) async fn claim(&self, org: OrgId, wanted: Wanted) -> Result<Claim, Refused> {
        match self.ask(org, wanted.campaign, Entry::Claim(wanted)).await? {
            Answer::Claimed(claim) => Ok(claim),
            Answer::Settled | Answer::Shown(_) => Err(Refused("journal answered another question".into())),
        }
    }

    /// Writes how an attempt ended, with the provider's further ids of what it took. Durable when it resolves. `campaign`
    /// says whether the message belongs to a broadcast.
    pub(super) async fn settle(
        &self,
        org: OrgId,
        campaign: bool,
        outcome: Outcome,
        further: Vec<String>,
        trail: Vec<TrailEvent>,
    ) -> Result<(), Refused> {
        self.ask(org, campaign, Entry::Settle { outcome, further, trail }).await.map(|_| ())
    }

    /// Adds a frame to a visitor's history and its message's state, in one. None if it was there, or the visitor gets
    /// nothing.
    pub(super) async fn show(
        &self,
        org: OrgId,
        frame: NewFrame,
        showing: Showing,
    ) -> Result<Option<Shown>, Refused> {
        match self.ask(org, showing.campaign, Entry::Show { frame, showing }).await? {
            Answer::Shown(shown) => Ok(shown),
            Answer::Claimed(_) | Answer::Settled => Err(Refused("journal answered another question".into())),
        }
    }

    async fn ask(&self, org: OrgId, campaign: bool, entry: Entry) -> Result<Answer, Refused> {
        let closed = || Refused("journal is closed".into());
        let (answer, answered) = oneshot::channel();
        let requests = if campaign { &self.broadcasts } else { &self.replies };
        requests.send(Request { org, entry, answer }).await.map_err(|_| closed())?;
        answered.await.map_err(|_| closed())?
    }
}

async fn write_until_closed(
    gateway: Gateway,
    requests: Arc<Mutex<mpsc::Receiver<Request>>>,
    at_a_time: usize,
) {
    loop {
        let mut batch = Vec::new();
        let taken = requests.lock().await.recv_many(&mut batch, at_a_time).await;
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
        // Who has little to write waits for nobody who has much.
        by_org.sort_by_key(|(_, requests)| requests.len());
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

    let wanted: Vec<Wanted> = entries
        .iter()
        .filter_map(|entry| match entry {
            Entry::Claim(wanted) => Some(*wanted),
            Entry::Show { frame, showing } => Some(Wanted { id: frame.message, campaign: showing.campaign }),
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
    let mut keys: Vec<dedupe_keys::New> = Vec::new();
    let mut trail: Vec<TrailEvent> = Vec::new();
    for entry in entries {
        match entry {
            Entry::Claim(_) => answers.push(Answer::Claimed(claims.next().unwrap_or(Claim::Unknown))),
            Entry::Settle { outcome, further, trail: entries } => {
                keys.extend(further.iter().map(|id| provider_key(outcome, id)));
                outcomes.push(outcome.clone());
                trail.extend_from_slice(entries);
                answers.push(Answer::Settled);
            }
            Entry::Show { frame, showing } => {
                let mut shown = None;
                let (result, entry) = match claims.next().unwrap_or(Claim::Unknown) {
                    Claim::Granted { .. } | Claim::Uncertain => {
                        shown = widget_configs::append_frame(&mut tx, scope, frame).await?;
                        (Settled::Sent { provider_ids: Vec::new() }, showing.accepted.clone())
                    }
                    Claim::Barred(bar) => not_shown(bar, &showing.accepted),
                    Claim::Settled | Claim::Unknown => {
                        answers.push(Answer::Shown(None));
                        continue;
                    }
                };
                let (id, channel) = (frame.message, showing.channel);
                outcomes.push(Outcome { id, channel, result, contact: None, at: now });
                trail.push(entry);
                answers.push(Answer::Shown(shown));
            }
        }
    }
    channel_messages::settle_many(&mut tx, scope, &outcomes).await?;
    keys.extend(outcomes.iter().flat_map(provider_keys));
    dedupe_keys::take_many(&mut tx, scope, &keys, now).await?;
    message_events::insert_many(&mut tx, scope, &trail, &*gateway.ids).await?;
    let told = told(&outcomes, &*gateway.ids, now);
    events::note(&mut tx, scope, gateway.ids.next(), &told).await?;
    fail::fail_point!("journal.before_outcome", !outcomes.is_empty(), |_| std::process::abort());
    tx.commit().await?;
    for outcome in &outcomes {
        if matches!(outcome.result, Settled::Sent { .. }) {
            gateway.stamps.went_out(scope.org(), outcome.channel, outcome.at);
        }
    }
    Ok(answers)
}

/// What becomes of a frame for a visitor who gets nothing.
fn not_shown(bar: Bar, accepted: &TrailEvent) -> (Settled, TrailEvent) {
    let failed = Failed::Barred(bar);
    let failure = failed.failure();
    let mut entry = TrailEvent { stage: Stage::Refused, attempt: 0, ..accepted.clone() };
    entry.detail.insert("code".to_owned(), json!(failure.code));
    entry.detail.insert("reason".to_owned(), json!(failure.message));
    (Settled::Failed { failure, taken: Vec::new() }, entry)
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
            Settled::Failed { failure, .. } => ("message.failed", Some(failure.code.as_str())),
            Settled::Retry { .. } | Settled::Uncertain { .. } => continue,
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

/// The keys under which a later report finds the message by the provider's ids: of every part that was taken, however the
/// others end. What a network took without naming it has none.
fn provider_keys(outcome: &Outcome) -> impl Iterator<Item = dedupe_keys::New> {
    outcome.result.taken().iter().filter(|id| !id.is_empty()).map(|id| provider_key(outcome, id))
}

fn provider_key(outcome: &Outcome, id: &str) -> dedupe_keys::New {
    dedupe_keys::New {
        scope: dedupe_keys::outbound_scope(outcome.channel),
        key: id.to_owned(),
        message: Some(outcome.id),
    }
}

#[cfg(test)]
mod tests {
    use botbuilder_domain::{Failure, Id, MessageId};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn every_part_that_was_taken_leads_back_to_its_message_however_the_rest_ends() {
        let failure = || Failure { code: "refused".into(), provider_code: None, message: "no".into() };
        let taken = || vec!["p1".to_owned(), String::new(), "p3".to_owned()];
        let at = DateTime::<Utc>::UNIX_EPOCH;
        for result in [
            Settled::Sent { provider_ids: taken() },
            Settled::Failed { failure: failure(), taken: taken() },
            Settled::Retry { at, failure: failure(), taken: taken(), counts: false },
            Settled::Uncertain { failure: failure(), taken: taken() },
        ] {
            let id = MessageId::new(Uuid::from_u128(7));
            let outcome = Outcome { id, channel: Id::new(Uuid::nil()), result, contact: None, at };
            let keys: Vec<_> = provider_keys(&outcome).map(|key| (key.key, key.message)).collect();
            assert_eq!(keys, [("p1".to_owned(), Some(id)), ("p3".to_owned(), Some(id))], "{outcome:?}");
        }
    }
}
