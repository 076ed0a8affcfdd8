//! The BotBuilder program: one binary, many roles.

mod commands;
mod platform;
mod tell;
mod yaml;

use std::{path::PathBuf, process::ExitCode};

use botbuilder_service::config::{Config, Role};
use clap::{Parser, Subcommand};

/// Requests are taken on one thread and written to the stream on another, which the C library's allocator is slow at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// One system behind every channel a company talks to its customers on.
#[derive(Parser)]
#[command(name = "botbuilder", version, about)]
struct Arguments {
    /// The configuration file; without it, `botbuilder.toml` in the working directory is read if it exists.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,

    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the roles of the configuration, or those named here.
    Run {
        /// A role of this process: gateway, runtime, voice, jobs. May be repeated; all by default.
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<Role>,
    },
    /// Run everything in one process, with a database of its own, a demo bot and fake providers.
    Dev,
    /// Bring the database's schema up to date.
    Migrate,
    /// Read and check the configuration, and print it with secrets hidden.
    CheckConfig,
    /// Name anything that is missing or unwell.
    Doctor,
    /// List the channels this program knows, and what each can show.
    Channels,
    /// Tell the whole story of one message.
    Trail(commands::trail::Arguments),
    /// Talk with the bot in the terminal, by the way a visitor's messages take.
    Chat(commands::chat::Arguments),
    /// Call the management API: sign in, list and edit bots, flows, channels, tokens and everything else it has.
    Api(commands::api::Arguments),
    /// Write a bot into one file.
    Export(commands::bot_file::Export),
    /// Say what differs between a file and the bot it stands for. Ends with 0 if nothing does, 1 if something does, 2 if
    /// that cannot be told.
    Diff(commands::bot_file::Compare),
    /// Make a bot as a file says: a new one, or the one that is there by what differs.
    Apply(commands::bot_file::Apply),
    /// Print the OpenAPI document of the management API.
    Openapi,
    /// Talk with a draft in the terminal; nothing is sent and nobody is asked.
    Simulate(commands::simulate::Arguments),
    /// Run the tests of bots.
    Test(commands::test::Arguments),
    /// Make platform staff, and list the networks they come from.
    Staff(commands::staff::Arguments),
    /// Seal everything anew with a new root key, while the one before it still opens what it sealed.
    RotateRootKey,
    /// Play recorded conversations with a draft, make tests of them, or put dead letters back into the stream.
    Replay(Box<commands::replay::Arguments>),
    /// Read flows of goflow, Typebot or the BotBuilder platform, and say what became of each part.
    Import(commands::import::Arguments),
    /// Play the public suite of goflow or Typebot out of a checkout of yours.
    Conformance(commands::conformance::Arguments),
}

#[tokio::main]
async fn main() -> ExitCode {
    #[cfg(feature = "failpoints")]
    let _points = fail::FailScenario::setup();
    let arguments = Arguments::parse();
    // Whoever asks for differences tells none from a question without an answer, as with diff(1).
    let failed =
        if matches!(arguments.command, Command::Diff(_)) { ExitCode::from(2) } else { ExitCode::FAILURE };
    match Box::pin(run(arguments)).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("botbuilder: {error:#}");
            failed
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    // What only reads files asks for no configuration.
    let done = match &arguments.command {
        Command::Import(arguments) => Some(commands::import::run(arguments)),
        Command::Conformance(arguments) => Some(commands::conformance::run(arguments)),
        _ => None,
    };
    if let Some(done) = done {
        return done.map(|()| ExitCode::SUCCESS);
    }
    let config = Config::load(arguments.config.as_deref(), std::env::vars())?;
    let done = match arguments.command {
        Command::Run { roles } => commands::run::run(config, roles).await,
        Command::Dev => commands::dev::run(config).await,
        Command::Migrate => commands::migrate::run(config).await,
        Command::CheckConfig => commands::check_config::run(&config),
        Command::Doctor => commands::doctor::run(config).await,
        Command::Channels => {
            commands::channels::run();
            Ok(())
        }
        Command::Trail(arguments) => commands::trail::run(config, arguments).await,
        Command::Chat(arguments) => commands::chat::run(&config, arguments).await,
        Command::Api(arguments) => commands::api::run(&config, arguments).await,
        Command::Export(arguments) => commands::bot_file::export(&config, arguments).await,
        Command::Diff(arguments) => {
            let differs = commands::bot_file::diff(&config, arguments).await?;
            return Ok(if differs { ExitCode::FAILURE } else { ExitCode::SUCCESS });
        }
        Command::Apply(arguments) => commands::bot_file::apply(&config, arguments).await,
        Command::Openapi => {
            commands::openapi::run();
            Ok(())
        }
        Command::Simulate(arguments) => commands::simulate::run(&arguments),
        Command::Test(arguments) => commands::test::run(&arguments),
        Command::Staff(arguments) => commands::staff::run(config, arguments).await,
        Command::RotateRootKey => commands::rotate_root_key::run(config).await,
        Command::Replay(arguments) => commands::replay::run(config, *arguments).await,
        Command::Import(arguments) => commands::import::run(&arguments),
        Command::Conformance(arguments) => commands::conformance::run(&arguments),
    };
    done.map(|()| ExitCode::SUCCESS)
}
