//! The program under test, as a process of its own.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use tokio::process::{Child, Command};

use crate::http;

/// The environment variable that names a program to use instead of building one.
pub const ENVIRONMENT: &str = "BOTBUILDER_BIN";
/// How long the program may take until it is ready.
const READY: Duration = Duration::from_mins(1);
/// How long the program may take to stop when it is asked to.
const STOP: Duration = Duration::from_mins(1);
/// Most lines of warnings that are shown.
const WARNINGS: usize = 60;
/// How often it is asked whether it is ready.
const ASK_EVERY: Duration = Duration::from_millis(5);

/// How the program is compiled.
#[derive(Debug, Clone, Copy, Default)]
pub struct Build {
    /// With optimisation.
    pub release: bool,
    /// With points at which it can be told to die.
    pub failpoints: bool,
    /// With the routes by which measurements reach the sockets' own code.
    pub for_tests: bool,
}

/// The program: the one the environment names, or one that is built now.
pub fn binary(build: Build) -> Result<PathBuf> {
    if let Some(named) = std::env::var_os(ENVIRONMENT).filter(|named| !named.is_empty()) {
        return Ok(named.into());
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the workspace is not there")?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = std::process::Command::new(cargo);
    command.current_dir(root).args(["build", "--quiet", "--package", "botbuilder"]);
    if build.release {
        command.arg("--release");
    }
    for (wanted, feature) in [(build.failpoints, "failpoints"), (build.for_tests, "for-tests")] {
        if wanted {
            command.args(["--features", feature]);
        }
    }
    // Cargo tells a test about the test's own package; the build is about another.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") || text == "CARGO_BIN_NAME" {
            command.env_remove(&name);
        }
    }
    let status = command.status().context("cargo cannot be run")?;
    ensure!(status.success(), "the program cannot be built: {status}");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |at| root.join(at));
    Ok(target.join(if build.release { "release" } else { "debug" }).join("botbuilder"))
}

/// A directory for the files of one run, below the compiler's.
pub fn run_directory(purpose: &str) -> Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the workspace is not there")?;
    let directory = root.join("target/loadtest").join(format!("{purpose}-{}", std::process::id()));
    if directory.exists() {
        fs::remove_dir_all(&directory)?;
    }
    fs::create_dir_all(&directory)?;
    Ok(directory)
}

/// What the configuration says beyond the defaults.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The database.
    pub database_url: String,
    /// The root key, in hexadecimal digits.
    pub root_key: String,
    /// Base addresses of the providers, which are on this machine.
    pub providers: Vec<String>,
    /// What is logged.
    pub log: String,
    /// The brokers of the stream; with none it is the program's own.
    pub kafka: Option<String>,
}

/// The program, ready to be started as often as wanted.
#[derive(Debug)]
pub struct Program {
    binary: PathBuf,
    directory: PathBuf,
    config: PathBuf,
    settings: Settings,
    /// Where webhooks go.
    pub public: SocketAddr,
    /// Where readiness is told.
    pub internal: SocketAddr,
}

impl Program {
    /// Writes the configuration into a directory that the program also keeps its data in.
    pub fn prepare(binary: &Path, directory: &Path, settings: Settings) -> Result<Self> {
        // A link of our own, so that a build during the run does not exchange the program.
        let own = directory.join("botbuilder");
        if binary != own && fs::hard_link(binary, &own).is_err() {
            fs::copy(binary, &own).with_context(|| format!("{} is not there", binary.display()))?;
        }
        let [public, internal] = free_addresses()?;
        let config = directory.join("botbuilder.toml");
        let program =
            Self { binary: own, directory: directory.to_owned(), config, settings, public, internal };
        program.configure()?;
        Ok(program)
    }

    /// Lets it call one more provider. It must not run yet.
    pub fn allow(&mut self, provider: String) -> Result<()> {
        self.settings.providers.push(provider);
        self.configure()
    }

    /// Writes the configuration.
    fn configure(&self) -> Result<()> {
        let Self { directory, config, settings, public, internal, .. } = self;
        let data = directory.join("data");
        let data_dir = data.display().to_string();
        fs::create_dir_all(&data)?;
        let Settings { database_url, root_key, providers, log, kafka } = settings;
        let stream = kafka.as_ref().map_or_else(
            || "backend = \"embedded\"".to_owned(),
            |brokers| format!("backend = \"kafka\"\npartitions = 8\n[stream.kafka]\nbrokers = [{brokers:?}]"),
        );
        fs::write(
            config,
            format!(
                "data_dir = {data_dir:?}\n[database]\nurl = {database_url:?}\n[stream]\n{stream}\n\
                 [listen]\npublic = \"{public}\"\ninternal = \"{internal}\"\n\
                 [secrets]\nroot_key = {root_key:?}\n[log]\nfilter = {log:?}\n[outbound]\nallow = {providers:?}\n"
            ),
        )?;
        Ok(())
    }

