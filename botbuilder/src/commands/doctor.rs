//! `botbuilder doctor`.

use anyhow::bail;
use botbuilder_service::config::{Config, stream::Backend};
use botbuilder_store::{Store, migrate};
use botbuilder_understanding::Models;

use crate::{platform::Database, tell::say};

/// Looks at everything the program needs and says what is missing or unwell.
pub async fn run(config: Config) -> anyhow::Result<()> {
    let mut unwell = 0;
    let mut check = |what: &str, result: anyhow::Result<String>| match result {
        Ok(fine) => say(format_args!("ok    {what}: {fine}")),
        Err(error) => {
            unwell += 1;
            say(format_args!("WRONG {what}: {error:#}"));
        }
    };
    check("configuration", config.validate().map(|()| "complete and valid".to_owned()).map_err(Into::into));
    let data_dir = config.data_dir();
    check("data directory", writable(&data_dir));
    check(
        "root key",
        match config.secrets.root_key(&data_dir) {
            Ok(Some(_)) => Ok("present".to_owned()),
            Ok(None) if config.stream.chosen_backend() == Backend::Kafka => Err(anyhow::anyhow!(
                "secrets.root_key is not set; nodes that share a database need the same key"
            )),
            Ok(None) => Ok("none yet; made at the first start".to_owned()),
            Err(error) => Err(error.into()),
        },
    );
    match Database::reach(&config) {
        Err(error) => check("PostgreSQL", Err(error)),
        Ok(url) => {
            check("PostgreSQL", connect(url.expose()).await);
            check("schema", schema(url.expose()).await);
        }
    }
    check("stream", stream(&config));
    check(
        "open files",
        rlimit::increase_nofile_limit(u64::MAX)
            .map(|most| format!("{most} at once, sockets included"))
            .map_err(Into::into),
    );
    check("models", Ok(models(&config)));
    let mut listeners =
        vec![("public listener", config.listen.public), ("internal listener", config.listen.internal)];
    listeners.extend(config.listen.admin.map(|address| ("listener of staff", address)));
    for (name, address) in listeners {
        let taken = std::net::TcpListener::bind(address);
        check(
            name,
            taken.map(|_| format!("{address} is free")).map_err(|error| {
                anyhow::anyhow!("{address} cannot be listened on ({error}); is the program running already?")
            }),
        );
    }
    if unwell == 0 { Ok(()) } else { bail!("{unwell} things need attention") }
}

fn writable(dir: &std::path::Path) -> anyhow::Result<String> {
    std::fs::create_dir_all(dir)?;
    let probe = dir.join(".probe");
    std::fs::write(&probe, b"probe")?;
    std::fs::remove_file(&probe)?;
    Ok(format!("{} can be written", dir.display()))
}

async fn connect(url: &str) -> anyhow::Result<String> {
    let store = Store::connect(url, 1).await?;
    store.ping().await?;
    store.close().await;
    Ok("answers, and lets the program take its roles".to_owned())
}

async fn schema(url: &str) -> anyhow::Result<String> {
    let pending = migrate::pending(url).await?;
    if pending.is_empty() {
        Ok("up to date".to_owned())
    } else {
        bail!("{} migrations are missing; run `botbuilder migrate`", pending.len())
    }
}

/// The models are no need: without them bots go by words alone.
fn models(config: &Config) -> String {
    let directory = config.models.directory();
    let missing = Models::new(directory.clone(), 1).missing();
    if missing.is_empty() {
        format!("all files are in {}", directory.display())
    } else {
        let (missing, place) = (missing.join(", "), directory.display());
        format!(
            "not in {place}, so understanding goes by words alone; `cargo xtask setup` fetches: {missing}"
        )
    }
}

fn stream(config: &Config) -> anyhow::Result<String> {
    Ok(match config.stream.chosen_backend() {
        Backend::Kafka => format!("Kafka at {}", config.stream.kafka.brokers.join(", ")),
        Backend::Memory => "in memory: nothing survives a restart".to_owned(),
        Backend::Embedded | Backend::Auto => {
            writable(&config.data_dir().join(&config.stream.embedded.directory))?
        }
    })
}
