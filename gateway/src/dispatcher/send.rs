//! One message's way out: claim, plan, encode, call, interpret, settle; and again, if the provider says so.

use std::{mem, sync::Arc, time::Duration};

use botbuilder_adapter_kit::{
    Account, Channel, HttpChannel, OutsideWindow, Rates, SendError, Show, Told, plan,
};
use botbuilder_domain::{Envelope, Failure, MessageId, Outbound, OutboundEvent, Send as SendMessage, Stage};
use botbuilder_service::telemetry::trace;
use botbuilder_store::{
    Error,
    bots::{widget_configs::NewFrame, widget_messages::Shown},
    channels::channel_messages::{Claim, Settled, Wanted},
};
use botbuilder_stream::Stream;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, debug, debug_span, error, warn};

use super::{
    breaker,
    failed::{Again, Failed, Tried},
    gate::Gate,
    journal::{Journal, Showing},
    moved::Named,
    outcome::{Ended, entry},
    parts::{Changes, Sending},
    provider::ProviderHttp,
    window::{Leave, Way},
};
use crate::{Gateway, accounts::Connected, hub::Frame};

/// What waits for longer is put aside, so that it is not held in memory.
const PATIENCE: TimeDelta = TimeDelta::seconds(5);
/// The pause while accounts cannot be looked up.
const PAUSE: Duration = Duration::from_millis(250);
/// When it is looked again whether anything goes out by an account that waits for an operator.
const LOOK_AGAIN: TimeDelta = TimeDelta::seconds(60);

pub(super) type Job = Envelope<OutboundEvent>;

/// Sends messages.
pub(super) struct Sender {
    pub(super) gateway: Gateway,
    pub(super) http: Arc<ProviderHttp>,
    pub(super) journal: Journal,
    pub(super) gate: Arc<Gate>,
    pub(super) named: Arc<Named>,
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
        /// Whether nothing goes out by its account until then.
        whole_account: bool,
    },
}

/// Outcome of all parts of a message, so far.
pub(super) struct Progress {
    /// The provider's ids of the parts that it took.
    pub(super) taken: Vec<String>,
    /// What the provider wanted otherwise, for all parts.
    pub(super) changes: Changes,
    /// What it told besides.
    pub(super) told: Told,
}

