//! Starting and stopping what runs for long.
//!
//! A [`Service`] is one long-lived task. The [`Supervisor`] owns them: it starts them in the order they are given, and
//! stops them in reverse order, each when everything started after it has ended. The first signal asks softly; the
//! second one, or the deadline, ends what is left at once. Nothing here exits the process: [`Supervisor::run`] returns,
//! and an error means that the process should end with a status other than zero.

use std::{panic::AssertUnwindSafe, time::Duration};

use async_trait::async_trait;
use futures_util::FutureExt as _;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
    task::{AbortHandle, JoinError, JoinSet},
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

/// Time to stop softly. A turn may take 30 s but nearly all take less than one; container platforms send SIGKILL after
/// 30 s by default, so 25 s leave five for ending hard. Correctness does not depend on the soft path.
pub const STOP_DEADLINE: Duration = Duration::from_secs(25);

/// A service that ran this long before it failed starts again with the shortest delay.
const SETTLED_AFTER: Duration = Duration::from_mins(1);

/// Why a service ended.
pub type ServiceError = Box<dyn std::error::Error + Send + Sync>;

/// What happens when a service ends before it is told to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnExit {
    /// Everything stops, and the process fails.
    Shutdown,
    /// It is started again.
    Restart(Backoff),
}

/// Delays between restarts: doubled each time from `first` up to `most`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The first delay.
    pub first: Duration,
    /// The longest delay.
    pub most: Duration,
}

impl Backoff {
    /// The delay before the `attempt`-th restart in a row, counted from 0.
    pub fn delay(self, attempt: u32) -> Duration {
        self.first.saturating_mul(2_u32.saturating_pow(attempt)).min(self.most)
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::from_millis(100), most: Duration::from_secs(10) }
    }
}

/// A long-lived task.
#[async_trait]
pub trait Service: Send + 'static {
    /// The name used in logs.
    fn name(&self) -> &'static str;

    /// What happens when `run` returns before it was told to stop.
    fn on_exit(&self) -> OnExit {
        OnExit::Shutdown
    }

    /// Runs until `stop` is cancelled, then finishes what is in hand and returns. May be called again after it has
    /// returned, if [`Service::on_exit`] says so.
    async fn run(&mut self, stop: CancellationToken) -> Result<(), ServiceError>;
}

/// Why [`Supervisor::run`] ended with a failure.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A service ended with an error.
    #[error("{service} failed: {source}")]
    Failed {
        /// Its name.
        service: &'static str,
        /// Why.
        source: ServiceError,
    },
    /// A service returned although nobody told it to.
    #[error("{service} ended by itself")]
    Ended {
        /// Its name.
        service: &'static str,
    },
    /// Services that were still running at the deadline, or at the second signal, and were ended.
    #[error("ended before they had finished: {}", .services.join(", "))]
    Aborted {
        /// Their names.
        services: Vec<&'static str>,
    },
    /// Signals cannot be received.
    #[error("cannot listen for signals: {0}")]
    Signals(std::io::Error),
}

struct Running {
    id: usize,
    name: &'static str,
    stop: CancellationToken,
    abort: AbortHandle,
}

/// Starts services and stops them in reverse order.
pub struct Supervisor {
    deadline: Duration,
    started: usize,
    running: Vec<Running>,
    tasks: JoinSet<Ended>,
    signals: Option<mpsc::Receiver<()>>,
}

/// The number of the service that ended, and how.
type Ended = (usize, Result<(), Failure>);

impl Default for Supervisor {
    fn default() -> Self {
        Self::new()
    }
}

impl Supervisor {
    /// A supervisor without services that gives them [`STOP_DEADLINE`] to stop.
    pub fn new() -> Self {
        Self {
            deadline: STOP_DEADLINE,
            started: 0,
            running: Vec::new(),
            tasks: JoinSet::new(),
            signals: None,
        }
    }

    /// The same with another deadline.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Takes note of SIGINT and SIGTERM from now on instead of from [`Supervisor::run`] on, so that one that comes while
    /// the program is starting ends it in order rather than at once.
    pub fn watching_signals(mut self) -> Result<Self, Failure> {
        self.signals = Some(termination_signals().map_err(Failure::Signals)?);
        Ok(self)
    }

    /// Starts a service. Services that others depend on come first.
    pub fn start(&mut self, service: impl Service) {
        self.start_boxed(Box::new(service));
    }

    /// Starts a boxed service.
    pub fn start_boxed(&mut self, service: Box<dyn Service>) {
        let name = service.name();
        let stop = CancellationToken::new();
        let id = self.started;
        self.started += 1;
        let task = keep_running(service, stop.clone());
        let abort = self.tasks.spawn(async move { (id, task.await) });
        info!(service.name = name, "{name} started");
        self.running.push(Running { id, name, stop, abort });
    }

    /// Waits for SIGINT or SIGTERM, or for a service that ends the process, then stops everything.
    pub async fn run(mut self) -> Result<(), Failure> {
        let signals = match self.signals.take() {
            Some(signals) => signals,
            None => termination_signals().map_err(Failure::Signals)?,
        };
        self.run_until(signals).await
    }

