//! A database for one run, on a server that somebody else runs.

use anyhow::{Context as _, Result};
use botbuilder_store::migrate;
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

/// The environment variable with the address of the server: a superuser's.
pub const ENVIRONMENT: &str = "BOTBUILDER_TEST_DATABASE_URL";

/// A migrated database of this process. [`Scratch::remove`] removes it.
#[derive(Debug)]
pub struct Scratch {
    admin: PgConnectOptions,
    name: String,
    url: String,
    pool: PgPool,
}

impl Scratch {
    /// Makes one on the server of this superuser's address.
    pub async fn create(server: &str, purpose: &str) -> Result<Self> {
        let admin: PgConnectOptions = server.parse().context("the database's address cannot be read")?;
        let admin = admin.disable_statement_logging();
        let name = format!("botbuilder_{purpose}_{}", std::process::id());
        let mut connection = admin.connect().await.context("the database server cannot be reached")?;
        // A database of this name can only be left over from a process that was killed.
        connection.execute(AssertSqlSafe(format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))).await?;
        connection
            .execute(AssertSqlSafe(format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")))
            .await?;
        connection.close().await?;
        let options = admin.clone().database(&name);
        let url = options.to_url_lossy().to_string();
        migrate::run(&url).await.context("the database cannot be migrated")?;
        let pool = PgPoolOptions::new().max_connections(4).connect_with(options).await?;
        Ok(Self { admin, name, url, pool })
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Connections of the superuser, who is stopped by no policy.
    pub const fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// The server's version, and whether it waits for the disk.
    pub async fn server(&self) -> Result<String> {
        let (version, fsync): (String, String) =
            sqlx::query_as("SELECT current_setting('server_version'), current_setting('fsync')")
                .fetch_one(&self.pool)
                .await?;
        Ok(format!("PostgreSQL {version}, fsync {fsync}"))
    }

    /// Removes it.
    pub async fn remove(self) -> Result<()> {
        self.pool.close().await;
        let mut connection = self.admin.connect().await?;
        let statement = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        connection.execute(AssertSqlSafe(statement)).await?;
        connection.close().await?;
        Ok(())
    }
}
