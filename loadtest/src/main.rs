//! The driver: `botbuilder-loadtest kill | ingest | turn | timers | neighbours | parts | limit | order | sockets | fanout | reconnect-storm | chat | api | nlu`. People start it as `cargo xtask kill` and `cargo xtask load`.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context as _, Result, bail, ensure};
use botbuilder_loadtest::{
    database,
    kill::{
        driver::Crowd,
        points::{POINTS, Point},
        run as kill,
    },
    load::{
        api, bare, chat, fanout, ingest, limit, neighbours, nlu, order, parts, reconnect, sockets, timers,
        turn,
    },
    program::{self, Build},
    report,
};
use clap::{Args, Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

/// Kills the program and measures it.
#[derive(Debug, Parser)]
#[command(name = "botbuilder-loadtest")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Args)]
struct Surroundings {
    /// A superuser's address of a PostgreSQL 18 server, in which a database is made for the run
    #[arg(long, env = database::ENVIRONMENT, hide_env_values = true)]
    database: String,
    /// The program; without it, it is built
    #[arg(long)]
    binary: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Kill the program while people write, then say what became of every message
    Kill {
        #[command(flatten)]
        at: Surroundings,
        /// Random kills
        #[arg(long, default_value_t = 50)]
        kills: u32,
        /// Deaths at each fail point
        #[arg(long, default_value_t = 0)]
        deaths: u32,
        /// Only these fail points
        #[arg(long)]
        point: Vec<String>,
        /// Where chance starts
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Messages a second
        #[arg(long, default_value_t = Crowd::default().rate)]
        rate: u32,
        /// Providers that throttle, fail and break connections
        #[arg(long)]
        misbehave: bool,
        /// Measure with the program as it is released
        #[arg(long)]
        release: bool,
    },
    /// Signed callbacks up to the durable answer
    Ingest {
        #[command(flatten)]
        at: Surroundings,
        /// How often the sides take turns
        #[arg(long, default_value_t = 5)]
        rounds: usize,
        /// Seconds of each side's turn
        #[arg(long, default_value_t = 5)]
        seconds: u64,
        /// Connections
        #[arg(long, default_value_t = 64)]
        connections: usize,
        /// Requests a second of the measurement at a fixed rate
        #[arg(long, default_value_t = 4_000.0)]
        rate: f64,
        /// Seconds of the measurement at a fixed rate
        #[arg(long, default_value_t = 30)]
        fixed_seconds: u64,
    },
    /// Messages up to the reply at the provider
    Turn {
        #[command(flatten)]
        at: Surroundings,
        /// How often the sides take turns
        #[arg(long, default_value_t = 5)]
        rounds: usize,
        /// Seconds of each side's turn
        #[arg(long, default_value_t = 10)]
        seconds: u64,
        /// Connections
        #[arg(long, default_value_t = 64)]
        connections: usize,
        /// Messages a second for the latency
        #[arg(long, default_value_t = 200.0)]
        rate: f64,
        /// Messages a second that have to be kept up with
        #[arg(long, default_value_t = 1_000.0)]
        high_rate: f64,
        /// Contacts that each wait for their reply, as fast as it goes
        #[arg(long, default_value_t = 256)]
        contacts: usize,
    },
    /// How late timers fire while very many wait
    Timers {
        #[command(flatten)]
        at: Surroundings,
        /// Timers that wait
        #[arg(long, default_value_t = 1_000_000)]
        timers: u32,
        /// Timers that come due, a second
        #[arg(long, default_value_t = 200)]
        rate: u32,
        /// Seconds for which they do
        #[arg(long, default_value_t = 60)]
        seconds: u32,
    },
    /// Replies of one organization while another broadcasts, and while a provider is dead
    Neighbours {
        #[command(flatten)]
        at: Surroundings,
        /// How often each is measured
        #[arg(long, default_value_t = 3)]
        rounds: usize,
        /// Seconds of each measurement
        #[arg(long, default_value_t = 10)]
        seconds: u64,
        /// Connections
        #[arg(long, default_value_t = 16)]
        connections: usize,
        /// Messages a second of those who are measured
        #[arg(long, default_value_t = 100.0)]
        rate: f64,
        /// Messages of the broadcast
        #[arg(long, default_value_t = 100_000)]
        broadcast: usize,
    },
    /// Replies of five parts to a provider that takes its time
    Parts {
        #[command(flatten)]
        at: Surroundings,
        /// Messages a second
        #[arg(long, default_value_t = 10.0)]
        rate: f64,
        /// Seconds for which people write
        #[arg(long, default_value_t = 20)]
        seconds: u64,
        /// Milliseconds until the provider answers
        #[arg(long, default_value_t = 50)]
        answers_after: u64,
    },
    /// An account that is written to faster than it may answer
    Limit {
        #[command(flatten)]
        at: Surroundings,
        /// Messages a second that it may send
        #[arg(long, default_value_t = 80)]
        rate: u32,
        /// How many it may send at once
        #[arg(long, default_value_t = 10)]
        burst: u32,
        /// Seconds for which people write
        #[arg(long, default_value_t = 600)]
        seconds: u64,
    },
    /// Numbered messages of very many people over Kafka, while a second process joins
    Order {
        #[command(flatten)]
        at: Surroundings,
        /// People who write
        #[arg(long, default_value_t = 1_000)]
        contacts: usize,
        /// Messages of each of them
        #[arg(long, default_value_t = 20)]
        messages: usize,
        /// Messages a second of all of them
        #[arg(long, default_value_t = 400.0)]
        rate: f64,
    },
    /// What idle sockets of visitors take of the machine
    Sockets {
        #[command(flatten)]
        at: Surroundings,
        /// How many, growing
        #[arg(long, value_delimiter = ',', default_value = "10000,19000")]
        counts: Vec<usize>,
        /// Seconds over which processor time is measured
        #[arg(long, default_value_t = 50)]
        seconds: u64,
    },
    /// One message to many sockets
    Fanout {
        #[command(flatten)]
        at: Surroundings,
        /// Sockets that are told
        #[arg(long, default_value_t = 1_000)]
        sockets: usize,
        /// How often the sides take turns
        #[arg(long, default_value_t = 5)]
        rounds: usize,
        /// Seconds of each side's turn
        #[arg(long, default_value_t = 5)]
        seconds: u64,
    },
    /// All sockets cut at once: how soon everybody is back, and what was lost
    ReconnectStorm {
        #[command(flatten)]
        at: Surroundings,
        /// Visitors with a socket each
        #[arg(long, default_value_t = 10_000)]
        sockets: usize,
        /// How often all are cut
        #[arg(long, default_value_t = 3)]
        rounds: usize,
    },
    /// The management API beside a bare route with one query, and pages of a long list
    Api {
        #[command(flatten)]
        at: Surroundings,
        /// How often the sides take turns
        #[arg(long, default_value_t = 5)]
        rounds: usize,
        /// Seconds of each side's turn
        #[arg(long, default_value_t = 5)]
        seconds: u64,
        /// Connections
        #[arg(long, default_value_t = 16)]
        connections: usize,
        /// Requests a second of the measurement at a fixed rate
        #[arg(long, default_value_t = 500.0)]
        rate: f64,
        /// Seconds of each measurement at a fixed rate
        #[arg(long, default_value_t = 20)]
        fixed_seconds: u64,
        /// Rows of the long list
        #[arg(long, default_value_t = 1_000_000)]
        rows: i64,
        /// Measure with the program as it is in development
        #[arg(long)]
        debug: bool,
    },
    /// The bare route, for `api`
    #[command(hide = true)]
    Bare {
        /// The database
        #[arg(long, env = "BARE_DATABASE_URL", hide_env_values = true)]
        database: String,
        /// Connections to it
        #[arg(long)]
        connections: u32,
    },
    /// What texts mean, as fast as it goes; neither program nor database take part
    Nlu {
        /// The folder with the data sets `banking77` and `clinc150`
        #[arg(long)]
        data: PathBuf,
        /// The folder of the model files
        #[arg(long)]
        models: PathBuf,
        /// Examples an intent that the bot is trained on
        #[arg(long, default_value_t = 130)]
        examples: usize,
        /// Threads that ask
        #[arg(long, default_value_t = 2)]
        threads: usize,
        /// Texts
        #[arg(long, default_value_t = 4_400)]
        texts: usize,
        /// Where chance starts
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Visitors who converse with a bot, while the program is killed
    Chat {
        #[command(flatten)]
        at: Surroundings,
        /// Visitors who converse
        #[arg(long, default_value_t = 500)]
        visitors: usize,
        /// What each of them says
        #[arg(long, default_value_t = 10)]
        messages: usize,
        /// How often the program is killed meanwhile
        #[arg(long, default_value_t = 1)]
        kills: usize,
        /// Measure with the program as it is released
        #[arg(long)]
        release: bool,
    },
}

/// The program as it is released.
const RELEASED: Build = Build { release: true, failpoints: false, for_tests: false };

fn main() -> Result<()> {
    match Cli::parse().command {
        Command::Kill { at, kills, deaths, point, seed, rate, misbehave, release } => {
            let named: Vec<Point> = point
                .iter()
                .map(|name| Point::named(name).copied().with_context(|| format!("no fail point {name}")))
                .collect::<Result<_>>()?;
            let points = match (deaths, named.is_empty()) {
                (0, _) => &[],
                (_, true) => POINTS,
                (_, false) => named.as_slice(),
            };
            let build = Build { release, failpoints: !points.is_empty(), for_tests: false };
            let plan = kill::Plan {
                server: &at.database,
                binary: &at.binary(build)?,
                kills,
                points,
                deaths,
                seed,
                crowd: Crowd { rate, ..Crowd::default() },
                misbehaving: misbehave,
                tell: true,
            };
            let runtime =
                tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
            let outcome = runtime.block_on(unless_told(kill::run(&plan)))?;
            print!("{}", outcome.text());
            println!("{}", report::write("kill", &outcome)?.display());
            ensure!(outcome.verdict.passed(), "the program does not keep its promises");
        }
        Command::Ingest { at, rounds, seconds, connections, rate, fixed_seconds } => {
            let plan = ingest::Plan {
                server: &at.database,
                binary: &at.binary(RELEASED)?,
                rounds,
                slice: Duration::from_secs(seconds),
                connections,
                rate,
                fixed: Duration::from_secs(fixed_seconds),
            };
            let outcome = cheap_runtime()?.block_on(unless_told(ingest::run(&plan)))?;
            print!("{}", outcome.text());
            println!("{}", report::write("ingest", &outcome)?.display());
        }
        Command::Turn { at, rounds, seconds, connections, rate, high_rate, contacts } => {
            let plan = turn::Plan {
                server: &at.database,
                binary: &at.binary(RELEASED)?,
                rounds,
                slice: Duration::from_secs(seconds),
                connections,
                rate,
                high_rate,
                busy_contacts: contacts,
            };
            let outcome = cheap_runtime()?.block_on(unless_told(turn::run(&plan)))?;
            print!("{}", outcome.text());
            println!("{}", report::write("turn", &outcome)?.display());
        }
        Command::Timers { at, timers, rate, seconds } => {
            let binary = at.binary(RELEASED)?;
            let plan = timers::Plan { server: &at.database, binary: &binary, timers, rate, seconds };
            let outcome = cheap_runtime()?.block_on(unless_told(timers::run(&plan)))?;
            print!("{}", outcome.text());
            println!("{}", report::write("timers", &outcome)?.display());
        }
        Command::Neighbours { at, rounds, seconds, connections, rate, broadcast } => {
            let plan = neighbours::Plan {
                server: &at.database,
                binary: &at.binary(RELEASED)?,
                rounds,
                slice: Duration::from_secs(seconds),
                connections,
                rate,
                broadcast,
            };
            let outcome = cheap_runtime()?.block_on(unless_told(neighbours::run(&plan)))?;
            print!("{}", outcome.text());
            println!("{}", report::write("neighbours", &outcome)?.display());
        }
        Command::Parts { at, rate, seconds, answers_after } => {
            let plan = parts::Plan {
                server: &at.database,
                binary: &at.binary(RELEASED)?,
                rate,
                time: Duration::from_secs(seconds),
                answers_after: Duration::from_millis(answers_after),
            };
            let outcome = cheap_runtime()?.block_on(unless_told(parts::run(&plan)))?;
            print!("{}", outcome.text());
            println!("{}", report::write("parts", &outcome)?.display());
        }
        Command::Limit { at, rate, burst, seconds } => {
            let binary = at.binary(RELEASED)?;
            let time = Duration::from_secs(seconds);
            let plan = limit::Plan { server: &at.database, binary: &binary, rate, burst, time };
            let outcome = cheap_runtime()?.block_on(unless_told(limit::run(&plan)))?;
            print!("{}", outcome.text());
            println!("{}", report::write("limit", &outcome)?.display());
            ensure!(outcome.kept(), "the account did not keep to its rate");
        }
        Command::Order { at, contacts, messages, rate } => {
            let binary = at.binary(RELEASED)?;
            let plan = order::Plan { server: &at.database, binary: &binary, contacts, messages, rate };
            let outcome = cheap_runtime()?.block_on(unless_told(order::run(&plan)))?;
            print!("{}", outcome.text());
            println!("{}", report::write("order", &outcome)?.display());
        }
        Command::Sockets { at, counts, seconds } => {
            let binary = at.binary(RELEASED)?;
            let time = Duration::from_secs(seconds);
            let plan = sockets::Plan { server: &at.database, binary: &binary, counts, time };
            let outcome = cheap_runtime()?.block_on(unless_told(sockets::run(&plan)))?;
            print!("{}", outcome.text());
            println!("{}", report::write("sockets", &outcome)?.display());
        }
        Command::Fanout { at, sockets, rounds, seconds } => {
            let binary = at.binary(Build { for_tests: true, ..RELEASED })?;
            let slice = Duration::from_secs(seconds);
            let plan = fanout::Plan { server: &at.database, binary: &binary, sockets, rounds, slice };
            let outcome = cheap_runtime()?.block_on(unless_told(fanout::run(&plan)))?;
            print!("{}", outcome.text());
            println!("{}", report::write("fanout", &outcome)?.display());
        }
        Command::ReconnectStorm { at, sockets, rounds } => {
            let binary = at.binary(RELEASED)?;
            let plan = reconnect::Plan { server: &at.database, binary: &binary, sockets, rounds };
            let outcome = cheap_runtime()?.block_on(unless_told(reconnect::run(&plan)))?;
            print!("{}", outcome.text());
            println!("{}", report::write("reconnect-storm", &outcome)?.display());
            ensure!(outcome.is_whole(), "frames were lost or doubled");
        }
        Command::Api { at, rounds, seconds, connections, rate, fixed_seconds, rows, debug } => {
            let plan = api::Plan {
                server: &at.database,
                binary: &at.binary(if debug { Build::default() } else { RELEASED })?,
                rounds,
                slice: Duration::from_secs(seconds),
                connections,
                rate,
                fixed: Duration::from_secs(fixed_seconds),
                rows,
            };
            let outcome = cheap_runtime()?.block_on(unless_told(api::run(&plan)))?;
            print!("{}", outcome.text());
            println!("{}", report::write("api", &outcome)?.display());
        }
        Command::Bare { database, connections } => {
            let runtime = tokio::runtime::Runtime::new()?;
            runtime.block_on(bare::serve(&database, connections))?;
        }
        Command::Nlu { data, models, examples, threads, texts, seed } => {
            let outcome = nlu::run(&nlu::Plan { data, models, examples, threads, texts, seed })?;
            print!("{}", outcome.text());
            println!("{}", report::write("nlu", &outcome)?.display());
        }
        Command::Chat { at, visitors, messages, kills, release } => {
            let binary = at.binary(Build { release, ..Build::default() })?;
            let plan = chat::Plan { server: &at.database, binary: &binary, visitors, messages, kills };
            let outcome = cheap_runtime()?.block_on(unless_told(chat::run(&plan)))?;
            print!("{}", outcome.text());
            println!("{}", report::write("chat", &outcome)?.display());
            ensure!(outcome.is_whole(), "a conversation is not what it should be");
        }
    }
    Ok(())
}

/// Does some work, or stops in the middle of it when it is told to: what it started ends with it.
async fn unless_told<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        done = work => done,
        _ = tokio::signal::ctrl_c() => bail!("interrupted"),
        _ = terminated.recv() => bail!("terminated"),
    }
}

/// One thread: the driver leaves as much of the machine as it can to what it measures.
fn cheap_runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

impl Surroundings {
    fn binary(&self, build: Build) -> Result<PathBuf> {
        match &self.binary {
            Some(binary) => Ok(binary.canonicalize()?),
            None => program::binary(build),
        }
    }
}
