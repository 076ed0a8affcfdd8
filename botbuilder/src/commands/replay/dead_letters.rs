//! `botbuilder replay --dead-letter`: puts dead letters back.

use botbuilder_api::admin::dead_letters::{Mode, go_through};
use botbuilder_service::config::Config;
use botbuilder_stream::REASON;
use clap::ValueEnum;

use crate::{platform, tell::say};

/// The topics that have dead letters.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Topic {
    Inbound,
    Outbound,
}

/// Puts back every dead letter that was not put back before. Each keeps its id, so that what was done is not done
/// twice.
pub async fn run(config: Config, topic: Topic, dry_run: bool) -> anyhow::Result<()> {
    config.validate()?;
    let topic = match topic {
        Topic::Inbound => "inbound",
        Topic::Outbound => "outbound",
    };
    let stream = platform::stream(&config).await?;
    let mode = if dry_run { Mode::Look } else { Mode::PutBack };
    let seen = go_through(&*stream, topic, usize::MAX, mode, |letter| {
        let reason = letter.record.header(REASON).unwrap_or("unknown");
        say(format_args!("{}/{}: {reason}", letter.position.partition, letter.position.offset));
    })
    .await?;
    say(format_args!("{seen} dead letters of {topic}"));
    stream.close().await;
    Ok(())
}
