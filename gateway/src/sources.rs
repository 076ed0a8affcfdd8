//! Accounts whose events are fetched: Telegram by long polling, Slack by Socket Mode.
//!
//! An account asks for it with the setting `polling`. Of all processes one runs it, the one that has its lease; when that
//! one stops or dies, another takes it over within seconds. What comes takes the way of a callback: it is durable in the
//! stream before the provider is told that we have it. [`poll`] and [`socket`] are the two ways of fetching.

mod account;
mod poll;
mod socket;

use std::{collections::HashMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use botbuilder_domain::ChannelId;
use botbuilder_service::lifecycle::{Backoff, OnExit, Service, ServiceError};
use botbuilder_store::{
    channels::channels::{self, Fetched},
    leases::Leases,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::{Gateway, dispatcher::ProviderHttp};

/// How often it is looked which accounts are to be run.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Most accounts of one installation that are fetched.
const MOST: i64 = 10_000;

/// The service that runs the accounts whose lease this process has.
pub struct Sources {
    gateway: Gateway,
    http: Arc<ProviderHttp>,
    running: HashMap<ChannelId, Running>,
}

/// An account that this process runs.
struct Running {
    stamp: String,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    async fn end(self) {
        self.stop.cancel();
        // It ends with the question or frame in hand; a panic in it has been reported.
        let _ = self.task.await;
    }
}

/// Dropping it must not leave tasks behind that believe they have a lease.
impl Drop for Sources {
    fn drop(&mut self) {
        for running in self.running.values() {
            running.task.abort();
        }
    }
}

impl Sources {
    /// The accounts of this gateway, fetched through this client.
    pub fn new(gateway: Gateway, http: ProviderHttp) -> Self {
        Self { gateway, http: Arc::new(http), running: HashMap::new() }
    }

    async fn end_all(&mut self) {
        for running in self.running.values() {
            running.stop.cancel();
        }
        for (_, running) in self.running.drain() {
            running.end().await;
        }
    }

    /// Starts what is wanted and has no owner, and ends what is not wanted any more or was changed.
    async fn look(&mut self, leases: &mut Leases) -> Result<(), ServiceError> {
        leases.hold().await?;
        let mut tx = self.gateway.store.begin_worker().await?;
        let wanted = channels::fetched(&mut tx, MOST).await?;
        tx.commit().await?;

        let over: Vec<ChannelId> = self
            .running
            .iter()
            .filter(|(id, running)| {
                let unchanged = |one: &Fetched| one.id == **id && one.stamp == running.stamp;
                running.task.is_finished() || !wanted.iter().any(unchanged)
            })
            .map(|(id, _)| *id)
            .collect();
        for id in over {
            if let Some(running) = self.running.remove(&id) {
                running.end().await;
                leases.give_back(&lease(id)).await?;
                info!(channel.id = %id, "account is not fetched here any more");
            }
        }
        for one in wanted {
            if self.running.contains_key(&one.id) || !leases.take(&lease(one.id)).await? {
                continue;
            }
            info!(channel.id = %one.id, "account is fetched here");
            let (id, stamp, stop) = (one.id, one.stamp.clone(), CancellationToken::new());
            let keeper = account::Keeper::new(self.gateway.clone(), Arc::clone(&self.http), one);
            let task = tokio::spawn(keeper.run(stop.clone()));
            self.running.insert(id, Running { stamp, stop, task });
        }
        metrics::gauge!("sources_running")
            .set(f64::from(u32::try_from(self.running.len()).unwrap_or(u32::MAX)));
        Ok(())
    }
}

fn lease(channel: ChannelId) -> String {
    format!("botbuilder.source.{channel}")
}

#[async_trait]
impl Service for Sources {
    fn name(&self) -> &'static str {
        "sources"
    }

    fn on_exit(&self) -> OnExit {
        OnExit::Restart(Backoff::default())
    }

    async fn run(&mut self, stop: CancellationToken) -> Result<(), ServiceError> {
        let mut leases = self.gateway.store.leases().await?;
        loop {
            if let Err(error) = self.look(&mut leases).await {
                // Without the connection the leases are gone, and another process may have them by now.
                self.end_all().await;
                return Err(error);
            }
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
        self.end_all().await;
        Ok(())
    }
}
