//! A server for one run of the tests.

use std::{
    fs,
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, Stdio},
};

use crate::{Durability, Error, Installation, Options, Server};

/// Begins the names of the directories of such servers.
const PREFIX: &str = "botbuilder-postgres-";

/// Tests of several binaries run side by side, each with a pool or more.
const MAX_CONNECTIONS: u32 = 300;

/// A server in a directory of its own. Both are gone soon after this value, or the process that
/// holds it, is: a small process waits for the end of a pipe that only this process holds, which comes however the
/// process ends.
#[derive(Debug)]
pub struct TemporaryServer {
    server: Server,
    undertaker: Child,
}

impl TemporaryServer {
    /// Starts a server below `parent`, a directory that other accounts may enter, such as that of temporary files.
    pub fn start(installation: Installation, parent: &Path, durability: Durability) -> Result<Self, Error> {
        let directory = unused(parent);
        let options = Options {
            installation,
            directory,
            database: "botbuilder".to_owned(),
            max_connections: MAX_CONNECTIONS,
            durability,
        };
        let mut server = Server::start(options)?;
        let undertaker = server
            .undertaker()
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // An interrupt from the terminal must not end it before its work is done.
            .process_group(0)
            .spawn()
            .map_err(Error::io("start the process that stops the server"))?;
        server.disown();
        Ok(Self { server, undertaker })
    }

    /// The superuser's URL.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The server itself.
    pub fn server(&self) -> &Server {
        &self.server
    }
}

impl Drop for TemporaryServer {
    fn drop(&mut self) {
        drop(self.undertaker.stdin.take());
        // If it cannot be waited for, it is still at work and will finish without us.
        let _ = self.undertaker.wait();
    }
}

/// A name below `parent` that nothing has yet.
fn unused(parent: &Path) -> std::path::PathBuf {
    let pid = std::process::id();
    (0..u32::MAX)
        .map(|number| parent.join(format!("{PREFIX}{pid}-{number}")))
        .find(|path| fs::symlink_metadata(path).is_err())
        .unwrap_or_else(|| parent.join(format!("{PREFIX}{pid}")))
}
