//! Timers: when a conversation's earliest timer is due, a timeout is appended to `inbound`.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use async_trait::async_trait;
use botbuilder_domain::{
    ChannelKind, ConversationId, ConversationKey, Envelope, Id, Inbound, InboundEvent, OrgId, Sender, Times,
    TraceContext, envelope,
};
use botbuilder_service::lifecycle::{Backoff, OnExit, Service, ServiceError};
use botbuilder_store::{
    OrgScope,
    channels::conversations::{self, Due},
};
use botbuilder_stream::Record;
use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{INBOUND, Runtime};

/// How often due timers are looked for.
const EVERY: Duration = Duration::from_millis(250);
/// Timers that are read at a time.
const AT_A_TIME: i64 = 500;
/// Most timers of one look. A timer is due until its turn has been made, so with more of them than turns can follow, the
/// next look finds the rest.
const MOST: usize = 20_000;

/// The service that wakes conversations.
pub struct Timers {
    runtime: Runtime,
    /// What was appended lately; a timeout appended twice is recognised by its key, so this only saves work.
    woken: HashSet<(ConversationId, DateTime<Utc>)>,
}

impl Timers {
    /// Timers over this database and stream.
    pub fn new(runtime: Runtime) -> Self {
        Self { runtime, woken: HashSet::new() }
    }

    async fn wake(&mut self) -> Result<(), ServiceError> {
        let now = self.runtime.clock.now();
        let (mut seen, mut last) = (HashSet::new(), None);
        loop {
            let mut tx = self.runtime.store.begin_worker().await?;
            let due = conversations::due(&mut tx, now, last.as_ref(), AT_A_TIME).await?;
            tx.commit().await?;
            let is_last = i64::try_from(due.len()).is_ok_and(|count| count < AT_A_TIME);
            last = due.last().cloned();
            seen.extend(due.iter().map(|timer| (timer.id, timer.due)));
            self.append(due, now).await?;
            if is_last || seen.len() >= MOST {
                break;
            }
        }
        // What is not due any more has been taken.
        self.woken.retain(|timer| seen.contains(timer));
        Ok(())
    }

    /// Appends a timeout for each that has none yet.
    async fn append(&mut self, due: Vec<Due>, now: DateTime<Utc>) -> Result<(), ServiceError> {
        let mut by_org: HashMap<OrgId, Vec<Due>> = HashMap::new();
        for timer in due {
            if !self.woken.contains(&(timer.id, timer.due)) {
                by_org.entry(timer.org).or_default().push(timer);
            }
        }
        for (org, due) in by_org {
            let scope = OrgScope::of_service(org);
            let ids: Vec<ConversationId> = due.iter().map(|timer| timer.id).collect();
            let mut tx = self.runtime.store.begin(&scope).await?;
            let places = conversations::whereabouts(&mut tx, &scope, &ids).await?;
            tx.commit().await?;
            let mut records = Vec::new();
            for timer in &due {
                let Some(place) = places.iter().find(|place| place.id == timer.id) else { continue };
                let Some(kind) = ChannelKind::parse(&place.kind) else { continue };
                let id = Id::new(self.runtime.ids.next());
                let key = ConversationKey::new(place.channel, &place.address);
                let record = Envelope {
                    schema: envelope::SCHEMA,
                    id,
                    org,
                    bot: place.bot,
                    channel: place.channel,
                    kind,
                    key: key.clone(),
                    times: Times { received: now, verified: now },
                    trace: TraceContext::starting(id),
                    body: InboundEvent {
                        sender: Sender { address: place.address.clone(), ..Sender::default() },
                        thread: place.thread.clone(),
                        dedupe: format!("timeout:{}:{}", timer.id, timer.due.timestamp_micros()),
                        occurred_at: Some(timer.due),
                        what: Inbound::Timeout { conversation: timer.id, due: timer.due },
                    },
                };
                records.push(Record::new(key.as_str(), record.encode()?));
            }
            self.runtime.stream.append(INBOUND, records).await?;
            self.woken.extend(due.iter().map(|timer| (timer.id, timer.due)));
        }
        Ok(())
    }
}

#[async_trait]
impl Service for Timers {
    fn name(&self) -> &'static str {
        "timers"
    }

    fn on_exit(&self) -> OnExit {
        OnExit::Restart(Backoff::default())
    }

    async fn run(&mut self, stop: CancellationToken) -> Result<(), ServiceError> {
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(EVERY) => {}
            }
            if let Err(error) = self.wake().await {
                warn!(error = %error, "due timers wait");
            }
        }
    }
}
