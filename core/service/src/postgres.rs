//! The managed PostgreSQL server as a service: started before everything that needs it, watched, stopped last.

use std::{path::Path, sync::Arc, time::Duration};

use async_trait::async_trait;
use botbuilder_domain::Secret;
use botbuilder_postgres::{Durability, Installation, Options, Server, dirs};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    config::Config,
    lifecycle::{Service, ServiceError},
};

pub use botbuilder_postgres::Error;

/// How often the server is looked after. Looking costs one file and one link of /proc.
const WATCH_INTERVAL: Duration = Duration::from_secs(1);

/// The name of the program's database.
const DATABASE: &str = "botbuilder";

/// Sessions kept for people and for pools that overlap during a restart.
const SPARE_CONNECTIONS: u32 = 40;

/// A running server of the program's own. Hand it to the supervisor first, so that it is stopped last; if it is
/// dropped instead, the server is stopped then.
pub struct ManagedPostgres {
    server: Arc<Server>,
}

impl ManagedPostgres {
    /// Starts the server in the data directory and returns when it answers. The first start makes its data, which
    /// takes a few seconds.
    pub async fn start(config: &Config) -> Result<Self, Error> {
        let installation = config.database.installation.clone();
        let installation = installation.unwrap_or_else(dirs::postgres_installation);
        let data_dir = config.data_dir();
        let connections = config.database.connections() + SPARE_CONNECTIONS;
        let server = blocking(move || {
            let options = options(&installation, &data_dir, connections)?;
            info!(directory = %options.directory.display(), "starting PostgreSQL");
            Server::start(options)
        })
        .await?;
        Ok(Self { server: Arc::new(server) })
    }

    /// The URL of the program's database, as its superuser.
    pub fn url(&self) -> Secret<String> {
        Secret::new(self.server.url())
    }
}

/// The URL of the program's own server that runs now in the configured data directory, started by whichever process.
/// None where none runs.
pub fn url_of_running(config: &Config) -> Option<Secret<String>> {
    let directory = std::path::absolute(config.data_dir()).ok()?.join("postgres");
    botbuilder_postgres::url_of_running(&directory, DATABASE).map(Secret::new)
}

fn options(installation: &Path, data_dir: &Path, max_connections: u32) -> Result<Options, Error> {
    // A relative path would mean another place to the server, which changes its working directory.
    let absolute = |path: &Path| {
        std::path::absolute(path)
            .map_err(|source| Error::Io { doing: format!("find {}", path.display()), source })
    };
    Ok(Options {
        installation: Installation::at(&absolute(installation)?)?,
        directory: absolute(data_dir)?.join("postgres"),
        database: DATABASE.to_owned(),
        max_connections,
        durability: Durability::Full,
    })
}

#[async_trait]
impl Service for ManagedPostgres {
    fn name(&self) -> &'static str {
        "postgres"
    }

    async fn run(&mut self, stop: CancellationToken) -> Result<(), ServiceError> {
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(WATCH_INTERVAL) => {}
            }
            if !self.server.is_running() {
                warn!("PostgreSQL has died, starting it again");
                let server = self.server.clone();
                blocking(move || server.ensure_running()).await?;
            }
        }
        let server = self.server.clone();
        blocking(move || server.shut_down()).await?;
        Ok(())
    }
}

/// Runs what blocks where it may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Only a runtime that is shutting down cancels such work.
            Err(error) => Err(Error::Io { doing: "run PostgreSQL".to_owned(), source: error.into() }),
        },
    }
}
