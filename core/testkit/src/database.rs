//! Test databases: each test has one of its own, cloned from a migrated template.
//!
//! [`ENVIRONMENT`] names an administrator's connection to a PostgreSQL 18 server. The template is made once for each
//! server, schema version and month (partitions reach a few months ahead), however many test processes start at once.
//! A clone takes a quarter of a second: its files are copied through the write-ahead log, which needs no checkpoint.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

use botbuilder_store::migrate;
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

/// The environment variable with the address of the server: a superuser's, whose databases may be created and dropped.
pub const ENVIRONMENT: &str = "BOTBUILDER_TEST_DATABASE_URL";

/// A database of one test. Dropped with the value.
#[derive(Debug)]
pub struct TestDatabase {
    admin: PgConnectOptions,
    options: PgConnectOptions,
    name: String,
    url: String,
}

impl TestDatabase {
    /// A migrated database, with the partitions of the present and no rows but the seeds.
    ///
    /// # Panics
    ///
    /// If the environment names no server, or the server does not do what is asked.
    pub async fn new() -> Self {
        let admin = admin_options();
        let template = template(&admin).await;
        Self::create(admin, &format!("TEMPLATE {template} STRATEGY wal_log")).await
    }

    /// A database without anything in it.
    ///
    /// # Panics
    ///
    /// As [`TestDatabase::new`].
    pub async fn empty() -> Self {
        Self::create(admin_options(), "TEMPLATE template0 ENCODING 'UTF8'").await
    }

    async fn create(admin: PgConnectOptions, how: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("botbuilder_test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let mut connection = connect(&admin).await;
        // A database of this name can only be left over from a process that was killed.
        execute(&mut connection, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
        execute(&mut connection, &format!("CREATE DATABASE {name} {how}")).await;
        let _ = connection.close().await;
        let options = admin.clone().database(&name);
        let url = options.to_url_lossy().to_string();
        Self { admin, options, name, url }
    }

    /// Its address, with the login of the environment.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Connections of the administrator, who is stopped by no policy.
    pub async fn pool(&self) -> PgPool {
        pool(&self.options, None).await
    }

    /// Connections that act as a role (`bb_app`, `bb_worker` …), as the program's do.
    pub async fn pool_as(&self, role: &str) -> PgPool {
        pool(&self.options, Some(format!("SET ROLE {role}"))).await
    }
}

impl Drop for TestDatabase {
    /// Waits until the database is gone, on a thread of its own: a test's runtime may be ending, or be this thread.
    fn drop(&mut self) {
        let admin = self.admin.clone();
        let statement = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        let dropped = thread::spawn(move || {
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
                return;
            };
            runtime.block_on(async {
                if let Ok(mut connection) = admin.connect().await {
                    let _ = connection.execute(AssertSqlSafe(statement)).await;
                }
            });
        });
        let _ = dropped.join();
    }
}

fn admin_options() -> PgConnectOptions {
    let url = std::env::var(ENVIRONMENT).unwrap_or_else(|_| {
        panic!("{ENVIRONMENT} is not set: name an administrator's connection to a PostgreSQL 18 server, or run `cargo xtask test`")
    });
    let options: PgConnectOptions =
        url.parse().unwrap_or_else(|error| panic!("{ENVIRONMENT} is no database url: {error}"));
    options.disable_statement_logging()
}

/// The name of the migrated template, made now if this server has none.
async fn template(admin: &PgConnectOptions) -> String {
    let mut connection = connect(admin).await;
    let month: String = sqlx::query_scalar("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYYMM')")
        .fetch_one(&mut connection)
        .await
        .expect("the server tells the time");
    let name = format!("botbuilder_template_{}_{month}", migrate::fingerprint());
    // Advisory locks belong to a database, and every test process asks in the same one.
    sqlx::query("SELECT pg_advisory_lock(hashtextextended('botbuilder.template', 0))")
        .execute(&mut connection)
        .await
        .expect("an advisory lock");
    let exists: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
        .bind(&name)
        .fetch_one(&mut connection)
        .await
        .expect("the list of databases");
    if !exists {
        // Migrated under another name, so that a template is always whole.
        execute(&mut connection, "DROP DATABASE IF EXISTS botbuilder_template_new WITH (FORCE)").await;
        execute(
            &mut connection,
            "CREATE DATABASE botbuilder_template_new TEMPLATE template0 ENCODING 'UTF8'",
        )
        .await;
        let url = admin.clone().database("botbuilder_template_new").to_url_lossy();
        migrate::run(url.as_str())
            .await
            .unwrap_or_else(|error| panic!("the template cannot be migrated: {error}"));
        execute(&mut connection, &format!("ALTER DATABASE botbuilder_template_new RENAME TO {name}")).await;
    }
    // Closing gives the lock back.
    let _ = connection.close().await;
    name
}

async fn pool(options: &PgConnectOptions, on_connect: Option<String>) -> PgPool {
    PgPoolOptions::new()
        .max_connections(8)
        .after_connect(move |connection, _| {
            let statement = on_connect.clone();
            Box::pin(async move {
                if let Some(statement) = statement {
                    connection.execute(AssertSqlSafe(statement)).await?;
                }
                Ok(())
            })
        })
        .connect_with(options.clone())
        .await
        .unwrap_or_else(|error| panic!("cannot connect to the test database: {error}"))
}

async fn connect(options: &PgConnectOptions) -> PgConnection {
    options
        .connect()
        .await
        .unwrap_or_else(|error| panic!("cannot connect to the server {ENVIRONMENT} names: {error}"))
}

async fn execute(connection: &mut PgConnection, statement: &str) {
    connection
        .execute(AssertSqlSafe(statement))
        .await
        .unwrap_or_else(|error| panic!("test database: {statement}: {error}"));
}
