use std::sync::{Arc, Mutex};

use super::*;

type Log = Arc<Mutex<Vec<String>>>;

/// How a test service behaves once it runs.
enum Behaviour {
    UntilStopped,
    FailAtOnce,
    ReturnAtOnce,
    Panic,
    NeverStop,
    /// Fails this many times, then runs until stopped.
    FailTimes(u32, mpsc::Sender<()>),
}

struct Scripted {
    name: &'static str,
    behaviour: Behaviour,
    on_exit: OnExit,
    log: Log,
}

impl Scripted {
    fn new(name: &'static str, behaviour: Behaviour, log: &Log) -> Self {
        Self { name, behaviour, on_exit: OnExit::Shutdown, log: log.clone() }
    }

    fn note(&self, what: &str) {
        self.log.lock().unwrap().push(format!("{} {what}", self.name));
    }
}

#[async_trait]
impl Service for Scripted {
    fn name(&self) -> &'static str {
        self.name
    }

    fn on_exit(&self) -> OnExit {
        self.on_exit
    }

    async fn run(&mut self, stop: CancellationToken) -> Result<(), ServiceError> {
        self.note("runs");
        match &mut self.behaviour {
            Behaviour::UntilStopped => stop.cancelled().await,
            Behaviour::FailAtOnce => return Err("broken".into()),
            Behaviour::ReturnAtOnce => return Ok(()),
            Behaviour::Panic => panic!("a bug"),
            Behaviour::NeverStop => std::future::pending().await,
            Behaviour::FailTimes(0, up) => {
                up.send(()).await?;
                stop.cancelled().await;
            }
            Behaviour::FailTimes(left, _) => {
                *left -= 1;
                return Err("not yet".into());
            }
        }
        self.note("stopped");
        Ok(())
    }
}

fn stopped(log: &Log) -> Vec<String> {
    log.lock().unwrap().iter().filter(|line| line.ends_with("stopped")).cloned().collect()
}

#[tokio::test(start_paused = true)]
async fn a_signal_stops_services_in_reverse_order() {
    let log = Log::default();
    let mut supervisor = Supervisor::new();
    for name in ["database", "runtime", "gateway"] {
        supervisor.start(Scripted::new(name, Behaviour::UntilStopped, &log));
    }
    let (sender, signals) = mpsc::channel(2);
    sender.send(()).await.unwrap();
    supervisor.run_until(signals).await.unwrap();
    // A task that is cancelled before its first poll still runs to its end, so all three are here.
    assert_eq!(stopped(&log), ["gateway stopped", "runtime stopped", "database stopped"]);
}

#[tokio::test(start_paused = true)]
async fn a_failing_service_stops_the_others_and_is_reported() {
    let log = Log::default();
    for (behaviour, expected) in [
        (Behaviour::FailAtOnce, "gateway failed: broken"),
        (Behaviour::ReturnAtOnce, "gateway ended by itself"),
        (Behaviour::Panic, "gateway failed: panicked: a bug"),
    ] {
        let mut supervisor = Supervisor::new();
        supervisor.start(Scripted::new("database", Behaviour::UntilStopped, &log));
        supervisor.start(Scripted::new("gateway", behaviour, &log));
        let (_sender, signals) = mpsc::channel(2);
        let failure = supervisor.run_until(signals).await.unwrap_err();
        assert_eq!(failure.to_string(), expected);
        assert_eq!(stopped(&log).pop().unwrap(), "database stopped");
        log.lock().unwrap().clear();
    }
}

#[tokio::test(start_paused = true)]
async fn the_deadline_ends_what_does_not_stop() {
    let log = Log::default();
    let mut supervisor = Supervisor::new().with_deadline(Duration::from_secs(3));
    supervisor.start(Scripted::new("stuck", Behaviour::NeverStop, &log));
    supervisor.start(Scripted::new("gateway", Behaviour::UntilStopped, &log));
    let (sender, signals) = mpsc::channel(2);
    sender.send(()).await.unwrap();
    let begun = Instant::now();
    let failure = supervisor.run_until(signals).await.unwrap_err();
    assert_eq!(failure.to_string(), "ended before they had finished: stuck");
    assert_eq!(stopped(&log), ["gateway stopped"]);
    assert_eq!(begun.elapsed().as_secs(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_second_signal_ends_at_once() {
    let log = Log::default();
    let mut supervisor = Supervisor::new();
    supervisor.start(Scripted::new("stuck", Behaviour::NeverStop, &log));
    let (sender, signals) = mpsc::channel(2);
    sender.send(()).await.unwrap();
    sender.send(()).await.unwrap();
    let begun = Instant::now();
    assert!(matches!(supervisor.run_until(signals).await, Err(Failure::Aborted { .. })));
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_service_with_a_restart_policy_is_started_again_with_growing_delays() {
    let log = Log::default();
    let (up, mut is_up) = mpsc::channel(1);
    let backoff = Backoff { first: Duration::from_secs(1), most: Duration::from_secs(3) };
    let mut service = Scripted::new("source", Behaviour::FailTimes(3, up), &log);
    service.on_exit = OnExit::Restart(backoff);
    let mut supervisor = Supervisor::new();
    supervisor.start(service);
    let begun = Instant::now();
    let (sender, signals) = mpsc::channel(2);
    let running = tokio::spawn(supervisor.run_until(signals));
    is_up.recv().await.unwrap();
    // 1 s, 2 s, then 4 s cut to 3 s.
    assert_eq!(begun.elapsed().as_secs(), 6);
    sender.send(()).await.unwrap();
    running.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_start_that_failed_half_way_is_undone() {
    let log = Log::default();
    let mut supervisor = Supervisor::new();
    supervisor.start(Scripted::new("database", Behaviour::UntilStopped, &log));
    supervisor.stop().await.unwrap();
    assert_eq!(stopped(&log), ["database stopped"]);
}
