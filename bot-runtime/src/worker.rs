//! One partition of `inbound`: next records, turns, commit, offset.

use std::{collections::VecDeque, panic::AssertUnwindSafe, time::Duration};

use async_trait::async_trait;
use botbuilder_service::lifecycle::{OnExit, Service, ServiceError};
use botbuilder_service::telemetry::trace;
use botbuilder_store::{Error, OrgScope};
use botbuilder_stream::{ConsumeError, Delivered, Partition, Position, dead_letter};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{debug_span, error, info, warn};

use crate::{
    GROUP, INBOUND, Runtime,
    batch::{Job, by_organization, rounds},
    commit::{self, Committed},
    load::load,
    publish::{Of, publish, publish_left},
    turn::{self, Turn},
};

/// The pause after the database or the stream was not available.
const PAUSE: Duration = Duration::from_millis(250);
/// How often one turn is tried alone before its record goes to the dead letter, if the database refuses it.
const TRIES: u32 = 5;

/// The service that takes partitions of `inbound` and gives each to a worker.
pub struct Workers {
    runtime: Runtime,
}

impl Workers {
    /// The workers of this runtime.
    pub const fn new(runtime: Runtime) -> Self {
        Self { runtime }
    }
}

#[async_trait]
impl Service for Workers {
    fn name(&self) -> &'static str {
        "runtime"
    }

    fn on_exit(&self) -> OnExit {
        OnExit::Restart(botbuilder_service::lifecycle::Backoff::default())
    }

    async fn run(&mut self, stop: CancellationToken) -> Result<(), ServiceError> {
        let mut subscription = self.runtime.stream.subscribe(INBOUND, GROUP).await?;
        let mut workers = JoinSet::new();
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                assigned = subscription.assigned() => match assigned? {
                    Some(partition) => {
                        let worker = Worker {
                            runtime: self.runtime.clone(),
                            partition: partition.id(),
                            revoked: partition.revoked(),
                            stop: stop.clone(),
                        };
                        workers.spawn(worker.run(partition));
                    }
                    None => break,
                },
                Some(ended) = workers.join_next() => ended?,
            }
        }
        while workers.join_next().await.is_some() {}
        Ok(())
    }
}

struct Worker {
    runtime: Runtime,
    partition: u32,
    revoked: CancellationToken,
    stop: CancellationToken,
}

impl Worker {
    async fn run(self, mut partition: Box<dyn Partition>) {
        if !self.publish_predecessors().await {
            return;
        }
        info!(partition = self.partition, "took a partition");
        loop {
            let next = tokio::select! {
                () = self.stop.cancelled() => break,
                next = partition.next(self.runtime.options.batch) => next,
            };
            let delivered = match next {
                Ok(delivered) => delivered,
                Err(ConsumeError::Revoked) => break,
                Err(error) => {
                    error!(partition = self.partition, error = %error, "partition cannot be read");
                    if self.pause().await {
                        continue;
                    }
                    break;
                }
            };
            let Some(last) = delivered.last().map(|record| record.position.offset) else { continue };
            if !self.process(delivered).await {
                break;
            }
            fail::fail_point!("turn.before_offset", |_| std::process::abort());
            if let Err(error) = partition.commit(last + 1).await {
                // The records come again and are recognised.
                warn!(partition = self.partition, error = %error, "position could not be stored");
            }
            fail::fail_point!("turn.after_offset", |_| std::process::abort());
        }
        info!(partition = self.partition, "gave a partition back");
    }

    /// Publishes what the partition's last owner had committed and not published. Returns whether it is done.
    async fn publish_predecessors(&self) -> bool {
        let of = Of::Partition { topic: crate::OUTBOUND, partition: self.partition };
        loop {
            let now = self.runtime.clock.now();
            match publish_left(&self.runtime.store, &*self.runtime.stream, of, now, now).await {
                Ok(0) => return true,
                Ok(published) => {
                    info!(partition = self.partition, published, "published what was left");
                    return true;
                }
                Err(error) => {
                    warn!(partition = self.partition, error = %error, "records left unpublished wait");
                    if !self.pause().await {
                        return false;
                    }
                }
            }
        }
    }