impl Sender {
    pub(super) fn new(gateway: Gateway, http: Arc<ProviderHttp>, journal: Journal, gate: Arc<Gate>) -> Self {
        Self { gateway, http, journal, gate, named: Arc::default() }
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
        let Some(Some(Connected { account, waits: false, .. })) = self.account(job, halt).await else {
            return;
        };
        let to = &job.body.to;
        // Both are shown unless the operator has said otherwise.
        let wanted = |name: &str| account.settings.get(name).and_then(Value::as_bool) != Some(false);
        let requests = match &job.body.what {
            Outbound::Typing if !wanted("typing_indicator") => return,
            Outbound::Typing => http.encode_typing(&account, to).map(Vec::from_iter),
            Outbound::MarkRead { provider_id, typing } => {
                let show = Show { seen: wanted("mark_read"), typing: *typing && wanted("typing_indicator") };
                http.encode_seen(&account, to, provider_id, show)
            }
            Outbound::Send(_) => return,
        };
        let sent = async {
            for request in requests? {
                http.interpret(&self.http.call(request).await?)?;
            }
            Ok::<_, SendError>(())
        };
        if let Err(error) = sent.await {
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
        let accepted = entry(job, message, now, Stage::Accepted, 1);
        let showing = Showing { channel: job.channel, campaign: message.bulk, accepted };
        let shown = self.journal.show(job.org, frame, showing).await;
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
        let mut progress = Progress { taken: Vec::new(), changes: Changes::default(), told: Told::default() };
        let (mut scheduled, mut doubted) = (scheduled, false);
        loop {
            let Some(connected) = self.account(job, halt).await else { return Ok(Sent::Halted) };
            let now = self.gateway.clock.now();
            if connected.as_ref().is_some_and(|connected| connected.waits) && now <= message.not_after {
                let until = (now + LOOK_AGAIN).min(just_after(message));
                return Ok(Sent::Later { until, scheduled: false, whole_account: true });
            }
            let rates = connected
                .as_ref()
                .map_or_else(Rates::default, |connected| rates(channel, connected, &job.body.to));
            let account = connected.map(|connected| connected.account);
            let mut leave = Leave::Now(Box::new(Way::plain(&message.content)));
            if let Some(account) = &account
                && now <= message.not_after
            {
                leave = match self.way(job, message, channel, account, doubted).await {
                    Ok(leave) => leave,
                    Err(error) if error.is_passing() || matches!(error, Error::Stale) => {
                        warn!(message.id = %message.message, error = %error, "message waits for the database");
                        tokio::select! {
                            () = halt.cancelled() => return Ok(Sent::Halted),
                            () = tokio::time::sleep(PAUSE) => continue,
                        }
                    }
                    Err(error) => return Err(error.to_string()),
                };
            }
            let way = match leave {
                Leave::Now(way) => Ok(way),
                Leave::Held => return Ok(Sent::Done),
                Leave::Not(failed) => Err(failed),
            };
            // Asked before the attempt is written down as started: what waits here has not been tried.
            if let Some(account) = &account
                && now <= message.not_after
                && let Ok(way) = &way
                && let Some(wait) = self.gate.wait(
                    &rates,
                    account.channel,
                    &job.body.to,
                    message.bulk,
                    || parts_left(way, channel, &progress),
                    &mut scheduled,
                )
            {
                let until = later(now, wait.time).min(just_after(message));
                // Many at once would leave no room in hand for those that they give way to, and what waits for an account
                // that does not work none for other accounts.
                if wait.aside || message.bulk && !scheduled {
                    return Ok(Sent::Later { until, scheduled, whole_account: wait.aside });
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
                Claim::Barred(bar) => {
                    let failed = Failed::Barred(bar);
                    let result = Settled::Failed { failure: failed.failure(), taken: Vec::new() };
                    self.settle(job, message, Ended::untried(result, failed.stage())).await?;
                    return Ok(Sent::Done);
                }
                Claim::Uncertain => {
                    let failure = Failure {
                        code: "uncertain".to_owned(),
                        provider_code: None,
                        message: "the program stopped after an attempt was started and before its outcome \
                                  was written"
                            .to_owned(),
                    };
                    warn!(message.id = %message.message, "attempt without an outcome is uncertain");
                    let result = Settled::Uncertain { failure, taken: Vec::new() };
                    self.settle(job, message, Ended::untried(result, Stage::Uncertain)).await?;
                    return Ok(Sent::Done);
                }
            };
            fail::fail_point!("send.after_claim", |_| std::process::abort());
            let started = self.gateway.clock.now();
            let result = if started > message.not_after {
                Err(Failed::Expired)
            } else {
                match (&account, way) {
                    (None, _) => Err(Failed::Disconnected),
                    (_, Err(failed)) => Err(failed),
                    (Some(account), Ok(way)) => {
                        let sending = Sending { job, message, way: &way, channel, http, account, rates };
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
                    let (stage, started) = (Stage::Accepted, Some(started));
                    let further = mem::take(&mut progress.told.ids);
                    let ended =
                        Ended { attempt, result: sent, stage, detail, started, contact: None, further };
                    self.settle(job, message, ended).await?;
                    fail::fail_point!("send.after_outcome", |_| std::process::abort());
                    if let (Some(account), Some(to)) = (&account, progress.changes.address()) {
                        self.tell_moved(account, job, to).await;
                    }
                    if let Some(account) = &account {
                        self.tell_named(account, job, &progress.told.addresses).await;
                    }
                    return Ok(Sent::Done);
                }
                Err(failed) => {
                    if let Failed::Send(error @ SendError::AccountStopped { .. }) = &failed
                        && let Err(error) = self.stop_account(job, error).await
                    {
                        // The next message finds it out again, after the pause of the breaker.
                        warn!(channel.id = %job.channel, error = %error, "stopped account was not written down");
                    }
                    let now = self.gateway.clock.now();
                    let failure = failed.failure();
                    let (contact, started) = (failed.of_contact(), Some(started));
                    let (taken, detail) = (progress.taken.clone(), Map::new());
                    let further = mem::take(&mut progress.told.ids);
                    let first_doubt =
                        !doubted && matches!(failed, Failed::Send(SendError::WindowClosed { .. }));
                    doubted |= first_doubt;
                    let rules = &self.gateway.sending;
                    let tried = Tried::new(message.message, attempt, rules, now);
                    // Where something else is done outside the window, that is done at once.
                    let retry = match &account {
                        Some(account) if first_doubt && goes_otherwise(account, channel, message) => {
                            Some(Again { wait: Duration::ZERO, counts: true })
                        }
                        _ => failed.retry(tried, rules, |alone| {
                            self.gate.slow_down(job.channel, alone.then_some(job.body.to.as_str()))
                        }),
                    };
                    match retry {
                        Some(Again { wait, counts }) if later(now, wait) < message.not_after => {
                            if let Failed::Send(error) = &failed
                                && (counts && tried.late && error.is_retriable())
                            {
                                self.gate.doubt(job.channel);
                                self.tell_health(job, breaker::Change::Opened, Some(error)).await;
                            }
                            let more = if counts { self.gate.retry(job.channel) } else { Duration::ZERO };
                            let until = later(now, wait.saturating_add(more));
                            let result = Settled::Retry { at: until, failure, taken, counts };
                            let stage = Stage::Refused;
                            let ended = Ended { attempt, result, stage, detail, started, contact, further };
                            self.settle(job, message, ended).await?;
                            until
                        }
                        _ => {
                            let stage = failed.stage();
                            let result = match stage {
                                Stage::Uncertain => Settled::Uncertain { failure, taken },
                                _ => Settled::Failed { failure, taken },
                            };
                            let ended = Ended { attempt, result, stage, detail, started, contact, further };
                            self.settle(job, message, ended).await?;
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

    /// Puts a message away on which the program fails.
    pub(super) async fn give_up(&self, job: &Job) -> Sent {
        let Outbound::Send(message) = &job.body.what else { return Sent::Done };
        error!(message.id = %message.message, "message goes to the dead letter: the program fails on it");
        let failed = Failed::Panicked;
        let failure = failed.failure();
        if !self.bury(job, &failure.message).await {
            return Sent::Halted;
        }
        let result = Settled::Failed { failure, taken: Vec::new() };
        if let Err(refused) = self.settle(job, message, Ended::untried(result, failed.stage())).await {
            error!(message.id = %message.message, error = %refused, "failure of a message was not written down");
        }
        Sent::Done
    }

    /// Waits until then. If that is long, or it is halted, it says what becomes of the message instead.
    async fn pause(&self, until: DateTime<Utc>, scheduled: bool, halt: &CancellationToken) -> Option<Sent> {
        let wait = until - self.gateway.clock.now();
        if wait > PATIENCE {
            return Some(Sent::Later { until, scheduled, whole_account: false });
        }
        tokio::select! {
            () = halt.cancelled() => Some(Sent::Halted),
            () = tokio::time::sleep(wait.to_std().unwrap_or_default()) => None,
        }
    }

    async fn claim(&self, job: &Job, message: &SendMessage) -> Result<Claim, String> {
        let wanted = Wanted { id: message.message, campaign: message.bulk };
        self.journal.claim(job.org, wanted).await.map_err(|error| error.to_string())
    }

    /// The connected account, or none if it is not connected any more. None at the outside: it was halted.
    async fn account(&self, job: &Job, halt: &CancellationToken) -> Option<Option<Connected>> {
        loop {
            match self.gateway.accounts.connected(job.org, job.channel).await {
                Ok(connected) => return Some(connected),
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
}

/// How many parts of a message are still to be sent. What cannot be planned is refused after its turn.
fn parts_left(way: &Way, channel: &dyn Channel, progress: &Progress) -> usize {
    let planned = plan(&way.content, &channel.capabilities()).map_or(1, |plan| plan.parts.len());
    planned.saturating_sub(progress.taken.len()).max(1)
}

/// The rates at which an account sends: its network's, as its settings change them, and no more than operators allow.
fn rates(channel: &dyn Channel, connected: &Connected, recipient: &str) -> Rates {
    let rates = channel.rates_for(recipient).with_settings(&connected.account.settings);
    connected.rate_per_second.map_or(rates, |per_second| rates.at_most(per_second))
}

/// The instant at which a message is found to be expired.
fn just_after(message: &SendMessage) -> DateTime<Utc> {
    message.not_after + TimeDelta::milliseconds(1)
}

/// Whether a message outside the window is not simply refused: by the channel's settings, or because the network gives
/// persons more time.
fn goes_otherwise(account: &Account, channel: &dyn Channel, message: &SendMessage) -> bool {
    message.by_person && channel.capabilities().person_window_hours.is_some()
        || !matches!(OutsideWindow::of(&account.settings), Ok(OutsideWindow::Refuse) | Err(_))
}

/// So much later; as late as can be said if that is beyond it.
fn later(now: DateTime<Utc>, wait: Duration) -> DateTime<Utc> {
    TimeDelta::from_std(wait)
        .ok()
        .and_then(|wait| now.checked_add_signed(wait))
        .unwrap_or(DateTime::<Utc>::MAX_UTC)
}