    /// Like [`Supervisor::run`], with signals from a channel: the first asks softly, the second ends hard. A closed
    /// channel brings no more signals.
    pub async fn run_until(mut self, mut signals: mpsc::Receiver<()>) -> Result<(), Failure> {
        let mut first_failure = None;
        let mut signals_open = true;
        while first_failure.is_none() && !self.tasks.is_empty() {
            tokio::select! {
                signal = signals.recv(), if signals_open => match signal {
                    Some(()) => {
                        info!("stopping, a second signal ends at once");
                        break;
                    }
                    None => signals_open = false,
                },
                Some(ended) = self.tasks.join_next() => first_failure = self.note(ended),
            }
        }
        if let Some(failure) = &first_failure {
            error!("stopping because {failure}");
        }
        let aborted = self.stop_all(&mut signals, signals_open, &mut first_failure).await;
        outcome(first_failure, aborted)
    }

    /// Takes a task that has ended off the list and tells whether that is a failure.
    fn note(&mut self, ended: Result<Ended, JoinError>) -> Option<Failure> {
        // Panics are caught inside the task; what is left is a task we aborted ourselves.
        let (id, result) = ended.ok()?;
        self.running.retain(|running| running.id != id);
        result.err()
    }

    /// Stops what was started, in reverse order: for a start that failed half-way.
    pub async fn stop(mut self) -> Result<(), Failure> {
        let (_sender, mut no_signals) = mpsc::channel(1);
        let mut failure = None;
        let aborted = self.stop_all(&mut no_signals, true, &mut failure).await;
        outcome(failure, aborted)
    }

    async fn stop_all(
        &mut self,
        signals: &mut mpsc::Receiver<()>,
        mut signals_open: bool,
        first_failure: &mut Option<Failure>,
    ) -> Vec<&'static str> {
        let deadline = Instant::now() + self.deadline;
        while let Some(last) = self.running.last() {
            let (id, name) = (last.id, last.name);
            last.stop.cancel();
            while self.running.iter().any(|running| running.id == id) {
                tokio::select! {
                    ended = self.tasks.join_next() => match ended {
                        Some(ended) => {
                            if let Some(failure) = self.note(ended) {
                                error!("{failure}");
                                first_failure.get_or_insert(failure);
                            }
                        }
                        None => self.running.clear(),
                    },
                    signal = signals.recv(), if signals_open => match signal {
                        Some(()) => {
                            warn!("second signal, ending at once");
                            return self.abort_all().await;
                        }
                        None => signals_open = false,
                    },
                    () = tokio::time::sleep_until(deadline) => {
                        warn!("not stopped in time, ending at once");
                        return self.abort_all().await;
                    }
                }
            }
            info!(service.name = name, "{name} stopped");
        }
        Vec::new()
    }

    async fn abort_all(&mut self) -> Vec<&'static str> {
        let names = self.running.iter().map(|running| running.name).collect();
        for running in self.running.drain(..) {
            running.abort.abort();
        }
        while self.tasks.join_next().await.is_some() {}
        names
    }
}

fn outcome(failure: Option<Failure>, aborted: Vec<&'static str>) -> Result<(), Failure> {
    match failure {
        Some(failure) => Err(failure),
        None if aborted.is_empty() => Ok(()),
        None => Err(Failure::Aborted { services: aborted }),
    }
}

/// Runs a service under its policy. Returns `Ok` only when it was told to stop and did.
async fn keep_running(mut service: Box<dyn Service>, stop: CancellationToken) -> Result<(), Failure> {
    let name = service.name();
    let mut failures_in_a_row = 0;
    loop {
        let started = Instant::now();
        // A panic is a failure of this service like any other, and must not be lost in a task nobody joins.
        let outcome = AssertUnwindSafe(service.run(stop.clone())).catch_unwind().await;
        let failure = match outcome {
            Ok(Ok(())) if stop.is_cancelled() => return Ok(()),
            Ok(Ok(())) => Failure::Ended { service: name },
            Ok(Err(source)) => Failure::Failed { service: name, source },
            Err(panic) => Failure::Failed { service: name, source: describe(&*panic).into() },
        };
        let OnExit::Restart(backoff) = service.on_exit() else { return Err(failure) };
        if stop.is_cancelled() {
            return Err(failure);
        }
        if started.elapsed() >= SETTLED_AFTER {
            failures_in_a_row = 0;
        }
        let delay = backoff.delay(failures_in_a_row);
        failures_in_a_row = failures_in_a_row.saturating_add(1);
        warn!(service.name = name, delay_ms = delay.as_millis(), "{failure}, starting it again");
        tokio::select! {
            () = tokio::time::sleep(delay) => {}
            () = stop.cancelled() => return Ok(()),
        }
    }
}

fn describe(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panicked: {}", text.unwrap_or("no message"))
}

/// A channel that gets a unit for each SIGINT and SIGTERM from now on.
pub fn termination_signals() -> std::io::Result<mpsc::Receiver<()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let (sender, receiver) = mpsc::channel(2);
    tokio::spawn(async move {
        loop {
            let received = tokio::select! {
                received = interrupt.recv() => received,
                received = terminate.recv() => received,
            };
            // Beyond the second signal there is nothing left to ask for, so a full channel loses nothing.
            if received.is_none() || matches!(sender.try_send(()), Err(mpsc::error::TrySendError::Closed(())))
            {
                return;
            }
        }
    });
    Ok(receiver)
}

#[cfg(test)]
mod tests;
