//! A Redis server for one run of the tests.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    time::{Duration, Instant},
};

use crate::shell::{Guarded, Outcome, capture, program};

/// Time for the server to answer.
const READY_WITHIN: Duration = Duration::from_secs(10);

/// A running server; it ends with this value.
pub struct Redis {
    port: u16,
    _server: Guarded,
}

impl Redis {
    /// Starts a server on a free port of the loopback, without persistence.
    pub fn start() -> Outcome<Self> {
        let port = free_port()?;
        let directory = std::env::temp_dir().join(format!("botbuilder-redis-{}", std::process::id()));
        fs::create_dir_all(&directory)?;
        let mut server = program("redis-server");
        server.args([
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
            "--port",
            &port.to_string(),
            "--dir",
        ]);
        server.arg(&directory);
        let redis = Self { port, _server: Guarded::start(&server, &directory)? };
        redis.wait()?;
        Ok(redis)
    }

    /// What a client connects to.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// The server's version as it tells it.
    pub fn version(&self) -> Outcome<String> {
        let info = self.ask(&["INFO", "server"])?;
        let version = info.lines().find_map(|line| line.strip_prefix("redis_version:"));
        Ok(version.unwrap_or("of unknown version").trim().to_owned())
    }

    fn wait(&self) -> Outcome {
        let started = Instant::now();
        loop {
            match self.ask(&["PING"]) {
                Ok(_) => return Ok(()),
                Err(error) if started.elapsed() > READY_WITHIN => return Err(error),
                Err(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }

    fn ask(&self, words: &[&str]) -> Outcome<String> {
        capture(program("redis-cli").args(["-p", &self.port.to_string()]).args(words))
    }
}

/// A port nobody has at this moment. Somebody else may take it before the server does, which then does not start.
fn free_port() -> Outcome<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
