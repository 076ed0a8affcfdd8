//! One account, fetched until it is told to stop: begun again with growing pauses where something is in the way, and its
//! health shown on the channel.

use std::{sync::Arc, time::Duration};

use botbuilder_adapter_kit::{Account, Delivery, Source, Trouble};
use botbuilder_service::lifecycle::Backoff;
use botbuilder_store::{
    OrgScope,
    channels::channels::{self, Fetched, Health},
};
use chrono::{DateTime, Utc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};

use super::{poll, socket};
use crate::{
    Gateway,
    dispatcher::ProviderHttp,
    ingress::{self, Refusal},
};

/// Pauses after something passed wrongly. Others may be waiting for the same account, so a stop is heard at once.
const PAUSES: Backoff = Backoff { first: Duration::from_millis(500), most: Duration::from_secs(30) };
/// The pause after trouble that an operator has to end: what they change begins it anew at once.
const STAYING: Duration = Duration::from_mins(1);
/// What ran this long begins again with the shortest pause.
const SETTLED_AFTER: Duration = Duration::from_mins(1);

/// Keeps one account going.
pub(super) struct Keeper {
    gateway: Gateway,
    http: Arc<ProviderHttp>,
    fetched: Fetched,
}

impl Keeper {
    pub(super) const fn new(gateway: Gateway, http: Arc<ProviderHttp>, fetched: Fetched) -> Self {
        Self { gateway, http, fetched }
    }

    pub(super) async fn run(self, stop: CancellationToken) {
        let mut attempt = 0;
        let mut shown = None;
        while !stop.is_cancelled() {
            let since = Instant::now();
            let Err(trouble) = self.once(&mut shown, &stop).await else { return };
            if since.elapsed() > SETTLED_AFTER {
                attempt = 0;
            }
            warn!(channel.id = %self.fetched.id, code = trouble.code, "account is not fetched: {trouble}");
            metrics::counter!("source_troubles_total", "code" => trouble.code).increment(1);
            self.show(&mut shown, Some(&trouble)).await;
            let usual = if trouble.passes { PAUSES.delay(attempt) } else { STAYING };
            attempt = attempt.saturating_add(1);
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(trouble.after.unwrap_or(usual).max(PAUSES.first)) => {}
            }
        }
    }

    /// Fetches until it is told to stop, or something is in the way.
    async fn once(&self, shown: &mut Option<Shown>, stop: &CancellationToken) -> Result<(), Trouble> {
        let account = self.gateway.accounts.fresh(self.fetched.org, self.fetched.id).await;
        let account = account.map_err(|error| {
            Trouble::passing("unavailable", format!("the account cannot be looked up ({error})"))
        })?;
        // Not connected any more, which whoever started this finds out too.
        let Some(account) = account else { return Ok(()) };
        let run = Run { gateway: &self.gateway, http: &self.http, account: &account, keeper: self };
        match self.gateway.channels.channel(account.kind).source() {
            Some(Source::Poll(channel)) => poll::run(&run, channel, shown, stop).await,
            Some(Source::Socket(channel)) => socket::run(&run, channel, shown, stop).await,
            None => Err(Trouble::staying(
                "not_available",
                "this network's events cannot be fetched",
                "clear the channel's `polling`, and let the provider call back",
            )),
        }
    }

    /// Writes the account's health on the channel, where it is not the one that stands there.
    async fn show(&self, shown: &mut Option<Shown>, trouble: Option<&Trouble>) {
        let now = Shown(trouble.map(|trouble| (trouble.code, trouble.passes)));
        if *shown == Some(now) {
            return;
        }
        let health = match trouble {
            None => Health::Healthy,
            Some(trouble) if trouble.passes => Health::Degraded,
            Some(_) => Health::Down,
        };
        let failure = trouble.map(|trouble| (trouble.code, trouble.to_string()));
        let scope = OrgScope::of_service(self.fetched.org);
        let written = async {
            let mut tx = self.gateway.store.begin(&scope).await?;
            let at = self.gateway.clock.now();
            channels::set_health(&mut tx, &scope, self.fetched.id, health, failure.as_ref(), at).await?;
            tx.commit().await
        };
        match written.await {
            Ok(()) => *shown = Some(now),
            Err(error) => debug!(channel.id = %self.fetched.id, error = %error, "health was not written"),
        }
    }
}

/// What stands on the channel: the trouble's code and whether it passes, or that all is well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shown(Option<(&'static str, bool)>);

/// An account while it is fetched.
pub(super) struct Run<'r> {
    pub(super) gateway: &'r Gateway,
    pub(super) http: &'r ProviderHttp,
    pub(super) account: &'r Arc<Account>,
    keeper: &'r Keeper,
}

impl Run<'_> {
    /// Notes that the provider answers.
    pub(super) async fn is_well(&self, shown: &mut Option<Shown>) {
        self.keeper.show(shown, None).await;
    }

    /// Makes what came durable. An error means that nothing may be confirmed.
    pub(super) async fn keep(
        &self,
        deliveries: Vec<Delivery>,
        received: DateTime<Utc>,
    ) -> Result<(), Trouble> {
        self.keep_for(self.account, deliveries, received).await
    }

    /// The same for another account of the app, whose event came here.
    pub(super) async fn keep_for(
        &self,
        account: &Arc<Account>,
        deliveries: Vec<Delivery>,
        received: DateTime<Utc>,
    ) -> Result<(), Trouble> {
        let kind = account.kind.as_str();
        for Delivery { events, body } in deliveries {
            let count = events.len();
            match ingress::append(self.gateway, account, events, &body, received, received).await {
                Ok(()) => {
                    metrics::counter!("ingress_events_total", "channel" => kind).increment(count as u64);
                }
                // It would be too large the next time too, and hold back everything behind it.
                Err(Refusal::TooLarge) => {
                    error!(channel.id = %account.channel, "something that came is too large, and is left out");
                    metrics::counter!("ingress_refused_total", "reason" => "too_large").increment(1);
                }
                Err(_) => return Err(Trouble::passing("unavailable", "the stream takes nothing")),
            }
        }
        fail::fail_point!("sources.after_append", |_| std::process::abort());
        Ok(())
    }
}