    /// The same over brokers, which share the work out among all processes that use them. It must not run yet.
    pub fn over_kafka(self, brokers: &str) -> Result<Self> {
        let settings = Settings { kafka: Some(brokers.to_owned()), ..self.settings };
        Self::prepare(&self.binary, &self.directory, settings)
    }

    /// Another process with the same settings beside this one, with addresses and files of its own.
    pub fn beside(&self, name: &str) -> Result<Self> {
        let directory = self.directory.join(name);
        fs::create_dir_all(&directory)?;
        Self::prepare(&self.binary, &directory, self.settings.clone())
    }

    /// Where its log is.
    pub fn log(&self) -> PathBuf {
        self.directory.join("botbuilder.log")
    }

    /// What it warned of in all its lives, except what each death brings with it; the last [`WARNINGS`] lines.
    pub fn warnings(&self) -> String {
        let log = fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = log
            .lines()
            .filter(|line| !line.contains("\"level\":\"INFO\""))
            .filter(|line| !line.contains("attempt without an outcome is uncertain"))
            .rev()
            .take(WARNINGS)
            .collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    /// Starts it, with the roles named; with none, it has all.
    pub fn start(&self, roles: &[&str], environment: &[(&str, String)]) -> Result<Running> {
        let log = File::options().create(true).append(true).open(self.log())?;
        let mut command = Command::new(&self.binary);
        command.arg("run").arg("--config").arg(&self.config);
        for role in roles {
            command.args(["--role", role]);
        }
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("BOTBUILDER") {
                command.env_remove(&name);
            }
        }
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        command.current_dir(&self.directory).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let child = command.kill_on_drop(true).spawn().context("the program cannot be started")?;
        Ok(Running { child, internal: self.internal, log: self.log(), started: Instant::now() })
    }
}

/// The program while it runs. Dropping it kills it.
#[derive(Debug)]
pub struct Running {
    child: Child,
    internal: SocketAddr,
    log: PathBuf,
    started: Instant,
}

impl Running {
    /// When it was started.
    pub const fn started(&self) -> Instant {
        self.started
    }

    /// The number of its process, while it runs.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits until it says that it is ready, and tells how long that took since its start.
    pub async fn ready(&mut self) -> Result<Duration> {
        let request = http::get("/readyz");
        loop {
            if let Some(status) = self.child.try_wait()? {
                bail!("the program ended before it was ready ({status}):\n{}", self.tail());
            }
            if matches!(http::once(self.internal, &request).await, Ok(200)) {
                return Ok(self.started.elapsed());
            }
            if self.started.elapsed() > READY {
                bail!("the program is not ready after {READY:?}:\n{}", self.tail());
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
    }

    /// Kills it. An error if it had ended by itself before.
    pub async fn kill(mut self) -> Result<()> {
        self.child.start_kill().context("the program had ended before it was killed")?;
        let status = self.child.wait().await?;
        ensure!(status.signal() == Some(9), "the program ended by itself ({status}):\n{}", self.tail());
        Ok(())
    }

    /// Waits until it ends.
    pub async fn ended(&mut self) -> Result<ExitStatus> {
        Ok(self.child.wait().await?)
    }

    /// Asks it to stop, and waits until it has. An error if it does not, or says that something went wrong.
    pub async fn stop(mut self) -> Result<Duration> {
        let asked = Instant::now();
        let id = self.child.id().context("the program had ended before it was stopped")?;
        let told = Command::new("kill").args(["-TERM", &id.to_string()]).status().await?;
        ensure!(told.success(), "the program cannot be told to stop");
        let Ok(status) = tokio::time::timeout(STOP, self.child.wait()).await else {
            bail!("the program has not stopped after {STOP:?}:\n{}", self.tail());
        };
        let status = status?;
        ensure!(status.success(), "the program stopped with {status}:\n{}", self.tail());
        Ok(asked.elapsed())
    }

    /// The end of its log.
    pub fn tail(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().rev().take(20).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

/// Addresses that nobody uses now.
fn free_addresses<const N: usize>() -> Result<[SocketAddr; N]> {
    let mut listeners = Vec::new();
    let mut addresses = [SocketAddr::from((Ipv4Addr::LOCALHOST, 0)); N];
    for address in &mut addresses {
        let listener = TcpListener::bind(*address)?;
        *address = listener.local_addr()?;
        // Held until all are chosen, so that none is chosen twice.
        listeners.push(listener);
    }
    Ok(addresses)
}
