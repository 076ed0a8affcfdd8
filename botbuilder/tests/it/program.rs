//! The program itself: its files, its database, and its processes.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    os::unix::process::ExitStatusExt as _,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use botbuilder_domain::Secret;
use botbuilder_store::{Store, secret::RootKey};
use botbuilder_testkit::{
    database::TestDatabase,
    local_client::LocalClient,
    platform::{New, Organization, PATIENCE, ROOT_KEY, eventually, execute, rows},
};
use serde_json::Value;
use tokio::{
    process::{Child, Command},
    time::timeout,
};

/// The program that is tested.
const BINARY: &str = env!("CARGO_BIN_EXE_botbuilder");

/// A command of the program without any setting of whoever runs the tests.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("BOTBUILDER") {
            command.env_remove(&name);
        }
    }
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// What a command that ends by itself said.
pub struct Said {
    /// How it ended.
    pub status: ExitStatus,
    /// On standard output.
    pub out: String,
    /// On standard error.
    pub error: String,
}

/// Runs a command to its end.
pub async fn run(mut command: Command) -> Said {
    let output = timeout(PATIENCE, command.output()).await.expect("an end").expect("the program");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    Said { status: output.status, out: text(output.stdout), error: text(output.stderr) }
}

/// Addresses that nobody uses now.
pub fn free_addresses<const N: usize>() -> [SocketAddr; N] {
    // All are held until the last is chosen, so that none is chosen twice.
    let listeners: [TcpListener; N] =
        std::array::from_fn(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port"));
    listeners.map(|listener| listener.local_addr().expect("an address"))
}

/// The program with a data directory, a database and an organization, ready to be started as often as wanted.
pub struct Program {
    /// Its organization, with its providers.
    pub organization: Organization,
    /// Where its files are.
    pub directory: tempfile::TempDir,
    /// Where webhooks go.
    pub public: SocketAddr,
    stream: String,
    database: TestDatabase,
}

impl Program {
    /// One with the embedded stream.
    pub async fn new(flow: &Value) -> Self {
        Self::with_stream(flow, "backend = \"embedded\"\npartitions = 4\n").await
    }

    /// One whose `[stream]` section says this.
    pub async fn with_stream(flow: &Value, stream: &str) -> Self {
        let database = TestDatabase::new().await;
        let [public] = free_addresses();
        let store = Store::connect(database.url(), 2).await.expect("the test database");
        let root = RootKey::new(Secret::new(ROOT_KEY));
        let base_url = format!("http://{public}");
        let new = New { slug: "acme", flow, app_secret: None, user_ids: false, base_url: &base_url };
        let organization = Organization::make(new, &store, &root).await;
        store.close().await;
        let directory = tempfile::tempdir().expect("a directory");
        Self { organization, directory, public, stream: stream.to_owned(), database }
    }

    /// Writes a configuration file of that name for a process that listens there, and says where its internal listener
    /// will be.
    fn configure(&self, name: &str, public: SocketAddr) -> (PathBuf, SocketAddr) {
        let [internal] = free_addresses();
        let path = self.directory.path().join(format!("{name}.toml"));
        let data = self.directory.path().join("data").display().to_string();
        let allow: Vec<String> = self.organization.provider_urls().iter().map(ToString::to_string).collect();
        let root_key = "5a".repeat(ROOT_KEY.len());
        let (url, stream) = (self.database.url(), &self.stream);
        let text = format!(
            "data_dir = {data:?}\n[database]\nurl = {url:?}\npool_size = 6\n[stream]\n{stream}\n[listen]\n\
             public = \"{public}\"\ninternal = \"{internal}\"\n[secrets]\n\
             root_key = {root_key:?}\n[log]\nfilter = \"warn\"\n[outbound]\nallow = {allow:?}\n"
        );
        fs::write(&path, text).expect("a file");
        (path, internal)
    }

    /// Starts a process with these roles, all if none is named, and waits until it is ready.
    pub async fn start(&self, name: &str, roles: &[&str]) -> Running {
        self.start_at(name, roles, self.public).await
    }

    /// The same beside another process that listens for webhooks already: this one listens elsewhere.
    pub async fn start_beside(&self, name: &str, roles: &[&str]) -> Running {
        let [public] = free_addresses();
        self.start_at(name, roles, public).await
    }

    async fn start_at(&self, name: &str, roles: &[&str], public: SocketAddr) -> Running {
        let (config, internal) = self.configure(name, public);
        let log = self.directory.path().join(format!("{name}.log"));
        let file = File::options().create(true).append(true).open(&log).expect("a log");
        let mut command = command(&["run", "--config", config.to_str().expect("text")]);
        for role in roles {
            command.args(["--role", role]);
        }
        command.current_dir(self.directory.path()).stdout(Stdio::null()).stderr(file);
        let child = command.spawn().expect("the program");
        let mut running = Running { child, log };
        running.ready(internal).await;
        running
    }

    /// Runs another command of the program with its configuration.
    pub async fn command(&self, arguments: &[&str]) -> Said {
        let (config, _) = self.configure("command", self.public);
        let mut all = arguments.to_vec();
        all.extend(["--config", config.to_str().expect("text")]);
        run(command(&all)).await
    }

    /// Where its database is.
    pub fn database_url(&self) -> &str {
        self.database.url()
    }

    /// The rows of a query, each as an object.
    pub async fn rows(&self, query: &str) -> Vec<Value> {
        let pool = self.database.pool().await;
        let rows = rows(&pool, query).await;
        pool.close().await;
        rows
    }

    /// The number of a query that counts one thing and calls it `n`.
    pub async fn count(&self, query: &str) -> i64 {
        self.rows(query).await[0]["n"].as_i64().expect("a number")
    }

    /// Runs a statement that changes something.
    pub async fn execute(&self, statement: &str) {
        let pool = self.database.pool().await;
        execute(&pool, statement).await;
        pool.close().await;
    }

    /// Waits until every message that was to be sent is sent, has failed or is uncertain, and all is published.
    pub async fn settled(&self) {
        eventually("every message is settled", async || {
            let left = self
                .count(
                    "SELECT (SELECT count(*) FROM channel_messages WHERE status = 'queued' AND uncertain_at IS NULL) \
                     + (SELECT count(*) FROM outbox_events WHERE published_at IS NULL) AS n",
                )
                .await;
            (left == 0).then_some(())
        })
        .await;
    }
}

/// A process. Dropping it kills it.
pub struct Running {
    child: Child,
    log: PathBuf,
}

impl Running {
    async fn ready(&mut self, internal: SocketAddr) {
        let client = LocalClient::new(Duration::from_secs(2)).expect("an http client");
        let url = format!("http://{internal}/readyz");
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("a process") {
                panic!("the program ended before it was ready ({status}):\n{}", self.log());
            }
            let answer = client.get(&url).expect("an address").send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return;
            }
            assert!(tokio::time::Instant::now() < deadline, "not ready in {PATIENCE:?}:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Ends it as a loss of power would.
    pub async fn kill(mut self) {
        self.child.start_kill().expect("it runs");
        let status = self.child.wait().await.expect("an end");
        assert_eq!(status.signal(), Some(9), "it had ended by itself:\n{}", self.log());
    }

    /// Tells it to stop.
    pub fn terminate(&self) {
        let id = self.child.id().expect("it runs").to_string();
        let told = std::process::Command::new("kill").args(["-TERM", &id]).status().expect("kill");
        assert!(told.success());
    }

    /// Waits until it has ended.
    pub async fn ended(mut self) -> ExitStatus {
        let Ok(status) = timeout(PATIENCE, self.child.wait()).await else {
            panic!("it does not end:\n{}", self.log());
        };
        status.expect("an end")
    }

    /// Tells it to stop and waits until it has, without a complaint.
    pub async fn stop(self) {
        self.terminate();
        let log = self.log.clone();
        let status = self.ended().await;
        assert!(status.success(), "{status}:\n{}", fs::read_to_string(log).unwrap_or_default());
    }

    /// What it wrote to its log.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}
