//! One message's way out: claim, plan, encode, call, interpret, settle; and again, if the provider says so.

use std::{sync::Arc, time::Duration};

use botbuilder_adapter_kit::{Account, Change, Channel, Downgrade, HttpChannel, Part, SendError, plan};
use botbuilder_domain::{
    Content, Envelope, Failure, MessageId, Outbound, OutboundEvent, Send as SendMessage, Stage, TrailEvent,
};
use botbuilder_service::telemetry::trace;
use botbuilder_store::{
    OrgScope,
    bots::{widget_configs::NewFrame, widget_messages::Shown},
    channels::{
        channel_messages::{Claim, Outcome, Settled},
        channels::{self, Health},
    },
};
use botbuilder_stream::{Record, Stream};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, debug, debug_span, error, warn};

use super::{breaker, failed::Failed, gate::Gate, journal::Journal, provider::ProviderHttp};
use crate::{
    Gateway,
    hub::Frame,
    media::outgoing::{self, Ready},
};

/// What waits for longer is put aside, so that it is not held in memory.
const PATIENCE: TimeDelta = TimeDelta::seconds(5);
/// The pause while accounts cannot be looked up.
const PAUSE: Duration = Duration::from_millis(250);

type Job = Envelope<OutboundEvent>;

/// Sends messages.
pub(super) struct Sender {
    gateway: Gateway,
    http: Arc<ProviderHttp>,
    journal: Journal,
    gate: Arc<Gate>,
}

/// What became of a message in hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    /// Its outcome is written, or there is none to write.
    Done,
    /// It was halted before its outcome was written: the record has to come again.
    Halted,
    /// It is to be taken up again then, and need not be in hand until then.
    Later {
        /// When.
        until: DateTime<Utc>,
        /// Whether it has its turn at the account's rate then.
        scheduled: bool,
    },
}

/// Outcome of all parts of a message, so far.
struct Progress {
    /// The provider's ids of the parts that it took.
    taken: Vec<String>,
    /// A change that the provider asked for and that was made; made once.
    changed: bool,
}

impl Sender {
    pub(super) const fn new(
        gateway: Gateway,
        http: Arc<ProviderHttp>,
        journal: Journal,
        gate: Arc<Gate>,
    ) -> Self {
        Self { gateway, http, journal, gate }
    }

    pub(super) const fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    pub(super) fn stream(&self) -> Arc<dyn Stream> {
        Arc::clone(&self.gateway.stream)
    }

    /// Does what a record says. `scheduled` says that it has waited for its turn at the account's rate.
    pub(super) async fn send(&self, job: &Job, scheduled: bool, halt: &CancellationToken) -> Sent {
        let span = debug_span!("dispatcher.message.send", channel.id = %job.channel);
        trace::adopt(&span, &job.trace);
        self.send_once(job, scheduled, halt).instrument(span).await
    }

    async fn send_once(&self, job: &Job, scheduled: bool, halt: &CancellationToken) -> Sent {
        let channel = self.gateway.channels.channel(job.kind);
        let message = match &job.body.what {
            Outbound::Send(message) => message,
            Outbound::Typing | Outbound::MarkRead { .. } => {
                match channel.http() {
                    Some(http) => self.signal(job, http, halt).await,
                    None => self.gateway.hub.show(job.channel, &job.body),
                }
                return Sent::Done;
            }
        };
        let done = match channel.http() {
            Some(http) => self.to_provider(job, message, channel, http, scheduled, halt).await,
            None => self.to_visitor(job, message).await,
        };
        match done {
            Ok(done) => done,
            Err(refused) => {
                error!(message.id = %message.message, error = %refused, "message goes to the dead letter");
                if self.bury(job, &refused).await { Sent::Done } else { Sent::Halted }
            }
        }
    }

    /// Shows the person that an answer is being written, or that something was seen. Tried once: it is worth nothing
    /// later, and nothing is lost without it.
    async fn signal(&self, job: &Job, http: &dyn HttpChannel, halt: &CancellationToken) {
        let Some(Some(account)) = self.account(job, halt).await else { return };
        let to = &job.body.to;
        let request = match &job.body.what {
            Outbound::Typing => http.encode_typing(&account, to),
            Outbound::MarkRead { provider_id } => http.encode_mark_read(&account, to, provider_id),
            Outbound::Send(_) => Ok(None),
        };
        let sent = match request {
            Ok(Some(request)) => self.http.call(request).await.and_then(|response| http.interpret(&response)),
            Ok(None) => return,
            Err(error) => Err(error),
        };
        if let Err(error) = sent {
            debug!(channel.id = %job.channel, error = %error, "signal was not shown");
        }
    }

