//! `botbuilder replay`: puts dead letters back, plays recorded conversations again, and makes tests of them.

mod dead_letters;
mod recorded;

use std::path::PathBuf;

use botbuilder_service::config::Config;
use chrono::{DateTime, Utc};

use self::dead_letters::Topic;
use super::api::Where;

/// What is played again.
#[derive(clap::Args)]
#[command(group(clap::ArgGroup::new("what").required(true).args(["dead_letter", "flow", "as_test"])))]
pub struct Arguments {
    #[command(flatten)]
    at: Where,
    /// Put back the dead letters of this topic.
    #[arg(long, value_enum)]
    dead_letter: Option<Topic>,
    /// Only show the dead letters.
    #[arg(long, requires = "dead_letter")]
    dry_run: bool,
    /// Play recorded conversations of this flow again, and say what its draft does differently.
    #[arg(long, value_name = "ID")]
    flow: Option<String>,
    /// Play them with the versions that had them: whatever differs then is a fault of ours.
    #[arg(long, requires = "flow")]
    recorded: bool,
    /// A draft in a file, in the place of the one that is saved; `bot.json#Name` for a flow of a bot's file.
    #[arg(long, value_name = "FILE", requires = "flow", conflicts_with = "recorded")]
    draft: Option<PathBuf>,
    /// Only this conversation. May be repeated.
    #[arg(long = "conversation", value_name = "ID")]
    conversations: Vec<String>,
    /// Only conversations in which something was said since then.
    #[arg(long, value_name = "INSTANT", requires = "flow")]
    since: Option<DateTime<Utc>>,
    /// Most conversations, the last ones.
    #[arg(long, default_value_t = 100)]
    limit: usize,
    /// Fail where anything differs.
    #[arg(long, requires = "flow")]
    exit_code: bool,
    /// Make a test of the one conversation, and write it to this file, behind the tests that it has.
    #[arg(long, value_name = "FILE", requires = "conversations")]
    as_test: Option<PathBuf>,
    /// The file of the bot that the test is about; without it the flow is written beside the test.
    #[arg(long, value_name = "FILE", requires = "as_test")]
    bot: Option<PathBuf>,
    /// The name of the test.
    #[arg(long, requires = "as_test")]
    name: Option<String>,
}

/// Plays again what is asked for.
pub async fn run(config: Config, arguments: Arguments) -> anyhow::Result<()> {
    match (arguments.dead_letter, &arguments.as_test) {
        (Some(topic), _) => dead_letters::run(config, topic, arguments.dry_run).await,
        (None, Some(file)) => recorded::as_test(&config, &arguments, file).await,
        (None, None) => recorded::compare(&config, &arguments).await,
    }
}
