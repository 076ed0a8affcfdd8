//! What is done with connected accounts every now and then, one after the other: one that cannot be dealt with holds back
//! no other. Each job says which accounts are due, and what is done with one ([`crate::checks`], [`crate::templates`],
//! [`crate::tokens`]).

use std::time::Duration;

use async_trait::async_trait;
use botbuilder_adapter_kit::Trouble;
use botbuilder_domain::{ChannelId, OrgId};
use botbuilder_service::lifecycle::{Backoff, OnExit, Service, ServiceError};
use botbuilder_store::{
    Error, OrgScope, Tx,
    channels::channels::{self, Opened},
    secret::RootKey,
};
use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{Gateway, connecting::Connecting};

/// What a visit works with.
pub struct Tools {
    /// The gateway.
    pub(crate) gateway: Gateway,
    /// The way to providers.
    pub(crate) connecting: Connecting,
    /// What opens secrets.
    pub(crate) root: RootKey,
}

/// An account that is due.
pub trait Due: Send + Sync + 'static {
    /// The tenant, and the channel.
    fn place(&self) -> (OrgId, ChannelId);
}

impl Due for (OrgId, ChannelId) {
    fn place(&self) -> (OrgId, ChannelId) {
        *self
    }
}

/// Why a visit failed.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// The database.
    #[error(transparent)]
    Store(#[from] Error),
    /// The provider.
    #[error(transparent)]
    Provider(#[from] Trouble),
}

/// What is done with accounts now and then.
#[async_trait]
pub trait Visit: Default + Send + Sync + 'static {
    /// An account that is due.
    type Due: Due;
    /// What the job is called.
    const NAME: &'static str;
    /// When it begins: not at the moment of the start, in which everything else does.
    const FIRST: Duration;
    /// How often.
    const EVERY: Duration;

    /// A page of the accounts that are due, those behind `after`; none of them ends the round. The transaction is a
    /// worker's.
    async fn due(
        &self,
        tx: &mut Tx,
        now: DateTime<Utc>,
        after: Option<ChannelId>,
    ) -> Result<Vec<Self::Due>, Error>;

    /// Deals with an account that is connected and active. Says whether anything came of it.
    async fn visit(&self, tools: &Tools, due: &Self::Due, opened: Opened) -> Result<bool, Failed>;
}

/// A job that visits accounts.
pub struct Visits<V> {
    tools: Tools,
    what: V,
}

impl<V: Visit> Visits<V> {
    /// The job of this gateway.
    pub fn new(gateway: Gateway, connecting: Connecting, root: RootKey) -> Self {
        Self { tools: Tools { gateway, connecting, root }, what: V::default() }
    }

    /// Deals with every account that is due, until it is to stop. Says of how many something came.
    pub async fn all(&self, stop: &CancellationToken) -> Result<usize, Error> {
        let (mut after, mut done) = (None, 0);
        loop {
            let Tools { gateway, .. } = &self.tools;
            let mut tx = gateway.store.begin_worker().await?;
            let page = self.what.due(&mut tx, gateway.clock.now(), after).await?;
            tx.commit().await?;
            let Some(last) = page.last() else { return Ok(done) };
            after = Some(last.place().1);
            for due in page {
                if stop.is_cancelled() {
                    return Ok(done);
                }
                match self.one(&due).await {
                    Ok(came) => done += usize::from(came),
                    Err(error) => {
                        let (_, channel) = due.place();
                        warn!(channel.id = %channel, job = V::NAME, error = %error, "account was not dealt with");
                    }
                }
            }
        }
    }

    /// One round, to its end.
    pub async fn once(&self) -> Result<usize, Error> {
        self.all(&CancellationToken::new()).await
    }

    async fn one(&self, due: &V::Due) -> Result<bool, Failed> {
        let Tools { gateway, root, .. } = &self.tools;
        let (org, channel) = due.place();
        let scope = OrgScope::of_service(org);
        let mut tx = gateway.store.begin(&scope).await?;
        let opened = channels::open(&mut tx, &scope, root, channel).await?;
        tx.commit().await?;
        match opened.filter(|opened| opened.active) {
            Some(opened) => self.what.visit(&self.tools, due, opened).await,
            None => Ok(false),
        }
    }
}

#[async_trait]
impl<V: Visit> Service for Visits<V> {
    fn name(&self) -> &'static str {
        V::NAME
    }

    fn on_exit(&self) -> OnExit {
        OnExit::Restart(Backoff::default())
    }

    async fn run(&mut self, stop: CancellationToken) -> Result<(), ServiceError> {
        let mut wait = V::FIRST;
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(wait) => {}
            }
            wait = V::EVERY;
            if let Err(error) = self.all(&stop).await {
                warn!(job = V::NAME, error = %error, "accounts wait for the database");
            }
        }
    }
}