    /// Waits a little. Returns false if it is time to go instead.
    async fn pause(&self) -> bool {
        tokio::select! {
            () = self.stop.cancelled() => false,
            () = self.revoked.cancelled() => false,
            () = tokio::time::sleep(PAUSE) => true,
        }
    }

    /// Processes records in order. Returns false if it was stopped before all of them were done.
    async fn process(&self, delivered: Vec<Delivered>) -> bool {
        let mut jobs = Vec::with_capacity(delivered.len());
        for record in &delivered {
            match Job::decode(record) {
                Ok(job) => jobs.push(job),
                Err(error) => {
                    if !self.bury(record, &error.to_string()).await {
                        return false;
                    }
                }
            }
        }
        for round in rounds(jobs) {
            for (org, jobs) in by_organization(round) {
                let scope = OrgScope::of_service(org);
                if !self.turns(&scope, jobs, &delivered).await {
                    return false;
                }
            }
        }
        true
    }

    /// The turns of one organization: together if that works, else one by one. Returns false if it was stopped.
    async fn turns(&self, scope: &OrgScope, jobs: Vec<Job>, delivered: &[Delivered]) -> bool {
        let mut together = jobs.len() > 1;
        let mut waiting: VecDeque<Group> = [Group { jobs, made: false }].into();
        let (mut tries, mut in_order) = (0, true);
        while let Some(group) = waiting.pop_front() {
            match self.attempt(scope, &group.jobs, in_order).await {
                Ok(Done { committed, given_up }) => {
                    fail::fail_point!("turn.after_commit", committed.any(), |_| std::process::abort());
                    tries = 0;
                    let now = self.runtime.clock.now();
                    let (store, stream) = (&self.runtime.store, &*self.runtime.stream);
                    if !publish(store, stream, committed.unpublished, now, &self.stop).await {
                        return false;
                    }
                    for GivenUp { position, reason, channel, event } in given_up {
                        let record = delivered.iter().find(|record| record.position == position);
                        warn!(channel, event, reason, "event goes to the dead letter");
                        if let Some(record) = record
                            && !self.put_aside(record, reason).await
                        {
                            return false;
                        }
                        metrics::counter!("runtime_given_up_total", "channel" => channel, "event" => event)
                            .increment(1);
                    }
                }
                Err(Failed::Before(jobs)) => {
                    waiting.push_front(group);
                    waiting.push_front(Group { jobs, made: true });
                }
                Err(Failed::Later(error)) => {
                    warn!(error = %error, "turns wait for the database");
                    waiting.push_front(group);
                    if !self.pause().await {
                        return false;
                    }
                }
                Err(Failed::Refused(reason) | Failed::Undecided(reason)) if group.made => {
                    // Their own records come when the wait is over.
                    warn!(reason, "messages of several parts are answered after what came later");
                    in_order = false;
                }
                Err(Failed::Refused(_) | Failed::Undecided(_)) if together => {
                    together = false;
                    for job in group.jobs.into_iter().rev() {
                        waiting.push_front(Group { jobs: vec![job], made: false });
                    }
                }
                // Another writer may have been in the way, or a server that is being repaired: not for long.
                Err(Failed::Refused(reason)) if tries + 1 < TRIES => {
                    tries += 1;
                    warn!(reason, tries, "turn is tried again");
                    waiting.push_front(group);
                    if !self.pause().await {
                        return false;
                    }
                }
                Err(Failed::Refused(reason) | Failed::Undecided(reason)) => {
                    tries = 0;
                    for job in group.jobs {
                        let record = delivered.iter().find(|record| record.position == job.position);
                        if let Some(record) = record
                            && !self.bury(record, &reason).await
                        {
                            return false;
                        }
                    }
                }
            }
        }
        true
    }

