//! What became of a message, written down: its state, its trail, the health of its account, the dead letter.

use botbuilder_adapter_kit::SendError;
use botbuilder_domain::{Send as SendMessage, Stage, TrailEvent};
use botbuilder_store::{
    Error, OrgScope,
    channels::{
        channel_messages::{Bar, Outcome, Settled},
        channels::{self, Health},
    },
    system::events::{self, Batch, Event},
};
use botbuilder_stream::Record;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};
use tracing::{error, warn};

use super::{
    breaker,
    send::{Job, Sender},
};

/// How an attempt ended, or why there was none.
pub(super) struct Ended {
    /// Its number; 0 where there was none.
    pub(super) attempt: u32,
    /// What becomes of the message.
    pub(super) result: Settled,
    /// What its trail calls it.
    pub(super) stage: Stage,
    /// What its trail says more of it.
    pub(super) detail: Map<String, Value>,
    /// When the attempt was started.
    pub(super) started: Option<DateTime<Utc>>,
    /// What the provider told of the contact.
    pub(super) contact: Option<Bar>,
    /// The provider's further ids of the parts that it took.
    pub(super) further: Vec<String>,
}

impl Ended {
    /// Without an attempt.
    pub(super) fn untried(result: Settled, stage: Stage) -> Self {
        Self {
            attempt: 0,
            result,
            stage,
            detail: Map::new(),
            started: None,
            contact: None,
            further: Vec::new(),
        }
    }
}

impl Sender {
    /// Shows operators that the account stopped working, or works again.
    pub(super) async fn tell_health(&self, job: &Job, change: breaker::Change, error: Option<&SendError>) {
        let health = match (change, error) {
            (breaker::Change::Closed, _) => Health::Healthy,
            (
                breaker::Change::Opened,
                Some(SendError::AuthBroken { .. } | SendError::AccountStopped { .. }),
            ) => Health::Down,
            (breaker::Change::Opened, _) => Health::Degraded,
        };
        let failure = error.map(|error| (error.code(), error.to_string()));
        let (gateway, scope) = (&self.gateway, OrgScope::of_service(job.org));
        let told = async {
            let mut tx = gateway.store.begin(&scope).await?;
            let (channel, now) = (job.channel, gateway.clock.now());
            let changed =
                channels::set_health(&mut tx, &scope, channel, health, failure.as_ref(), now).await?;
            tx.commit().await?;
            Ok::<_, Error>(changed)
        };
        match told.await {
            Ok(true) => {
                warn!(channel.id = %job.channel, health = health.as_str(), "health of the account changed");
            }
            Ok(false) => {}
            Err(error) => {
                warn!(channel.id = %job.channel, error = %error, "health of the account was not written");
            }
        }
    }

    /// Has nothing go out by an account that its provider has stopped, until an operator activates it again: what is sent
    /// all the same may count against it.
    pub(super) async fn stop_account(&self, job: &Job, error: &SendError) -> Result<(), Error> {
        let (gateway, scope, now) = (&self.gateway, OrgScope::of_service(job.org), self.gateway.clock.now());
        let (code, message) = (error.code(), error.to_string());
        let mut tx = gateway.store.begin(&scope).await?;
        if channels::stop(&mut tx, &scope, job.channel, code, &message, now).await? {
            error!(channel.id = %job.channel, error = %error, "account is stopped; nothing goes out by it");
            let event = Event {
                id: gateway.ids.next(),
                kind: "channel.stopped".to_owned(),
                at: now,
                bot_id: job.bot.map(botbuilder_domain::Id::uuid),
                data: json!({ "channel_id": job.channel, "error_code": code, "error_message": message }),
            };
            let batch = Batch { events: vec![event], ..Batch::default() };
            events::note(&mut tx, &scope, gateway.ids.next(), &batch).await?;
        }
        tx.commit().await?;
        gateway.accounts.forget();
        Ok(())
    }

    pub(super) async fn settle(&self, job: &Job, message: &SendMessage, ended: Ended) -> Result<(), String> {
        let Ended { attempt, result, stage, detail, started, contact, further } = ended;
        let now = self.gateway.clock.now();
        metrics::counter!("sends_total", "channel" => job.kind.as_str(), "outcome" => stage.as_str())
            .increment(1);
        let mut trail = Vec::new();
        if let Some(started) = started {
            trail.push(entry(job, message, started, Stage::Attempt, attempt));
        }
        let failure = match &result {
            Settled::Sent { .. } => None,
            Settled::Failed { failure, .. }
            | Settled::Retry { failure, .. }
            | Settled::Uncertain { failure, .. } => Some(failure),
        };
        let mut detail = detail;
        if let Some(downgrades) = detail.remove("downgrades") {
            let mut downgraded = entry(job, message, now, Stage::Downgraded, attempt);
            downgraded.detail.insert("downgrades".to_owned(), downgrades);
            trail.push(downgraded);
        }
        let mut last = entry(job, message, now, stage, attempt);
        last.duration_us = started.and_then(|started| micros(now - started));
        last.detail = detail;
        if let Some(failure) = failure {
            last.provider_code.clone_from(&failure.provider_code);
            last.detail.insert("code".to_owned(), json!(failure.code));
            last.detail.insert("reason".to_owned(), json!(failure.message));
        }
        if let Settled::Retry { at, .. } = &result {
            last.detail.insert("next_attempt_at".to_owned(), json!(at));
        }
        trail.push(last);
        let outcome = Outcome { id: message.message, channel: job.channel, result, contact, at: now };
        let settled = self.journal.settle(job.org, message.bulk, outcome, further, trail).await;
        settled.map_err(|error| error.to_string())
    }

    /// Puts a record aside whose outcome the database refuses. Returns whether that is durable.
    pub(super) async fn bury(&self, job: &Job, reason: &str) -> bool {
        let Ok(payload) = job.encode() else { return false };
        let record = Record {
            key: job.key.as_str().to_owned(),
            payload,
            headers: vec![(botbuilder_stream::REASON.to_owned(), reason.to_owned())],
        };
        match self.gateway.stream.append("outbound.dead", vec![record]).await {
            Ok(_) => true,
            Err(error) => {
                error!(error = %error, "dead letter was not stored");
                false
            }
        }
    }
}

fn micros(span: TimeDelta) -> Option<u64> {
    span.num_microseconds().and_then(|micros| u64::try_from(micros).ok())
}

/// An entry of the trail of a message.
pub(super) fn entry(
    job: &Job,
    message: &SendMessage,
    at: DateTime<Utc>,
    stage: Stage,
    attempt: u32,
) -> TrailEvent {
    TrailEvent {
        org: job.org,
        message: message.message,
        conversation: Some(message.conversation),
        channel: Some(job.channel),
        at,
        stage,
        attempt,
        provider_code: None,
        duration_us: None,
        detail: Map::new(),
        trace_id: job.trace.trace_id().map(str::to_owned),
    }
}
