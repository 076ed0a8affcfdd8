//! Brings a database to the schema this program was built for.
//!
//! The migrations of `migrations/` are embedded in the program. [`run`] first looks whether the server and the login
//! can hold the schema at all, and names everything that is missing there; then it applies what is pending, under an
//! advisory lock, so that several processes may start at once. To add a migration: a pair `NNNN_what.up.sql` and
//! `.down.sql` with the next number; a released one is never edited.

use std::time::{Duration, Instant};

use sqlx::{
    ConnectOptions as _, Connection as _, PgConnection,
    migrate::{MigrateError, Migrator},
    postgres::PgConnectOptions,
};

static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations");

/// The oldest server that has what the schema uses.
const OLDEST_SERVER: i32 = 180_000;

/// Months of partitions kept ready beyond the current one.
const PARTITION_MONTHS: i32 = 3;

const EXTENSIONS: [&str; 3] = ["citext", "pg_trgm", "vector"];

const ROLES: [&str; 8] =
    ["bb_owner", "bb_definer", "bb_app", "bb_auth", "bb_worker", "bb_purge", "bb_admin", "bb_report"];

/// What [`run`] did.
#[derive(Debug, Clone)]
pub struct Report {
    /// Versions applied now, in order; empty if the schema was up to date.
    pub applied: Vec<i64>,
    /// Partitions created now.
    pub partitions: i32,
    /// Time it took, waiting for other processes included.
    pub took: Duration,
}

