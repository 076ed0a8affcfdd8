//! `botbuilder migrate`.

use botbuilder_service::config::Config;

use crate::{platform::Database, tell::say};

/// Brings the schema up to date.
pub async fn run(config: Config) -> anyhow::Result<()> {
    config.validate()?;
    let database = Database::open(&config).await?;
    let report = botbuilder_store::migrate::run(database.url()).await;
    database.close().await?;
    let report = report?;
    say(format_args!(
        "{} migrations applied, {} partitions created, in {:.1} s",
        report.applied.len(),
        report.partitions,
        report.took.as_secs_f64()
    ));
    Ok(())
}
