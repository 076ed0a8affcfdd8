//! The yardstick of a server that does nothing but sockets: nginx with Nchan.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use tokio::process::{Child, Command};

use crate::http;

/// Where Debian's package has the module.
const MODULE: &str = "/usr/lib/nginx/modules/ngx_nchan_module.so";

/// A running nginx with Nchan: `/sub/CHANNEL` is a socket, what is posted to `/pub/CHANNEL` goes to all of them.
/// Dropping it ends it.
#[derive(Debug)]
pub struct Nchan {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Nchan {
    /// Starts one that keeps its files in a directory. None where the module is not installed.
    pub async fn start(directory: &Path) -> Result<Option<Self>> {
        if !Path::new(MODULE).is_file() {
            return Ok(None);
        }
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let config = directory.join("nchan.conf");
        fs::write(&config, text(directory, address)?)?;
        let child = Command::new("nginx")
            .arg("-c")
            .arg(&config)
            .arg("-p")
            .arg(directory)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("nginx cannot be run")?;
        let began = Instant::now();
        while !matches!(http::once(address, &http::get("/")).await, Ok(200)) {
            let log = fs::read_to_string(directory.join("nchan.log")).unwrap_or_default();
            ensure!(began.elapsed() < Duration::from_secs(10), "nginx with nchan does not start:\n{log}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(Some(Self { child, address }))
    }

    /// The number of its first process, while it runs.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
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

/// A worker for each core, the usual settings, and no messages kept: sockets are told what is new.
fn text(directory: &Path, address: SocketAddr) -> Result<String> {
    let workers = std::thread::available_parallelism()?;
    let at = PathBuf::from(directory);
    let at = at.display();
    Ok(format!(
        "load_module {MODULE}; daemon off; master_process on; worker_processes {workers}; pid {at}/nchan.pid; \
         error_log {at}/nchan.log; worker_rlimit_nofile 20000;\n\
         events {{ worker_connections 19900; }}\n\
         http {{ access_log off; keepalive_requests 1000000000; nchan_shared_memory_size 256m; \
         client_body_temp_path {at}/nchan-body; proxy_temp_path {at}/nchan-proxy; \
         fastcgi_temp_path {at}/nchan-fastcgi; uwsgi_temp_path {at}/nchan-uwsgi; scgi_temp_path {at}/nchan-scgi;\n\
         server {{ listen {address} reuseport backlog=4096; \
         location / {{ return 200 \"ok\\n\"; }} \
         location ~ ^/sub/(\\w+)$ {{ nchan_subscriber websocket; nchan_channel_id $1; \
         nchan_subscriber_first_message newest; nchan_websocket_ping_interval 25; }} \
         location ~ ^/pub/(\\w+)$ {{ nchan_publisher http; nchan_channel_id $1; nchan_message_buffer_length 100; \
         nchan_message_timeout 5s; }} }} }}\n"
    ))
}
