//! One message's way out: claim, plan, encode, call, interpret, settle; and again, if the provider says so.

use std::{sync::Arc, time::Duration};

use axum::http::{Method, header};
use botbuilder_adapter_kit::{
    Account, Change, Channel, Downgrade, HttpChannel, Part, ProviderRequest, ProviderResponse, RequestBody,
    SendError, plan,
};
use botbuilder_domain::{
    Content, Envelope, Failure, MessageId, Outbound, OutboundEvent, Send as SendMessage, Stage, TrailEvent,
};
use botbuilder_service::{http, telemetry::trace};
use botbuilder_store::{
    bots::widget_configs::NewFrame,
    channels::channel_messages::{Claim, Outcome, Settled},
};
use botbuilder_stream::{Record, Stream};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, debug, debug_span, error, warn};

use super::journal::Journal;
use crate::{Gateway, hub::Frame};

/// The first delay before a retry (`channels.md` 5.2).
const BASE: Duration = Duration::from_secs(1);
/// The longest delay at first.
const CAP: Duration = Duration::from_mins(1);
/// The longest delay after many attempts.
const LATE_CAP: Duration = Duration::from_mins(15);
/// After so many attempts the longest delay rises.
const MANY: u32 = 8;
/// The pause while accounts cannot be looked up.
const PAUSE: Duration = Duration::from_millis(250);

type Job = Envelope<OutboundEvent>;

/// Sends messages.
pub(super) struct Sender {
    gateway: Gateway,
    http: Arc<ProviderHttp>,
    journal: Journal,
}

/// Outcome of all parts of a message, so far.
struct Progress {
    /// The provider's ids of the parts that it took.
    taken: Vec<String>,
    /// A change that the provider asked for and that was made; made once.
    changed: bool,
}

impl Sender {
    pub(super) const fn new(gateway: Gateway, http: Arc<ProviderHttp>, journal: Journal) -> Self {
        Self { gateway, http, journal }
    }

    pub(super) fn stream(&self) -> Arc<dyn Stream> {
        Arc::clone(&self.gateway.stream)
    }

    /// Does what a record says. Returns false if it was halted before the outcome was written: the record has to come
    /// again then.
    pub(super) async fn send(&self, job: &Job, halt: &CancellationToken) -> bool {
        let span = debug_span!("dispatcher.message.send", channel.id = %job.channel);
        trace::adopt(&span, &job.trace);
        self.send_once(job, halt).instrument(span).await
    }