    /// The chat on a website: adding the frame to the visitor's history is the sending.
    async fn to_visitor(&self, job: &Job, message: &SendMessage) -> Result<Sent, String> {
        let frame = NewFrame {
            id: MessageId::new(self.gateway.ids.next()),
            channel: job.channel,
            conversation: message.conversation,
            visitor: job.body.to.clone(),
            message: message.message,
            text: message.content.plain_text().map(str::to_owned),
            payload: json!(message.content),
        };
        let now = self.gateway.clock.now();
        let trail = vec![entry(job, message, now, Stage::Accepted, 1)];
        let shown = self.journal.show(job.org, frame, job.channel, trail).await;
        if let Some(Shown { seq, role, mut payload }) = shown.map_err(|error| error.to_string())? {
            self.gateway.media.show(job.org, &mut payload, now);
            self.gateway.hub.push(job.channel, &job.body.to, &Frame { seq, role, payload });
        }
        Ok(Sent::Done)
    }

    async fn to_provider(
        &self,
        job: &Job,
        message: &SendMessage,
        channel: &dyn Channel,
        http: &dyn HttpChannel,
        scheduled: bool,
        halt: &CancellationToken,
    ) -> Result<Sent, String> {
        let mut progress = Progress { taken: Vec::new(), changed: false };
        let mut scheduled = scheduled;
        loop {
            let Some(account) = self.account(job, halt).await else { return Ok(Sent::Halted) };
            let now = self.gateway.clock.now();
            // Asked before the attempt is written down as started: what waits here has not been tried.
            if let Some(account) = &account
                && now <= message.not_after
                && let Some(wait) =
                    self.gate.wait(channel, account, &job.body.to, message.bulk, &mut scheduled)
            {
                let until = later(now, wait).min(message.not_after + TimeDelta::milliseconds(1));
                // Many at once would leave no room in hand for those that they give way to.
                if message.bulk && !scheduled {
                    return Ok(Sent::Later { until, scheduled });
                }
                match self.pause(until, scheduled, halt).await {
                    None => continue,
                    Some(sent) => return Ok(sent),
                }
            }
            let attempt = match self.claim(job, message).await? {
                Claim::Granted { attempt, taken } => {
                    progress.taken = taken;
                    attempt
                }
                Claim::Settled | Claim::Unknown => return Ok(Sent::Done),
                Claim::Uncertain => {
                    let failure = Failure {
                        code: "uncertain".to_owned(),
                        provider_code: None,
                        message: "the program stopped after an attempt was started and before its outcome \
                                  was written"
                            .to_owned(),
                    };
                    warn!(message.id = %message.message, "attempt without an outcome is uncertain");
                    self.settle(
                        job,
                        message,
                        0,
                        Settled::Uncertain(failure),
                        Stage::Uncertain,
                        Map::new(),
                        None,
                    )
                    .await?;
                    return Ok(Sent::Done);
                }
            };
            fail::fail_point!("send.after_claim", |_| std::process::abort());
            let started = self.gateway.clock.now();
            let result = if started > message.not_after {
                Err(Failed::Expired)
            } else {
                match &account {
                    None => Err(Failed::Disconnected),
                    Some(account) => {
                        let sending = Sending { job, message, channel, http, account };
                        self.parts(&sending, &mut progress).await
                    }
                }
            };
            fail::fail_point!("send.after_call", |_| std::process::abort());
            let until = match result {
                Ok(downgrades) => {
                    let sent = Settled::Sent { provider_ids: progress.taken.clone() };
                    let mut detail = Map::new();
                    detail.insert("parts".to_owned(), json!(progress.taken.len()));
                    if !downgrades.is_empty() {
                        detail.insert("downgrades".to_owned(), json!(downgrades));
                    }
                    self.settle(job, message, attempt, sent, Stage::Accepted, detail, Some(started)).await?;
                    fail::fail_point!("send.after_outcome", |_| std::process::abort());
                    return Ok(Sent::Done);
                }
                Err(failed) => {
                    let now = self.gateway.clock.now();
                    let failure = failed.failure();
                    match failed.retry(message.message, attempt) {
                        Some(wait) if now + wait < message.not_after => {
                            let until = later(now + wait, self.gate.retry(job.channel));
                            let retry = Settled::Retry { at: until, failure, taken: progress.taken.clone() };
                            self.settle(
                                job,
                                message,
                                attempt,
                                retry,
                                Stage::Refused,
                                Map::new(),
                                Some(started),
                            )
                            .await?;
                            until
                        }
                        _ => {
                            let stage = failed.stage();
                            let settled = match stage {
                                Stage::Uncertain => Settled::Uncertain(failure),
                                _ => Settled::Failed(failure),
                            };
                            self.settle(job, message, attempt, settled, stage, Map::new(), Some(started))
                                .await?;
                            return Ok(Sent::Done);
                        }
                    }
                }
            };
            scheduled = false;
            if let Some(sent) = self.pause(until, scheduled, halt).await {
                return Ok(sent);
            }
        }
    }

