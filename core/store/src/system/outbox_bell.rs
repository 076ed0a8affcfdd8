//! The notification that a transaction is committed whose outbox records somebody else is to publish.

use sqlx::postgres::{PgListener, PgPoolOptions};

use crate::{Error, Store};

/// The channel that the trigger of `outbox_events` notifies.
const CHANNEL: &str = "outbox";

/// A connection of its own that hears of new records. What is committed while it is broken is not heard of, so it is a
/// reason to look sooner, and never the only one.
#[derive(Debug)]
pub struct Bell(PgListener);

impl Bell {
    /// Connects.
    pub async fn listen(store: &Store) -> Result<Self, Error> {
        let server = store.worker.connect_options();
        let pool = PgPoolOptions::new().max_connections(1).connect_lazy_with((*server).clone());
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.listen(CHANNEL).await?;
        Ok(Self(listener))
    }

    /// Waits until records were committed. One answer may stand for many commits.
    pub async fn rings(&mut self) -> Result<(), Error> {
        self.0.recv().await?;
        while self.0.next_buffered().is_some() {}
        Ok(())
    }
}
