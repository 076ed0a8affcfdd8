//! Connections, and the bounds they work in.

use std::time::Duration;

use sqlx::{
    AssertSqlSafe, Executor as _, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::Error;

/// The size of the pool for tenants' work, and the bounds of every connection. The bounds are applied in whole
/// milliseconds; none of them may be shorter than one.
#[derive(Debug, Clone, Copy)]
pub struct PoolOptions {
    /// Most connections of tenants' work.
    pub size: u32,
    /// How long a caller waits for a connection before it gets an error.
    pub wait: Duration,
    /// Longest statement.
    pub statement_timeout: Duration,
    /// Longest wait for a lock.
    pub lock_timeout: Duration,
    /// How long a transaction may sit without a statement.
    pub idle_in_transaction_timeout: Duration,
}

impl PoolOptions {
    /// A pool of this size, with the usual bounds.
    pub const fn new(size: u32) -> Self {
        Self {
            size,
            wait: Duration::from_secs(5),
            statement_timeout: Duration::from_mins(1),
            lock_timeout: Duration::from_secs(2),
            idle_in_transaction_timeout: Duration::from_secs(10),
        }
    }

    /// Connects `size` connections that act as `role`.
    pub(crate) async fn connect(
        self,
        server: &PgConnectOptions,
        role: &'static str,
        size: u32,
    ) -> Result<PgPool, Error> {
        self.pool(role, size).connect_with(named(server)).await.map_err(Error::from)
    }

    /// The same, each made when it is asked for.
    pub(crate) fn connect_lazily(self, server: &PgConnectOptions, role: &'static str, size: u32) -> PgPool {
        self.pool(role, size).connect_lazy_with(named(server))
    }

    fn pool(self, role: &'static str, size: u32) -> PgPoolOptions {
        // Made of constants and numbers only. What is answered as committed must outlive a crash of the server,
        // whatever its administrator finds good enough for others.
        let set_up = format!(
            "SET ROLE {role}; SET statement_timeout = {}; SET lock_timeout = {}; \
             SET idle_in_transaction_session_timeout = {}; \
             SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'",
            self.statement_timeout.as_millis(),
            self.lock_timeout.as_millis(),
            self.idle_in_transaction_timeout.as_millis(),
        );
        PgPoolOptions::new()
            .max_connections(size)
            .acquire_timeout(self.wait)
            .test_before_acquire(false)
            .after_connect(move |connection, _| {
                let set_up = AssertSqlSafe(set_up.clone());
                Box::pin(async move {
                    connection.execute(set_up).await?;
                    Ok(())
                })
            })
    }
}

fn named(server: &PgConnectOptions) -> PgConnectOptions {
    server.clone().application_name("botbuilder")
}

#[cfg(test)]
mod tests {
    use botbuilder_testkit::database::TestDatabase;
    use sqlx::Row as _;

    use super::*;
    use crate::Store;

    #[tokio::test]
    async fn every_connection_works_within_the_bounds() {
        let database = TestDatabase::new().await;
        let options = PoolOptions {
            wait: Duration::from_millis(200),
            statement_timeout: Duration::from_millis(1_500),
            lock_timeout: Duration::from_millis(700),
            idle_in_transaction_timeout: Duration::from_secs(7),
            ..PoolOptions::new(1)
        };
        let store = Store::connect_with(database.url(), options).await.unwrap();
        let bounds = "SELECT current_user::text, current_setting('statement_timeout'), \
                      current_setting('lock_timeout'), current_setting('idle_in_transaction_session_timeout')";
        for (pool, role) in [
            (&store.app, "bb_app"),
            (&store.worker, "bb_worker"),
            (&store.auth, "bb_auth"),
            (&store.purge, "bb_purge"),
            (&store.admin, "bb_admin"),
        ] {
            let row = pool.fetch_one(bounds).await.unwrap();
            let said: Vec<String> = (0..4).map(|column| row.get(column)).collect();
            assert_eq!(said, [role, "1500ms", "700ms", "7s"]);
        }
        let held = store.app.begin().await.unwrap();
        assert!(matches!(store.app.begin().await, Err(sqlx::Error::PoolTimedOut)));
        held.rollback().await.unwrap();
        store.close().await;
    }
}
