//! PostgreSQL: the schema's rows, and the SQL that reads and writes them.
//!
//! One folder per domain of the schema, one file per table, concrete functions on a transaction. The scope comes
//! first after the transaction and stands in the `WHERE`. To add a table: write its migration, then its file here
//! (record, new row, the SQL), then name it in the domain's `mod.rs`.

pub mod agents;
pub mod analytics;
pub mod audit;
pub mod billing;
pub mod bots;
pub mod channels;
pub mod clones;
mod error;
pub mod experiments;
pub mod flows;
pub mod identity;
pub mod integrations;
pub mod knowledge;
pub mod leases;
pub mod migrate;
pub mod models;
pub mod nlu;
pub mod page;
pub mod patch;
pub mod platform;
pub mod plugins;
mod pool;
pub mod recovery;
mod scope;
pub mod secret;
pub mod signature;
pub mod sso;
pub mod system;
pub mod table;
pub mod tenancy;
pub mod voice;
pub mod widget;

pub use error::Error;
pub use pool::PoolOptions;
pub use scope::OrgScope;

use sqlx::{
    AssertSqlSafe, Executor as _, PgPool, Postgres, Transaction, pool::PoolConnection,
    postgres::PgConnectOptions,
};

/// The pools, one for each database role the program acts as.
#[derive(Clone)]
pub struct Store {
    app: PgPool,
    worker: PgPool,
    auth: PgPool,
    purge: PgPool,
    admin: PgPool,
}

/// A transaction of one role. Dropping it without [`Tx::commit`] undoes it.
pub struct Tx {
    inner: Transaction<'static, Postgres>,
    /// The scope, if its transactions belong to a call under an `Idempotency-Key`.
    keyed: Option<OrgScope>,
}

/// A connection for a look-up of one statement, which needs no transaction: one trip to the server instead of three.
pub struct LookUp {
    inner: PoolConnection<Postgres>,
}

impl Store {
    /// Connects to a migrated database. `size` is the most connections of tenants' work; queue polling and
    /// look-ups before a tenant is known have small pools of their own.
    pub async fn connect(url: &str, size: u32) -> Result<Self, Error> {
        Self::connect_with(url, PoolOptions::new(size)).await
    }

    /// The same, within bounds of the caller's choice.
    pub async fn connect_with(url: &str, options: PoolOptions) -> Result<Self, Error> {
        let server: PgConnectOptions = url.parse().map_err(Error::Database)?;
        Ok(Self {
            app: options.connect(&server, "bb_app", options.size).await?,
            worker: options.connect(&server, "bb_worker", 2).await?,
            // Every call of the API begins with a look-up.
            auth: options.connect(&server, "bb_auth", options.size.div_ceil(2).max(2)).await?,
            purge: options.connect(&server, "bb_purge", 1).await?,
            // Few processes have anything to do for staff: without any, no connection is made.
            admin: options.connect_lazily(&server, "bb_admin", 3),
        })
    }

    /// Begins a transaction that sees one organization's rows.
    pub async fn begin(&self, scope: &OrgScope) -> Result<Tx, Error> {
        let org = scope.org();
        let inner = self.app.begin_with(entering(&format!("app.organization_id = '{org}'"))).await?;
        Ok(Tx { inner, keyed: scope.call().map(|_| *scope) })
    }

    /// Begins a transaction that sees one organization's rows and publishes its own outbox rows after the commit, so
    /// that nobody has to be told of them. Commits that notify take turns across the whole server.
    pub async fn begin_turn(&self, scope: &OrgScope) -> Result<Tx, Error> {
        let org = scope.org();
        let settings = format!("app.organization_id = '{org}'; SET LOCAL app.outbox_quiet = 'on'");
        Ok(Tx::of(self.app.begin_with(entering(&settings)).await?))
    }

    /// Begins a transaction on queues whose commit returns before it is on disk: for writes whose loss is harmless
    /// because they are made again.
    pub async fn begin_worker_careless(&self) -> Result<Tx, Error> {
        Ok(Tx::of(self.worker.begin_with(entering("synchronous_commit = off")).await?))
    }

    /// Begins a transaction that sees queues across organizations, and nothing else.
    pub async fn begin_worker(&self) -> Result<Tx, Error> {
        Ok(Tx::of(self.worker.begin().await?))
    }

    /// Begins a transaction for look-ups before a tenant is known.
    pub async fn begin_auth(&self) -> Result<Tx, Error> {
        Ok(Tx::of(self.auth.begin().await?))
    }

    /// A connection for one look-up before a tenant is known. Every call of the API begins with one.
    pub async fn look_up(&self) -> Result<LookUp, Error> {
        Ok(LookUp { inner: self.auth.acquire().await? })
    }

    /// Begins a transaction that removes what is over.
    pub async fn begin_purge(&self) -> Result<Tx, Error> {
        Ok(Tx::of(self.purge.begin().await?))
    }

    /// Begins a transaction of platform staff, which sees every organization: the one that is meant is an argument of
    /// each function.
    pub async fn begin_admin(&self) -> Result<Tx, Error> {
        Ok(Tx::of(self.admin.begin().await?))
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), Error> {
        self.worker.execute("SELECT 1").await?;
        Ok(())
    }

    /// Closes the connections once they are idle.
    pub async fn close(&self) {
        self.app.close().await;
        self.worker.close().await;
        self.auth.close().await;
        self.purge.close().await;
        self.admin.close().await;
    }
}

/// The statement that begins a transaction with its settings: one trip to the server instead of two. What goes in is
/// made by the program itself, identifiers and constants.
fn entering(settings: &str) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!("BEGIN; SET LOCAL {settings}"))
}

impl Tx {
    const fn of(inner: Transaction<'static, Postgres>) -> Self {
        Self { inner, keyed: None }
    }

    /// Makes everything written durable; with it that the call was made, if this belongs to one under a key.
    pub async fn commit(mut self) -> Result<(), Error> {
        if let Some(scope) = self.keyed {
            system::idempotency_keys::note_made(&mut self, &scope).await?;
        }
        Ok(self.inner.commit().await?)
    }

    /// Ends a transaction that only read. Nobody waits for its end, which goes to the server with the connection's return
    /// to the pool.
    pub fn done(self) {
        drop(self.inner);
    }
}