    /// Decides and commits turns. `in_order` says that messages whose parts are waited for come first.
    async fn attempt(&self, scope: &OrgScope, jobs: &[Job], in_order: bool) -> Result<Done, Failed> {
        let now = self.runtime.clock.now();
        let loaded = load(&self.runtime, scope, jobs).await?;
        if in_order {
            let ids = &*self.runtime.ids;
            let before = jobs.iter().zip(&loaded).filter_map(|(job, loaded)| {
                Some(job.completing(loaded.completed_by(&job.envelope.body)?, ids))
            });
            let before: Vec<Job> = before.collect();
            if !before.is_empty() {
                return Err(Failed::Before(before));
            }
        }
        fail::fail_point!("turn.after_load", |_| std::process::abort());
        let mut turns: Vec<(&Job, Turn)> = Vec::with_capacity(jobs.len());
        for (job, loaded) in jobs.iter().zip(&loaded) {
            let span = debug_span!("runtime.turn.decide", channel.id = %job.envelope.channel);
            trace::adopt(&span, &job.envelope.trace);
            let decided = std::panic::catch_unwind(AssertUnwindSafe(|| {
                let _entered = span.enter();
                turn::decide(job, loaded, &self.runtime.options, &*self.runtime.ids, now)
            }));
            match decided {
                Ok(Ok(turn)) => turns.push((job, turn)),
                Ok(Err(error)) => return Err(Failed::Undecided(error.to_string())),
                Err(_) => return Err(Failed::Undecided("the turn panicked".to_owned())),
            }
        }
        fail::fail_point!("turn.before_commit", |_| std::process::abort());
        let given_up: Vec<GivenUp> = turns.iter().filter_map(|(job, turn)| GivenUp::of(job, turn)).collect();
        let committed = commit::commit(&self.runtime, scope, turns, now).await?;
        Ok(Done { committed, given_up })
    }

    /// Puts a record aside that should not be there. Returns false if it was stopped before that was durable.
    async fn bury(&self, record: &Delivered, reason: &str) -> bool {
        error!(
            partition = record.position.partition,
            offset = record.position.offset,
            reason,
            "record goes to the dead letter"
        );
        self.put_aside(record, reason).await
    }

    /// Puts a record aside with the reason. Returns false if it was stopped before that was durable.
    async fn put_aside(&self, record: &Delivered, reason: &str) -> bool {
        while let Err(error) = dead_letter(&*self.runtime.stream, INBOUND, record, reason).await {
            warn!(error = %error, "dead letter waits for the stream");
            if !self.pause().await {
                return false;
            }
        }
        true
    }
}

/// Turns that are committed.
struct Done {
    /// What is to be published.
    committed: Committed,
    /// Records that were put off for as long as may be.
    given_up: Vec<GivenUp>,
}

/// A record that goes to the dead letter because it was put off for as long as may be.
struct GivenUp {
    position: Position,
    reason: &'static str,
    channel: &'static str,
    event: &'static str,
}

impl GivenUp {
    fn of(job: &Job, turn: &Turn) -> Option<Self> {
        let (channel, event) = (job.envelope.kind.as_str(), job.envelope.body.what.name());
        Some(Self { position: job.position, reason: turn.given_up?, channel, event })
    }
}

/// Jobs whose turns are committed together.
struct Group {
    jobs: Vec<Job>,
    /// Made by ourselves: there are no records of theirs.
    made: bool,
}

/// Why turns were not committed.
enum Failed {
    /// These have to be done first.
    Before(Vec<Job>),
    /// They may be later, unchanged.
    Later(Error),
    /// The database refuses something in them.
    Refused(String),
    /// The turn itself cannot be decided. It is a pure function: the next try would end the same.
    Undecided(String),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        // Stale: another writer was first, and the next try sees what it wrote.
        if error.is_passing() || matches!(error, Error::Stale) {
            Self::Later(error)
        } else {
            Self::Refused(error.to_string())
        }
    }
}

#[cfg(test)]
mod tests;