    /// Waits until then. If that is long, or it is halted, it says what becomes of the message instead.
    async fn pause(&self, until: DateTime<Utc>, scheduled: bool, halt: &CancellationToken) -> Option<Sent> {
        let wait = until - self.gateway.clock.now();
        if wait > PATIENCE {
            return Some(Sent::Later { until, scheduled });
        }
        tokio::select! {
            () = halt.cancelled() => Some(Sent::Halted),
            () = tokio::time::sleep(wait.to_std().unwrap_or_default()) => None,
        }
    }

    async fn claim(&self, job: &Job, message: &SendMessage) -> Result<Claim, String> {
        self.journal.claim(job.org, message.message).await.map_err(|error| error.to_string())
    }

    /// The connected account, or none if it is not connected any more. None at the outside: it was halted.
    async fn account(&self, job: &Job, halt: &CancellationToken) -> Option<Option<Arc<Account>>> {
        loop {
            match self.gateway.accounts.by_channel(job.org, job.channel).await {
                Ok(account) => return Some(account),
                Err(error) => {
                    warn!(channel.id = %job.channel, error = %error, "account cannot be looked up");
                    tokio::select! {
                        () = halt.cancelled() => return None,
                        () = tokio::time::sleep(PAUSE) => {}
                    }
                }
            }
        }
    }

    /// Sends the parts that the provider has not taken yet, in order.
    async fn parts(&self, sending: &Sending<'_>, progress: &mut Progress) -> Result<Vec<Downgrade>, Failed> {
        let message = sending.message;
        let ready =
            outgoing::prepare(&self.gateway, &self.http, sending.account, sending.channel, &message.content)
                .await
                .map_err(Failed::Send)?;
        let plan = plan(&ready.content, &sending.channel.capabilities())
            .map_err(|error| Failed::NotPossible(error.to_string()))?;
        for (index, content) in plan.parts.into_iter().enumerate().skip(progress.taken.len()) {
            let mut part = Part {
                message: message.message,
                index,
                to: sending.job.body.to.clone(),
                thread: sending.job.body.thread.clone(),
                content,
                reply_to: message.reply_to.clone(),
            };
            let id = match self.part(sending, &ready, &part).await {
                Err(SendError::RetryChanged { change, code }) if !progress.changed => {
                    debug!(message.id = %message.message, code, "provider wants the message changed");
                    progress.changed = true;
                    match change {
                        Change::Address(address) => part.to = address,
                        Change::WithoutReply => {
                            part.reply_to = None;
                            part.thread.clear();
                        }
                        Change::PlainText => part.content = text_only(part.content),
                        Change::LinkText => part.content = link_text(part.content),
                    }
                    self.part(sending, &ready, &part).await
                }
                done => done,
            };
            if matches!(id, Err(SendError::Permanent { .. })) {
                ready.refused(&self.gateway, sending.account.channel);
            }
            progress.taken.push(id.map_err(Failed::Send)?);
        }
        Ok(plan.downgrades)
    }