/// Why the schema could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address does not parse, the server does not answer, or the login is refused.
    #[error("cannot connect to the database: {0}")]
    Connect(#[source] sqlx::Error),
    /// The server or the login cannot hold the schema; each entry names one thing that is missing.
    #[error("the database cannot hold the schema: {}", .0.join("; "))]
    Unfit(Vec<String>),
    /// A migration failed, or the database holds another history than this program.
    #[error("migration failed: {0}")]
    Migrate(#[from] MigrateError),
    /// A statement around the migrations failed.
    #[error("database error while migrating: {0}")]
    Database(#[from] sqlx::Error),
}

/// Applies what is pending and makes the partitions of the coming months. `url` names a login that is a superuser, or
/// that owns the database and may create roles.
pub async fn run(url: &str) -> Result<Report, Error> {
    let begun = Instant::now();
    let mut connection = connect(url).await?;
    let missing = missing_here(&mut connection).await?;
    if !missing.is_empty() {
        return Err(Error::Unfit(missing));
    }

    lock(&mut connection).await?;
    let before = applied(&mut connection).await?;
    MIGRATIONS.run_direct(None, &mut connection, false).await?;
    let after = applied(&mut connection).await?;
    let partitions = sqlx::query_scalar("SELECT app.ensure_partitions($1)")
        .bind(PARTITION_MONTHS)
        .fetch_one(&mut connection)
        .await?;
    // Closing gives the lock back, as any failure above does.
    connection.close().await?;

    let applied: Vec<i64> = after.into_iter().filter(|version| !before.contains(version)).collect();
    let took = begun.elapsed();
    tracing::info!(applied = applied.len(), partitions, ?took, "database schema is up to date");
    Ok(Report { applied, partitions, took })
}

/// Versions that [`run`] would apply, in order.
pub async fn pending(url: &str) -> Result<Vec<i64>, Error> {
    let mut connection = connect(url).await?;
    let applied = applied(&mut connection).await?;
    connection.close().await?;
    Ok(versions().filter(|version| !applied.contains(version)).collect())
}

/// Takes every migration back, the data with it. For tests.
pub async fn undo_all(url: &str) -> Result<(), Error> {
    let mut connection = connect(url).await?;
    lock(&mut connection).await?;
    MIGRATIONS.undo(&mut connection, 0).await?;
    connection.close().await?;
    Ok(())
}

/// Sixteen hexadecimal digits that change with any migration. Names the template that test databases are cloned from.
pub fn fingerprint() -> String {
    // FNV-1a: this tells versions apart, it protects nothing.
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for migration in MIGRATIONS.iter() {
        for byte in migration.version.to_be_bytes().iter().chain(migration.checksum.iter()) {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    format!("{hash:016x}")
}

fn versions() -> impl Iterator<Item = i64> {
    MIGRATIONS.iter().filter(|migration| !migration.migration_type.is_down_migration()).map(|m| m.version)
}

async fn connect(url: &str) -> Result<PgConnection, Error> {
    let options: PgConnectOptions = url.parse().map_err(Error::Connect)?;
    // Migrations name their tables without a schema, and may take their time.
    let options = options.application_name("botbuilder migrate").options([
        ("search_path", "public"),
        ("statement_timeout", "0"),
        ("idle_in_transaction_session_timeout", "0"),
    ]);
    options.connect().await.map_err(Error::Connect)
}

/// The lock is the session's, and of this database alone.
async fn lock(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT pg_advisory_lock(hashtextextended('botbuilder.migrate', 0))")
        .execute(connection)
        .await?;
    Ok(())
}

async fn applied(connection: &mut PgConnection) -> Result<Vec<i64>, sqlx::Error> {
    let exists: bool = sqlx::query_scalar("SELECT to_regclass('public._sqlx_migrations') IS NOT NULL")
        .fetch_one(&mut *connection)
        .await?;
    if !exists {
        return Ok(Vec::new());
    }
    sqlx::query_scalar("SELECT version FROM public._sqlx_migrations WHERE success ORDER BY version")
        .fetch_all(connection)
        .await
}

/// Everything the schema needs of the server and the login that is not there.
async fn missing_here(connection: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
    let mut missing = Vec::new();

    let (number, name, encoding): (i32, String, String) = sqlx::query_as(
        "SELECT current_setting('server_version_num')::integer, current_setting('server_version'),
                current_setting('server_encoding')",
    )
    .fetch_one(&mut *connection)
    .await?;
    if number < OLDEST_SERVER {
        missing.push(format!("PostgreSQL 18 or later is needed, this is {name}"));
        // What follows asks in the words of a newer server.
        return Ok(missing);
    }
    if encoding != "UTF8" {
        missing.push(format!("the encoding of the database must be UTF8, it is {encoding}"));
    }

    let absent: Vec<String> = sqlx::query_scalar(
        "SELECT e FROM unnest($1::text[]) e
          WHERE NOT EXISTS (SELECT FROM pg_available_extensions a WHERE a.name = e) ORDER BY e",
    )
    .bind(&EXTENSIONS[..])
    .fetch_all(&mut *connection)
    .await?;
    missing.extend(absent.into_iter().map(|e| format!("extension {e} is not installed on the server")));

    let (login, superuser, create_role, create_schema): (String, bool, bool, bool) = sqlx::query_as(
        "SELECT r.rolname::text, r.rolsuper, r.rolcreaterole,
                has_database_privilege(current_database(), 'CREATE')
                AND pg_has_role(d.datdba, 'MEMBER')
           FROM pg_roles r, pg_database d WHERE r.rolname = current_user AND d.datname = current_database()",
    )
    .fetch_one(&mut *connection)
    .await?;
    if superuser {
        return Ok(missing);
    }
    if !create_role {
        missing.push(format!("login {login} may not create roles (CREATEROLE or superuser)"));
    }
    if !create_schema {
        missing.push(format!("login {login} does not own the database"));
    }
    let reserved: Vec<String> = sqlx::query_scalar(
        "SELECT v.name::text FROM pg_available_extension_versions v
           JOIN pg_available_extensions a ON a.name = v.name AND a.default_version = v.version
          WHERE v.name = ANY($1) AND v.superuser AND NOT v.trusted AND a.installed_version IS NULL ORDER BY 1",
    )
    .bind(&EXTENSIONS[..])
    .fetch_all(&mut *connection)
    .await?;
    missing.extend(
        reserved
            .into_iter()
            .map(|e| format!("a superuser must run CREATE EXTENSION {e} in the database first")),
    );
    // Roles that another database of this server brought along: one must be, or make oneself, a member.
    let foreign: Vec<String> = sqlx::query_scalar(
        "SELECT r FROM unnest($1::text[]) r
          WHERE to_regrole(r) IS NOT NULL
            AND NOT pg_has_role(r, 'SET') AND NOT pg_has_role(r, 'MEMBER WITH ADMIN OPTION') ORDER BY r",
    )
    .bind(&ROLES[..])
    .fetch_all(connection)
    .await?;
    missing.extend(foreign.into_iter().map(|r| format!("login {login} is not a member of role {r}")));
    Ok(missing)
}