    async fn send_once(&self, job: &Job, halt: &CancellationToken) -> bool {
        let channel = self.gateway.channels.channel(job.kind);
        let message = match &job.body.what {
            Outbound::Send(message) => message,
            Outbound::Typing | Outbound::MarkRead { .. } => {
                if let Some(http) = channel.http() {
                    self.signal(job, http, halt).await;
                }
                return true;
            }
        };
        let done = match channel.http() {
            Some(http) => self.to_provider(job, message, channel, http, halt).await,
            None => self.to_visitor(job, message).await,
        };
        match done {
            Ok(done) => done,
            Err(refused) => {
                error!(message.id = %message.message, error = %refused, "message goes to the dead letter");
                self.bury(job, &refused).await
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
    async fn to_visitor(&self, job: &Job, message: &SendMessage) -> Result<bool, String> {
        let frame = NewFrame {
            id: MessageId::new(self.gateway.ids.next()),
            channel: job.channel,
            conversation: message.conversation,
            visitor: job.body.to.clone(),
            message: message.message,
            text: message.content.plain_text().map(str::to_owned),
            payload: json!(message.content),
        };
        let payload = frame.payload.clone();
        let now = self.gateway.clock.now();
        let trail = vec![entry(job, message, now, Stage::Accepted, 1)];
        let shown = self.journal.show(job.org, frame, job.channel, trail).await;
        if let Some(seq) = shown.map_err(|error| error.to_string())? {
            self.gateway.hub.push(job.channel, &job.body.to, &Frame { seq, payload });
        }
        Ok(true)
    }

    async fn to_provider(
        &self,
        job: &Job,
        message: &SendMessage,
        channel: &dyn Channel,
        http: &dyn HttpChannel,
        halt: &CancellationToken,
    ) -> Result<bool, String> {
        let mut progress = Progress { taken: Vec::new(), changed: false };
        loop {
            let attempt = match self.claim(job, message).await? {
                Claim::Granted { attempt } => attempt,
                Claim::Settled | Claim::Unknown => return Ok(true),
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
                    return Ok(true);
                }
            };
            fail::fail_point!("send.after_claim", |_| std::process::abort());
            let Some(account) = self.account(job, halt).await else { return Ok(false) };
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
            let wait = match result {
                Ok(downgrades) => {
                    let sent = Settled::Sent { provider_ids: progress.taken.clone() };
                    let mut detail = Map::new();
                    detail.insert("parts".to_owned(), json!(progress.taken.len()));
                    if !downgrades.is_empty() {
                        detail.insert("downgrades".to_owned(), json!(downgrades));
                    }
                    self.settle(job, message, attempt, sent, Stage::Accepted, detail, Some(started)).await?;
                    fail::fail_point!("send.after_outcome", |_| std::process::abort());
                    return Ok(true);
                }
                Err(failed) => {
                    let now = self.gateway.clock.now();
                    let failure = failed.failure();
                    match failed.retry(message.message, attempt) {
                        Some(wait) if now + wait < message.not_after => {
                            let retry = Settled::Retry { at: now + wait, failure };
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
                            wait
                        }
                        _ => {
                            let stage = failed.stage();
                            let settled = match stage {
                                Stage::Uncertain => Settled::Uncertain(failure),
                                _ => Settled::Failed(failure),
                            };
                            self.settle(job, message, attempt, settled, stage, Map::new(), Some(started))
                                .await?;
                            return Ok(true);
                        }
                    }
                }
            };
            tokio::select! {
                () = halt.cancelled() => return Ok(false),
                () = tokio::time::sleep(wait.to_std().unwrap_or(BASE)) => {}
            }
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
        let plan = plan(&message.content, &sending.channel.capabilities())
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
            let id = match self.part(sending, &part).await {
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
                    self.part(sending, &part).await
                }
                done => done,
            };
            progress.taken.push(id.map_err(Failed::Send)?);
        }
        Ok(plan.downgrades)
    }

    async fn part(&self, sending: &Sending<'_>, part: &Part) -> Result<String, SendError> {
        let requests = sending.http.encode(sending.account, part)?;
        let mut id = None;
        for request in requests {
            let response = self.http.call(request).await?;
            id = Some(sending.http.interpret(&response)?.0);
        }
        id.ok_or_else(|| SendError::Permanent {
            code: "empty".to_owned(),
            message: "the channel has no request for this content".to_owned(),
        })
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

/// Why a message was not sent.
enum Failed {
    Send(SendError),
    NotPossible(String),
    Disconnected,
    Expired,
}

impl Failed {
    fn failure(&self) -> Failure {
        let (code, provider_code, message) = match self {
            Self::Send(error) => (error.code(), error.provider_code().map(str::to_owned), error.to_string()),
            Self::NotPossible(reason) => ("not_possible", None, reason.clone()),
            Self::Disconnected => ("channel_disconnected", None, "the channel is not connected".to_owned()),
            Self::Expired => ("expired", None, "its time had passed before it could be sent".to_owned()),
        };
        Failure { code: code.to_owned(), provider_code, message }
    }

    const fn stage(&self) -> Stage {
        match self {
            Self::Send(SendError::Uncertain { .. }) => Stage::Uncertain,
            Self::Expired => Stage::Expired,
            Self::Send(_) | Self::NotPossible(_) | Self::Disconnected => Stage::Refused,
        }
    }

    /// How long to wait before the next attempt, if there is to be one.
    fn retry(&self, message: MessageId, attempt: u32) -> Option<TimeDelta> {
        let wait = match self {
            Self::Send(SendError::RetryAfter { after: Some(after), .. }) => *after,
            Self::Send(error) if error.is_retriable() => backoff(message, attempt),
            _ => return None,
        };
        TimeDelta::from_std(wait).ok()
    }
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

/// Full jitter over an exponential delay. The jitter comes from the message's id, so that it needs no randomness and
/// two messages that failed together do not come back together.
fn backoff(message: MessageId, attempt: u32) -> Duration {
    let cap = if attempt >= MANY { LATE_CAP } else { CAP };
    let most = BASE.saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1))).min(cap);
    let (_, random) = message.uuid().as_u64_pair();
    let mixed = random.rotate_left(attempt.wrapping_mul(7)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let parts_of_1000 = u32::try_from(mixed >> 54).unwrap_or(0).min(1000);
    // Never at once: a provider that just failed is given a moment.
    (most * parts_of_1000 / 1000).max(Duration::from_millis(50))
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

/// Calls providers.
pub struct ProviderHttp {
    client: http::Client,
}

impl ProviderHttp {
    /// Calls through this client.
    pub const fn new(client: http::Client) -> Self {
        Self { client }
    }

    async fn call(&self, request: ProviderRequest) -> Result<ProviderResponse, SendError> {
        let response = self.client.send(prepare(request)?).await.map_err(|error| lost(&error))?;
        let retry_after = response
            .headers
            .get(header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.parse().ok())
            .map(Duration::from_secs);
        Ok(ProviderResponse { status: response.status.as_u16(), retry_after, body: response.body })
    }
}

fn prepare(request: ProviderRequest) -> Result<http::Request, SendError> {
    let refused =
        |error: http::Error| SendError::Permanent { code: "request".to_owned(), message: error.to_string() };
    let method = Method::from_bytes(request.method.as_bytes())
        .map_err(|error| SendError::Permanent { code: "request".to_owned(), message: error.to_string() })?;
    let mut call = http::Request::new(method, request.url.expose()).map_err(refused)?;
    if let Some(token) = &request.bearer {
        call = call.bearer(token).map_err(refused)?;
    }
    Ok(match request.body {
        RequestBody::Json(body) => call.json(body.to_string()),
        RequestBody::Empty => call,
    })
}

/// What a call without an answer means. What cannot have arrived may be tried again; of the rest nobody knows.
fn lost(error: &http::Error) -> SendError {
    if error.may_have_arrived() {
        return SendError::Uncertain { message: error.to_string() };
    }
    match error {
        http::Error::Connect(_) => {
            SendError::Transient { code: "connect".to_owned(), message: error.to_string() }
        }
        _ => SendError::Permanent { code: "request".to_owned(), message: error.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn delays_grow_and_stay_below_their_cap() {
        for id in 0..1000_u128 {
            let message = MessageId::new(Uuid::from_u128(id.wrapping_mul(0x1234_5678_9ABC_DEF1)));
            for attempt in 1..20 {
                let wait = backoff(message, attempt);
                let cap = if attempt >= MANY { LATE_CAP } else { CAP };
                assert!(wait >= Duration::from_millis(50) && wait <= cap, "{wait:?}");
                if attempt == 1 {
                    assert!(wait <= BASE);
                }
            }
        }
    }
}