    async fn part(&self, sending: &Sending<'_>, ready: &Ready, part: &Part) -> Result<String, SendError> {
        let requests = ready.attach(sending.channel, sending.http.encode(sending.account, part)?);
        let mut id = None;
        for request in requests {
            let answered = self.http.call(request).await;
            let result = answered.and_then(|response| sending.http.interpret(&response));
            if let Some(change) = self.gate.report(sending.account.channel, &result) {
                self.tell_health(sending.job, change, result.as_ref().err()).await;
            }
            id = Some(result?.0);
        }
        id.ok_or_else(|| SendError::Permanent {
            code: "empty".to_owned(),
            message: "the channel has no request for this content".to_owned(),
        })
    }

    /// Shows operators that the account stopped working, or works again.
    async fn tell_health(&self, job: &Job, change: breaker::Change, error: Option<&SendError>) {
        let health = match (change, error) {
            (breaker::Change::Closed, _) => Health::Healthy,
            (
                breaker::Change::Opened,
                Some(SendError::AuthBroken { .. } | SendError::AccountStopped { .. }),
            ) => Health::Down,
            (breaker::Change::Opened, _) => Health::Degraded,
        };
        warn!(channel.id = %job.channel, health = health.as_str(), "health of the account changed");
        let failure = error.map(|error| (error.code(), error.to_string()));
        let (gateway, scope) = (&self.gateway, OrgScope::of_service(job.org));
        let told = async {
            let mut tx = gateway.store.begin(&scope).await?;
            let (channel, now) = (job.channel, gateway.clock.now());
            channels::set_health(&mut tx, &scope, channel, health, failure.as_ref(), now).await?;
            tx.commit().await
        };
        if let Err(error) = told.await {
            warn!(channel.id = %job.channel, error = %error, "health of the account was not written");
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one row of the journal")]
    async fn settle(
        &self,
        job: &Job,
        message: &SendMessage,
        attempt: u32,
        result: Settled,
        stage: Stage,
        detail: Map<String, Value>,
        started: Option<DateTime<Utc>>,
    ) -> Result<(), String> {
        let now = self.gateway.clock.now();
        metrics::counter!("sends_total", "channel" => job.kind.as_str(), "outcome" => stage.as_str())
            .increment(1);
        let mut trail = Vec::new();
        if let Some(started) = started {
            trail.push(entry(job, message, started, Stage::Attempt, attempt));
        }
        let failure = match &result {
            Settled::Sent { .. } => None,
            Settled::Failed(failure) | Settled::Retry { failure, .. } | Settled::Uncertain(failure) => {
                Some(failure)
            }
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
        let outcome = Outcome { id: message.message, channel: job.channel, result, at: now };
        self.journal.settle(job.org, outcome, trail).await.map_err(|error| error.to_string())
    }

    /// Puts a record aside whose outcome the database refuses. Returns whether that is durable.
    async fn bury(&self, job: &Job, reason: &str) -> bool {
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

/// A message on its way to a provider.
struct Sending<'a> {
    job: &'a Job,
    message: &'a SendMessage,
    channel: &'a dyn Channel,
    http: &'a dyn HttpChannel,
    account: &'a Account,
}

/// Options as numbered lines, which a typed number answers; anything else as it is, since texts carry no markup.
fn text_only(content: Content) -> Content {
    match content {
        Content::Choice(choice) => {
            let lines = choice.options.iter().enumerate();
            let lines = lines.map(|(index, option)| format!("{}. {}", index + 1, option.title));
            Content::text([choice.text].into_iter().chain(lines).collect::<Vec<_>>().join("\n"))
        }
        other => link_text(other),
    }
}

/// A file the provider could not fetch, as a text with its address.
fn link_text(content: Content) -> Content {
    match content {
        Content::Media(media) => {
            let lines = [media.caption, media.url];
            Content::text(lines.into_iter().flatten().collect::<Vec<_>>().join("\n"))
        }
        other => other,
    }
}

/// So much later; as late as can be said if that is beyond it.
fn later(now: DateTime<Utc>, wait: Duration) -> DateTime<Utc> {
    TimeDelta::from_std(wait)
        .ok()
        .and_then(|wait| now.checked_add_signed(wait))
        .unwrap_or(DateTime::<Utc>::MAX_UTC)
}

fn micros(span: TimeDelta) -> Option<u64> {
    span.num_microseconds().and_then(|micros| u64::try_from(micros).ok())
}

fn entry(job: &Job, message: &SendMessage, at: DateTime<Utc>, stage: Stage, attempt: u32) -> TrailEvent {
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
