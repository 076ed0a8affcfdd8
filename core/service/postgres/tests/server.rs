//! The server against real PostgreSQL programs. `cargo xtask setup` unpacks them; the tests fail without them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use botbuilder_postgres::{Durability, Error, Installation, Options, Server, TemporaryServer, dirs};

/// A directory that every account may enter, removed at the end.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("botbuilder-test-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn installation() -> Installation {
    Installation::at(&dirs::postgres_installation()).unwrap()
}

fn options(directory: &Path) -> Options {
    Options {
        installation: installation(),
        directory: directory.to_owned(),
        database: "bot builder".to_owned(),
        max_connections: 20,
        durability: Durability::Full,
    }
}

/// Asks the server as a client would that only has the URL.
fn ask(server: &Server, sql: &str) -> String {
    let output = Command::new(server.installation().program("psql"))
        .args(["-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql, &server.url()])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn postmaster(directory: &Path) -> u32 {
    let text = fs::read_to_string(directory.join("data/postmaster.pid")).unwrap();
    text.lines().next().unwrap().parse().unwrap()
}

/// A process that has ended but was not asked after has no working directory.
fn lives(pid: u32) -> bool {
    fs::read_link(format!("/proc/{pid}/cwd")).is_ok()
}

fn kill(pid: u32) {
    assert!(Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap().success());
}

fn wait_for(what: &str, condition: impl Fn() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < Duration::from_secs(20), "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn data_survive_a_stop_and_the_extensions_are_there() {
    let directory = Directory::new("restart");
    let server = Server::start(options(&directory.0)).unwrap();
    assert!(ask(&server, "SHOW server_version").starts_with("18."));
    assert_eq!(ask(&server, "SHOW fsync"), "on");
    assert_eq!(ask(&server, "SHOW data_checksums"), "on");
    assert_eq!(
        ask(&server, "SELECT datlocale FROM pg_database WHERE datname = current_database()"),
        "C.UTF-8"
    );
    ask(&server, "CREATE EXTENSION vector; CREATE EXTENSION citext; CREATE EXTENSION pg_trgm");
    ask(&server, "CREATE TABLE t (v vector(3)); INSERT INTO t VALUES ('[1,2,3]')");
    let pid = postmaster(&directory.0);
    server.stop().unwrap();
    assert!(!lives(pid), "the server outlived its stop");

    let server = Server::start(options(&directory.0)).unwrap();
    assert_eq!(ask(&server, "SELECT v <-> '[1,2,5]' FROM t"), "2");
}

#[test]
fn a_killed_server_is_recovered() {
    let directory = Directory::new("killed");
    let server = Server::start(options(&directory.0)).unwrap();
    ask(&server, "CREATE TABLE t AS SELECT 7 AS n");
    kill(postmaster(&directory.0));
    wait_for("the server to be gone", || !server.is_running());
    server.ensure_running().unwrap();
    assert_eq!(ask(&server, "SELECT n FROM t"), "7");
}

#[test]
fn a_lock_file_whose_process_is_somebody_else_is_cleared() {
    let directory = Directory::new("stale");
    let server = Server::start(options(&directory.0)).unwrap();
    let file = directory.0.join("data/postmaster.pid");
    let text = fs::read_to_string(&file).unwrap();
    kill(postmaster(&directory.0));
    wait_for("the server to be gone", || !server.is_running());
    // The id now belongs to this test, which is certainly alive.
    let rest = text.split_once('\n').unwrap().1;
    fs::write(&file, format!("{}\n{rest}", std::process::id())).unwrap();
    server.ensure_running().unwrap();
    assert_eq!(ask(&server, "SELECT 1"), "1");
}

#[test]
fn a_server_left_behind_is_taken_over() {
    let directory = Directory::new("adopted");
    let server = Server::start(options(&directory.0)).unwrap();
    let pid = postmaster(&directory.0);
    server.abandon();
    let server = Server::start(options(&directory.0)).unwrap();
    assert_eq!(postmaster(&directory.0), pid, "it was started anew");
    assert_eq!(ask(&server, "SELECT 1"), "1");
    server.stop().unwrap();
}

#[test]
fn a_server_left_behind_with_other_settings_is_restarted() {
    let directory = Directory::new("resettled");
    let server = Server::start(options(&directory.0)).unwrap();
    let pid = postmaster(&directory.0);
    server.abandon();
    let server = Server::start(Options { max_connections: 25, ..options(&directory.0) }).unwrap();
    assert_ne!(postmaster(&directory.0), pid);
    assert_eq!(ask(&server, "SHOW max_connections"), "25");
}

#[test]
fn a_second_process_is_refused() {
    let directory = Directory::new("twice");
    let _server = Server::start(options(&directory.0)).unwrap();
    let error = Server::start(options(&directory.0)).unwrap_err();
    assert!(matches!(error, Error::InUse { .. }), "{error}");
}

#[test]
fn data_of_another_version_are_left_alone() {
    let directory = Directory::new("version");
    fs::create_dir_all(directory.0.join("data")).unwrap();
    fs::write(directory.0.join("data/PG_VERSION"), "15\n").unwrap();
    let error = Server::start(options(&directory.0)).unwrap_err().to_string();
    assert!(error.contains("was made by PostgreSQL 15"), "{error}");
}

#[test]
fn a_long_path_gets_a_short_socket() {
    let directory = Directory::new(&"long".repeat(30));
    let server = Server::start(options(&directory.0)).unwrap();
    assert_eq!(ask(&server, "SELECT 1"), "1");
    let sockets = server.sockets().to_owned();
    server.stop().unwrap();
    fs::remove_dir_all(sockets).unwrap();
}

#[test]
fn a_temporary_server_leaves_nothing() {
    let server = TemporaryServer::start(installation(), &std::env::temp_dir(), Durability::None).unwrap();
    assert_eq!(ask(server.server(), "SHOW fsync"), "off");
    let directory = server.server().sockets().to_owned();
    let pid = postmaster(&directory);
    drop(server);
    assert!(!directory.exists());
    wait_for("the server to be gone", || !lives(pid));
}

/// The process that holds a temporary server is killed: its server and its directory go all the same.
#[test]
fn a_temporary_server_does_not_outlive_a_killed_process() {
    let directory = Directory::new("orphan");
    fs::create_dir_all(&directory.0).unwrap();
    let mut holder = Command::new(env!("CARGO_BIN_EXE_temporary-postgres"))
        .arg(&directory.0)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut url = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(holder.stdout.as_mut().unwrap()), &mut url)
        .unwrap();
    let inside = || fs::read_dir(&directory.0).unwrap().count();
    assert!(url.starts_with("postgres://") && inside() == 1, "{url}");
    holder.kill().unwrap();
    holder.wait().unwrap();
    wait_for("the directory to be gone", || inside() == 0);
}
