//! The managed server under the supervisor. `cargo xtask setup` unpacks the programs it needs.

use std::{path::Path, time::Duration};

use botbuilder_service::{
    config::Config,
    lifecycle::Supervisor,
    postgres::{Error, ManagedPostgres},
};
use tokio::{sync::mpsc, time::Instant};

async fn wait_for(condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "the condition did not come true");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn postmaster(data_dir: &Path) -> Option<u32> {
    let text = std::fs::read_to_string(data_dir.join("postgres/data/postmaster.pid")).ok()?;
    let pid = text.lines().next()?.parse().ok()?;
    std::fs::read_link(format!("/proc/{pid}/cwd")).ok().map(|_| pid)
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_started_again_when_it_dies_and_stopped_at_the_end() {
    let directory = tempfile::tempdir().unwrap();
    // Other accounts must be able to pass, should this run as root.
    std::fs::set_permissions(directory.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let config = Config { data_dir: Some(directory.path().to_owned()), ..Config::default() };
    let managed = ManagedPostgres::start(&config).await.unwrap();
    assert!(managed.url().expose().starts_with("postgres://postgres@localhost/botbuilder?host=/"));

    let mut supervisor = Supervisor::new();
    supervisor.start(managed);
    let (sender, signals) = mpsc::channel(2);
    let running = tokio::spawn(supervisor.run_until(signals));
    let first = postmaster(directory.path()).unwrap();
    std::process::Command::new("kill").args(["-9", &first.to_string()]).status().unwrap();
    wait_for(|| postmaster(directory.path()).is_some_and(|pid| pid != first)).await;

    sender.send(()).await.unwrap();
    running.await.unwrap().unwrap();
    assert_eq!(postmaster(directory.path()), None);
}

#[tokio::test]
async fn missing_programs_say_what_to_do() {
    let mut config = Config { data_dir: Some("/nowhere".into()), ..Config::default() };
    config.database.installation = Some("/nowhere".into());
    let error = ManagedPostgres::start(&config).await.err().unwrap();
    assert!(matches!(error, Error::NotInstalled { .. }), "{error}");
    assert!(error.to_string().contains("database.url"), "{error}");
}
