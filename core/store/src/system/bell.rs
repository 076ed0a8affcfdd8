//! Notifications of commits that somebody waits for.

use sqlx::postgres::{PgListener, PgPoolOptions};

use crate::{Error, Store};

/// What was committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// Outbox records that somebody else is to publish: the trigger of `outbox_events` tells.
    Outbox,
    /// Changes of channels that are kept in memory: the trigger of `channels` tells.
    Channels,
}

impl Of {
    /// The channel that the trigger notifies.
    const fn channel(self) -> &'static str {
        match self {
            Self::Outbox => "outbox",
            Self::Channels => "channels",
        }
    }
}

/// A connection of its own that hears of commits. What is committed while it is broken is not heard of, so it is a reason
/// to look sooner, and never the only one.
#[derive(Debug)]
pub struct Bell(PgListener);

impl Bell {
    /// Connects.
    pub async fn listen(store: &Store, of: Of) -> Result<Self, Error> {
        let server = store.worker.connect_options();
        let pool = PgPoolOptions::new().max_connections(1).connect_lazy_with((*server).clone());
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.listen(of.channel()).await?;
        Ok(Self(listener))
    }

    /// Waits until something was committed. One answer may stand for many commits, and for a connection that was made
    /// anew: then something may have been missed.
    pub async fn rings(&mut self) -> Result<(), Error> {
        self.0.try_recv().await?;
        while self.0.next_buffered().is_some() {}
        Ok(())
    }
}
