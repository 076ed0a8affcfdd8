//! Hubs of two instances that tell each other by a real Redis, which dies and comes back.
//!
//! `cargo xtask test` sees to it that `redis-server` is there. Without it nothing is tested here, which is said, and
//! is an error under CI.

use std::{
    net::{Ipv4Addr, TcpListener},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use botbuilder_domain::{ChannelId, Secret, SystemClock};
use botbuilder_gateway::hub::{Frame, Hub, Push, Reader, Visitor, instances::Instances};
use botbuilder_service::{config::limits, lifecycle::Service as _, redis::Redis};
use botbuilder_testkit::platform::eventually;
use serde_json::json;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const PATIENCE: Duration = Duration::from_mins(1);

/// A Redis of the test's own, that it may kill.
struct Server {
    port: u16,
    child: Child,
}

impl Server {
    /// None where there is no Redis on this machine.
    fn start() -> Option<Self> {
        let port =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|free| free.local_addr()).expect("a port");
        let port = port.port();
        match Self::spawn(port) {
            Ok(child) => Some(Self { port, child }),
            Err(error) => {
                assert!(std::env::var_os("CI").is_none(), "redis-server cannot be run: {error}");
                println!("redis-server cannot be run, nothing is tested: {error}");
                None
            }
        }
    }

    fn spawn(port: u16) -> std::io::Result<Child> {
        let port = port.to_string();
        Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port", &port])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
    }

    fn kill(&mut self) {
        self.child.kill().expect("redis runs");
        self.child.wait().expect("redis ends");
    }

    fn start_again(&mut self) {
        self.child = Self::spawn(self.port).expect("redis starts again");
    }

    fn connect(&self, prefix: &str) -> Redis {
        let url = Secret::new(format!("redis://127.0.0.1:{}", self.port));
        Redis::open(&url, prefix).expect("the address can be read")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have been killed before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A hub that is in touch with others.
fn instance(server: &Server, id: u128, stop: &CancellationToken) -> Arc<Hub> {
    let clock = Arc::new(SystemClock);
    let hub = Arc::new(Hub::new(&limits::WebSocket::default(), clock.clone()));
    let redis = server.connect("test:");
    let mut instances = Instances::join(Arc::clone(&hub), redis, clock, Uuid::from_u128(id));
    let stop = stop.clone();
    tokio::spawn(async move { instances.run(stop).await });
    hub
}

fn visitor() -> Visitor {
    (ChannelId::new(Uuid::from_u128(7)), "v7".to_owned())
}

fn push(hub: &Hub, seq: i64) {
    let (channel, address) = visitor();
    hub.push(
        channel,
        &address,
        &Frame { seq, role: "bot".to_owned(), payload: json!({ "kind": "text", "text": "ü" }) },
    );
}

/// The next push that is no request to look into the history.
async fn next(reader: &mut Reader) -> Push {
    loop {
        match timeout(PATIENCE, reader.recv()).await.expect("a push").expect("the hub holds on") {
            Push::Refill => {}
            push => return push,
        }
    }
}

/// Frames are told until one arrives: what is told before both listen is found in the history.
async fn arrives(from: &Hub, reader: &mut Reader, first: i64) -> i64 {
    for seq in first.. {
        push(from, seq);
        if let Ok(Push::Frame { seq, .. }) = timeout(Duration::from_millis(200), next(reader)).await {
            return seq;
        }
        assert!(seq < first + 300, "nothing arrives");
    }
    unreachable!("a frame arrives, or the loop has ended")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_instance_is_told_reaches_the_readers_of_the_other_and_who_is_there_is_known() {
    let Some(server) = Server::start() else { return };
    let stop = CancellationToken::new();
    let (here, there) = (instance(&server, 1, &stop), instance(&server, 2, &stop));
    let mut reader = there.connect(&visitor());
    let seq = arrives(&here, &mut reader, 1).await;
    push(&here, seq + 1);
    // Pushes of before may still be on their way.
    loop {
        if let Push::Frame { seq: found, text } = next(&mut reader).await
            && found == seq + 1
        {
            let frame: serde_json::Value = serde_json::from_slice(&text).expect("a frame is JSON");
            assert_eq!(
                (frame["seq"].as_i64(), frame["content"]["text"].as_str()),
                (Some(seq + 1), Some("ü"))
            );
            break;
        }
    }
    here.signal(&visitor(), &json!({ "type": "typing" }), None);
    assert!(matches!(next(&mut reader).await, Push::Signal(_)));
    eventually("the visitor is seen", async || here.is_present(&visitor()).await.then_some(())).await;
    drop(reader);
    eventually("the visitor is gone", async || (!here.is_present(&visitor()).await).then_some(())).await;
    stop.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_readers_look_into_their_histories_until_it_is_back() {
    let Some(mut server) = Server::start() else { return };
    let stop = CancellationToken::new();
    let (here, there) = (instance(&server, 1, &stop), instance(&server, 2, &stop));
    let mut reader = there.connect(&visitor());
    let seq = arrives(&here, &mut reader, 1).await;
    server.kill();
    // Nobody hears of this one; the reader is told to look, more than once.
    push(&here, seq + 1);
    for _ in 0..2 {
        loop {
            let heard = timeout(PATIENCE, reader.recv()).await.expect("a push").expect("the hub holds on");
            if heard == Push::Refill {
                break;
            }
        }
    }
    // Readers here are told as ever.
    let mut own = here.connect(&visitor());
    push(&here, seq + 2);
    assert!(matches!(next(&mut own).await, Push::Frame { .. }));
    server.start_again();
    arrives(&here, &mut reader, seq + 3).await;
    stop.cancel();
}
