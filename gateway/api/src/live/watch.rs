//! One watcher: what happened since the last id it knows, then what happens, as long as it may see it.

use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use axum::http::request::Parts;
use botbuilder_store::system::events::{self, Event, Noted};
use chrono::TimeDelta;
use serde_json::{Value, json};
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::{Instant, Interval, MissedTickBehavior, interval},
};

use super::{
    Place,
    topics::{self, Topic},
};
use crate::{Api, auth::Caller, error::ApiError};

/// How often the watcher's rights are read anew.
const RIGHTS_EVERY: Duration = Duration::from_secs(2);
/// How far before the last id known is read again: numbers are taken before the commit and may appear late. The same
/// event has the same id.
const BACK: TimeDelta = TimeDelta::seconds(5);
/// Batches read at a time for a watcher who comes back.
const PAGE: i64 = 200;

/// What a watcher is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    /// Something happened.
    Event {
        /// Where to go on after it.
        id: String,
        /// What.
        event: Box<Event>,
    },
    /// What happened since the last id is not kept any more: read everything anew.
    Reset,
    /// The watcher may not see this any more.
    Over,
}

impl Told {
    /// As JSON, for sockets.
    pub fn json(&self) -> Value {
        match self {
            Self::Event { id, event } => {
                let mut value = json!(event);
                value["event_id"] = value["id"].take();
                value["id"] = json!(id);
                value
            }
            Self::Reset => json!({ "type": "reset" }),
            Self::Over => json!({ "type": "over" }),
        }
    }
}

/// A watcher.
pub struct Watch {
    api: Api,
    parts: Parts,
    caller: Caller,
    topics: Vec<Topic>,
    receiver: Receiver<Arc<Noted>>,
    ready: VecDeque<Told>,
    /// Batches told from the table, which the feed may bring again.
    told: HashSet<i64>,
    /// Where the reading of what was missed goes on; none when it is done.
    missed: Option<i64>,
    rights: Interval,
    is_over: bool,
    _place: Place,
}

impl Watch {
    /// Watches these topics from now on, or from the last id known.
    pub async fn begin(
        api: &Api,
        parts: Parts,
        caller: Caller,
        topics: Vec<Topic>,
        last: Option<i64>,
    ) -> Result<Self, ApiError> {
        topics::require(&topics, caller.rights())?;
        let place = api.live.enter(&caller)?;
        // First the feed, then the table, so that nothing falls between.
        let receiver = api.live.receiver(&api.store).await?;
        let mut rights = interval(RIGHTS_EVERY);
        rights.set_missed_tick_behavior(MissedTickBehavior::Delay);
        rights.reset_at(Instant::now() + RIGHTS_EVERY);
        Ok(Self {
            api: api.clone(),
            parts,
            caller,
            topics,
            receiver,
            ready: VecDeque::new(),
            told: HashSet::new(),
            missed: last,
            rights,
            is_over: false,
            _place: place,
        })
    }

    /// What is told next; none when the watcher has to go. May be dropped while it waits.
    pub async fn next(&mut self) -> Option<Told> {
        loop {
            if let Some(told) = self.ready.pop_front() {
                return Some(told);
            }
            if self.is_over {
                return None;
            }
            if let Some(last) = self.missed {
                self.catch_up(last).await;
                continue;
            }
            tokio::select! {
                _ = self.rights.tick() => self.look_at_rights().await,
                got = self.receiver.recv() => match got {
                    Ok(noted) => self.take(&noted),
                    // Too slow: it comes back by its last id.
                    Err(RecvError::Lagged(_) | RecvError::Closed) => self.is_over = true,
                },
            }
        }
    }

    async fn catch_up(&mut self, last: i64) {
        let read = async {
            let scope = self.caller.scope;
            let mut tx = self.api.store.begin(&scope).await?;
            let back = if self.told.is_empty() { BACK } else { TimeDelta::zero() };
            let rows = events::after(&mut tx, &scope, last, back, PAGE).await?;
            tx.commit().await?;
            Ok::<_, botbuilder_store::Error>(rows)
        };
        match read.await {
            Ok(Some(rows)) => {
                let rows: Vec<Noted> =
                    rows.into_iter().filter(|row| self.told.insert(row.position)).collect();
                self.missed = rows.last().map(|row| row.position).filter(|next| *next > last);
                for row in rows {
                    self.tell(&row);
                }
            }
            Ok(None) => {
                self.missed = None;
                self.ready.push_back(Told::Reset);
            }
            Err(_) => self.is_over = true,
        }
    }

    fn take(&mut self, noted: &Noted) {
        if noted.org == self.caller.scope.org() && !self.told.remove(&noted.position) {
            self.tell(noted);
        }
    }

    fn tell(&mut self, noted: &Noted) {
        for (index, event) in noted.batch.events.iter().enumerate() {
            if topics::shows(&self.topics, self.caller.rights(), event) {
                let id = format!("{}.{index}", noted.position);
                self.ready.push_back(Told::Event { id, event: Box::new(event.clone()) });
            }
        }
    }

    /// Reads who is watching anew. Whoever has lost the right to a topic goes, and may come back for the others.
    async fn look_at_rights(&mut self) {
        match Caller::as_of_now(&self.parts, &self.api).await {
            // The database is away: what was allowed stays allowed until it is back.
            Err(ApiError::Unavailable) => {}
            Ok(caller)
                if caller.scope.org() == self.caller.scope.org()
                    && topics::require(&self.topics, caller.rights()).is_ok() =>
            {
                self.caller = caller;
            }
            _ => {
                self.is_over = true;
                self.ready.push_back(Told::Over);
            }
        }
    }
}
