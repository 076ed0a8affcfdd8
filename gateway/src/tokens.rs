//! Tokens that end are renewed in time: Instagram's live 60 days.

use std::time::Duration;

use async_trait::async_trait;
use botbuilder_adapter_kit::{Renewed, Trouble};
use botbuilder_service::lifecycle::{Backoff, OnExit, Service, ServiceError};
use botbuilder_store::{
    Error, OrgScope,
    channels::{
        channels::{self, Health},
        tokens::{self, Due},
    },
    secret::RootKey,
    tenancy::organizations,
};
use chrono::TimeDelta;
use serde_json::{Map, json};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{Gateway, connecting::Connecting};

/// How often is looked.
const EVERY: Duration = Duration::from_hours(6);
/// The first time is not the moment of the start, in which everything else begins.
const FIRST: Duration = Duration::from_mins(3);
/// A token is renewed so long before its end: there is time for many attempts, and for an operator.
const BEFORE: TimeDelta = TimeDelta::days(30);
/// A token has to be a day old before it can be renewed; an hour more, for clocks that differ.
const TOO_NEW: TimeDelta = TimeDelta::hours(25);
/// Most channels of one look at the database.
const PAGE: i64 = 100;

/// The job.
pub struct TokenRenewal {
    gateway: Gateway,
    connecting: Connecting,
    root: RootKey,
}

/// Why a token was not renewed.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Store(#[from] Error),
    #[error(transparent)]
    Provider(#[from] Trouble),
}

impl TokenRenewal {
    /// The job of this gateway.
    pub const fn new(gateway: Gateway, connecting: Connecting, root: RootKey) -> Self {
        Self { gateway, connecting, root }
    }

    /// Renews every token that ends within thirty days. One that cannot be renewed holds back no other. Says how many were
    /// renewed.
    pub async fn all(&self, stop: &CancellationToken) -> Result<usize, Error> {
        let (mut after, mut renewed) = (None, 0);
        loop {
            let now = self.gateway.clock.now();
            let mut tx = self.gateway.store.begin_worker().await?;
            let page = tokens::due(&mut tx, now + BEFORE, now - TOO_NEW, after, PAGE).await?;
            tx.commit().await?;
            let Some(last) = page.last() else { return Ok(renewed) };
            after = Some(last.id);
            for due in page {
                if stop.is_cancelled() {
                    return Ok(renewed);
                }
                match self.one(&due).await {
                    Ok(done) => renewed += usize::from(done),
                    Err(error) => {
                        warn!(channel.id = %due.id, error = %error, "token was not renewed");
                        if let Failed::Provider(trouble) = &error {
                            self.show(&due, trouble).await;
                        }
                    }
                }
            }
        }
    }

    async fn one(&self, due: &Due) -> Result<bool, Failed> {
        let scope = OrgScope::of_service(due.org);
        let mut tx = self.gateway.store.begin(&scope).await?;
        let opened = channels::open(&mut tx, &scope, &self.root, due.id).await?;
        let keys = organizations::data_keys(&mut tx, &scope, &self.root).await?;
        tx.commit().await?;
        let Some(opened) = opened.filter(|opened| opened.active) else { return Ok(false) };
        let mut credentials: Map<_, _> = opened.credentials.clone();
        let Some(Renewed { credential, token, good_for }) = self.connecting.renew(opened).await? else {
            return Ok(false);
        };
        credentials.insert(credential.to_owned(), json!(token.expose()));
        let now = self.gateway.clock.now();
        let end = now + TimeDelta::from_std(good_for).unwrap_or(TimeDelta::days(1));
        let mut tx = self.gateway.store.begin(&scope).await?;
        let written = tokens::renew(&mut tx, &scope, &keys, due, &credentials, end, now).await?;
        tx.commit().await?;
        if written {
            self.gateway.accounts.forget();
            info!(channel.id = %due.id, until = %end, "token was renewed");
        }
        Ok(written)
    }

    /// An operator has a month to see it.
    async fn show(&self, due: &Due, trouble: &Trouble) {
        if trouble.passes {
            return;
        }
        let scope = OrgScope::of_service(due.org);
        let failure = ("token_not_renewed", format!("the token ends, and was not renewed: {trouble}"));
        let written = async {
            let mut tx = self.gateway.store.begin(&scope).await?;
            let now = self.gateway.clock.now();
            channels::set_health(&mut tx, &scope, due.id, Health::Degraded, Some(&failure), now).await?;
            tx.commit().await
        };
        if let Err(error) = written.await {
            warn!(channel.id = %due.id, error = %error, "trouble with a token was not noted");
        }
    }
}

#[async_trait]
impl Service for TokenRenewal {
    fn name(&self) -> &'static str {
        "tokens"
    }

    fn on_exit(&self) -> OnExit {
        OnExit::Restart(Backoff::default())
    }

    async fn run(&mut self, stop: CancellationToken) -> Result<(), ServiceError> {
        let mut wait = FIRST;
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(wait) => {}
            }
            wait = EVERY;
            if let Err(error) = self.all(&stop).await {
                warn!(error = %error, "tokens wait for the database");
            }
        }
    }
}
