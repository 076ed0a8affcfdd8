//! The yardstick of a server that does nothing: nginx, a worker for each core, returning a fixed body.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use tokio::process::{Child, Command};

use crate::http;

/// A running nginx. Dropping it ends it.
#[derive(Debug)]
pub struct Nginx {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// What it says of itself.
    pub version: String,
}

impl Nginx {
    /// Starts one that keeps its files in a directory.
    pub async fn start(directory: &Path) -> Result<Self> {
        let output = Command::new("nginx")
            .arg("-v")
            .output()
            .await
            .context("nginx cannot be run: install it, for example the package nginx-light")?;
        let version = String::from_utf8_lossy(&output.stderr).trim().replace("nginx version: ", "");
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let workers = std::thread::available_parallelism()?;
        let config = directory.join("nginx.conf");
        let at = directory.display();
        // Connections are kept for the whole run, as they are with the program.
        fs::write(
            &config,
            format!(
                "daemon off; master_process on; worker_processes {workers}; pid {at}/nginx.pid; \
                 error_log {at}/nginx.log;\n\
                 events {{ worker_connections 1024; }}\n\
                 http {{ access_log off; keepalive_requests 1000000000; client_max_body_size 4m; \
                 client_body_temp_path {at}/body; proxy_temp_path {at}/proxy; fastcgi_temp_path {at}/fastcgi; \
                 uwsgi_temp_path {at}/uwsgi; scgi_temp_path {at}/scgi;\n\
                 server {{ listen {address} reuseport backlog=1024; \
                 location / {{ default_type text/plain; return 200 \"ok\\n\"; }} }} }}\n"
            ),
        )?;
        let child = Command::new("nginx")
            .arg("-c")
            .arg(&config)
            .arg("-p")
            .arg(directory)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let began = Instant::now();
        while !matches!(http::once(address, &http::get("/")).await, Ok(200)) {
            let log = fs::read_to_string(directory.join("nginx.log")).unwrap_or_default();
            ensure!(began.elapsed() < Duration::from_secs(10), "nginx does not start:\n{log}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(Self { child, address, version })
    }

    /// Ends it and its workers.
    pub async fn stop(mut self) -> Result<()> {
        if let Some(id) = self.child.id() {
            // Its workers end with it only if it is asked.
            Command::new("kill").args(["-TERM", &id.to_string()]).status().await?;
        }
        self.child.wait().await?;
        Ok(())
    }
}
