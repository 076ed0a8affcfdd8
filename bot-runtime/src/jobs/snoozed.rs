//! Ends the rest of conversations that were put aside until an instant.

use std::{collections::HashMap, time::Duration};

use async_trait::async_trait;
use botbuilder_domain::{BotId, ConversationId, OrgId};
use botbuilder_service::lifecycle::{Backoff, OnExit, Service, ServiceError};
use botbuilder_store::{
    Error, OrgScope,
    channels::snoozes,
    system::events::{self, Batch, Event},
};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::Runtime;

/// How often it is looked.
const EVERY: Duration = Duration::from_secs(5);
/// Most conversations of one look.
const AT_A_TIME: i64 = 500;

/// The job.
pub struct Snoozed {
    runtime: Runtime,
}

impl Snoozed {
    /// The job over this database.
    pub const fn new(runtime: Runtime) -> Self {
        Self { runtime }
    }

    /// Wakes what is due, and tells live views and webhooks of it. The answer is how many woke.
    async fn wake(&self) -> Result<usize, Error> {
        let (runtime, now) = (&self.runtime, self.runtime.clock.now());
        let mut tx = runtime.store.begin_worker().await?;
        let due = snoozes::due(&mut tx, now, AT_A_TIME).await?;
        tx.commit().await?;
        let mut by_org: HashMap<OrgId, Vec<ConversationId>> = HashMap::new();
        for (org, conversation) in due {
            by_org.entry(org).or_default().push(conversation);
        }
        let mut woken = 0;
        for (org, due) in by_org {
            let scope = OrgScope::of_service(org);
            let mut tx = runtime.store.begin(&scope).await?;
            let awake = snoozes::wake(&mut tx, &scope, &due, now).await?;
            woken += awake.len();
            let told = awake.iter().map(|awake| Event {
                id: runtime.ids.next(),
                kind: "conversation.reopened".to_owned(),
                at: now,
                bot_id: awake.bot.map(BotId::uuid),
                data: json!({
                    "action": "conversations.reopened",
                    "resource_type": "conversations",
                    "resource_id": awake.id,
                    "fields": ["status", "snoozed_until"],
                    "user_id": null,
                }),
            });
            let batch = Batch { events: told.collect(), ..Batch::default() };
            events::note(&mut tx, &scope, runtime.ids.next(), &batch).await?;
            tx.commit().await?;
        }
        Ok(woken)
    }
}

#[async_trait]
impl Service for Snoozed {
    fn name(&self) -> &'static str {
        "snoozed conversations"
    }

    fn on_exit(&self) -> OnExit {
        OnExit::Restart(Backoff::default())
    }

    async fn run(&mut self, stop: CancellationToken) -> Result<(), ServiceError> {
        loop {
            match self.wake().await {
                Ok(0) => {}
                Ok(woken) => info!(woken, "conversations rest no more"),
                Err(error) => warn!(error = %error, "conversations that rest wait for the database"),
            }
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }
}
