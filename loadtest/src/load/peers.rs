//! Servers of others that do nothing but hold sockets, for scale: Bun, and node's `ws`.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use tokio::process::{Child, Command};

use crate::http;

/// Who they are: name, program and script, both below [`directory`], or on the search path.
const PEERS: [(&str, &str, &str); 2] =
    [("bun", "node_modules/.bin/bun", "bun.mjs"), ("node ws", "node", "ws.mjs")];

/// A running one. Dropping it ends it.
#[derive(Debug)]
pub struct Peer {
    /// What it is called.
    pub name: &'static str,
    /// Where it listens.
    pub address: SocketAddr,
    child: Child,
}

impl Peer {
    /// Those that are installed, started one when the one before is done with.
    pub fn installed() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
        PEERS.into_iter().filter(|(_, program, _)| {
            directory().join("node_modules").is_dir()
                && (!program.contains('/') || directory().join(program).is_file())
        })
    }

    /// Starts one.
    pub async fn start((name, program, script): (&'static str, &'static str, &'static str)) -> Result<Self> {
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let program = if program.contains('/') { directory().join(program) } else { program.into() };
        let child = Command::new(program)
            .arg(script)
            .arg(address.port().to_string())
            .current_dir(directory())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{name} cannot be run"))?;
        let began = Instant::now();
        while !matches!(http::once(address, &http::get("/")).await, Ok(200)) {
            ensure!(began.elapsed() < Duration::from_secs(10), "{name} does not start");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(Self { name, address, child })
    }

    /// The number of its process, while it runs.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Ends it.
    pub async fn stop(mut self) -> Result<()> {
        self.child.kill().await.context("it cannot be ended")
    }
}

/// Where their scripts are, and what `npm ci` puts beside them.
fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers")
}
