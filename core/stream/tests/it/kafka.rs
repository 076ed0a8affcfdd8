//! The Kafka backend, against brokers that this suite starts, stops and kills.
//!
//! `BOTBUILDER_TEST_KAFKA` names the program that runs them (`cargo xtask test` sets it); what it does is
//! described in `xtask/src/kafka.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use botbuilder_stream::conformance::{self, Seen, Worker, number_of, read, record, within};
use botbuilder_stream::kafka::{self, KafkaConfig};
use botbuilder_stream::{AppendError, OpenError, Stream, TopicConfig};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const VARIABLE: &str = "BOTBUILDER_TEST_KAFKA";

/// One cluster at a time: brokers are large.
static TURN: Mutex<()> = Mutex::const_new(());

struct Brokers {
    child: Child,
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    addresses: String,
}

impl Brokers {
    /// Starts so many brokers; `None`, and a line that says so, where there is no program for it.
    fn start(count: usize) -> Option<Self> {
        let Some(program) = std::env::var_os(VARIABLE).filter(|program| !program.is_empty()) else {
            let reason = format!("kafka suite did not run: {VARIABLE} is not set");
            assert!(std::env::var("CI").as_deref() != Ok("true"), "{reason}");
            println!("{reason}");
            return None;
        };
        let mut child = Command::new(program)
            .args(["kafka", "--brokers", &count.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("program that runs brokers");
        let commands = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().expect("output"));
        let mut brokers = Self { child, commands, answers, addresses: String::new() };
        let ready = brokers.answer();
        ready.strip_prefix("ready ").expect("addresses").clone_into(&mut brokers.addresses);
        Some(brokers)
    }

    fn command(&mut self, command: &str) {
        let commands = self.commands.as_mut().expect("open until dropped");
        writeln!(commands, "{command}").expect("command");
        assert_eq!(self.answer(), "done", "{command}");
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("answer");
        line.trim().to_owned()
    }
}

impl Drop for Brokers {
    fn drop(&mut self) {
        self.commands.take();
        // It ends with its standard input; if it has ended before, a command has failed already.
        let _ = self.child.wait();
    }
}

fn config(brokers: &Brokers, topics: Vec<TopicConfig>) -> KafkaConfig {
    KafkaConfig {
        delivery_timeout: Duration::from_secs(5),
        session_timeout: Duration::from_secs(6),
        ..KafkaConfig::new(&brokers.addresses, topics)
    }
}

fn topics() -> Vec<TopicConfig> {
    let mut topics = conformance::topics();
    topics.extend([
        TopicConfig::new("stopped", 4),
        TopicConfig::new("killed", 4),
        TopicConfig::new("bound", 1),
    ]);
    topics
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conforms_with_one_broker_and_outlives_its_absence() {
    let _turn = TURN.lock().await;
    let Some(mut brokers) = Brokers::start(1) else { return };
    let stream = kafka::open(config(&brokers, topics())).await.expect("open");
    conformance::all(&stream).await;
    other_number_of_partitions_is_refused(&brokers).await;

    let load = Load::start(&stream, "stopped").await;
    load.grown().await;
    tokio::task::block_in_place(|| brokers.command("stop 1"));
    appends_are_refused(&stream).await;
    tokio::task::block_in_place(|| brokers.command("start 1"));
    load.grown().await;
    tokio::task::block_in_place(|| brokers.command("kill 1"));
    tokio::task::block_in_place(|| brokers.command("start 1"));
    load.grown().await;
    load.verify(&stream).await;
    stream.close().await;

    queue_is_bounded(&mut brokers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conforms_with_three_brokers_and_outlives_the_loss_of_one() {
    let _turn = TURN.lock().await;
    let Some(mut brokers) = Brokers::start(3) else { return };
    let stream = kafka::open(config(&brokers, topics())).await.expect("open");
    conformance::all(&stream).await;

    let load = Load::start(&stream, "killed").await;
    load.grown().await;
    for broker in 1..=3 {
        let how = if broker == 2 { "stop" } else { "kill" };
        tokio::task::block_in_place(|| brokers.command(&format!("{how} {broker}")));
        load.grown().await;
        tokio::task::block_in_place(|| brokers.command(&format!("start {broker}")));
        load.grown().await;
    }
    load.verify(&stream).await;
    stream.close().await;
}

async fn other_number_of_partitions_is_refused(brokers: &Brokers) {
    let other = kafka::open(config(brokers, vec![TopicConfig::new("order", 3)])).await;
    assert!(matches!(other, Err(OpenError::Config(_))));
}

async fn appends_are_refused(stream: &Arc<dyn Stream>) {
    let refused = within("refusal", stream.append("bound", vec![record("k", 0)])).await;
    assert!(matches!(refused, Err(AppendError::Unavailable { .. })), "{refused:?}");
}

/// While no broker answers, appends wait, and beyond the bound they are refused at once.
async fn queue_is_bounded(brokers: &mut Brokers) {
    let config = KafkaConfig { queue_records: 10, ..config(brokers, topics()) };
    let stream = kafka::open(config).await.expect("open");
    stream.append("bound", vec![record("k", 0)]).await.expect("append");
    tokio::task::block_in_place(|| brokers.command("stop 1"));
    let waiting = (0..10).map(|number| record("k", number)).collect();
    let mut waiting = Box::pin(stream.append("bound", waiting));
    // Polled once, so that it is handed over.
    assert!(futures_poll(&mut waiting).await.is_none(), "nothing acknowledges it");
    let refused = stream.append("bound", vec![record("k", 10)]).await;
    assert!(matches!(refused, Err(AppendError::Full { .. })), "{refused:?}");
    let waited = within("delivery timeout", waiting).await;
    assert!(matches!(waited, Err(AppendError::Unavailable { .. })), "{waited:?}");
    stream.close().await;
}

async fn futures_poll<T>(future: &mut (impl Future<Output = T> + Unpin)) -> Option<T> {
    tokio::select! {
        biased;
        value = future => Some(value),
        () = std::future::ready(()) => None,
    }
}

/// A producer that repeats what was refused, and a consumer, at work while brokers come and go.
struct Load {
    topic: &'static str,
    stop: CancellationToken,
    producer: JoinHandle<usize>,
    consumer: Worker,
    seen: Seen,
}

const KEYS: usize = 16;

impl Load {
    async fn start(stream: &Arc<dyn Stream>, topic: &'static str) -> Self {
        let (seen, stop) = (Seen::default(), CancellationToken::new());
        let consumer = Worker::start(stream, topic, "workers", "consumer", &seen).await;
        let (stream, stopped) = (stream.clone(), stop.clone());
        let producer = tokio::spawn(async move {
            let mut acknowledged = 0;
            while !stopped.is_cancelled() {
                let next = record(&format!("key-{}", acknowledged % KEYS), acknowledged);
                match stream.append(topic, vec![next]).await {
                    Ok(_) => acknowledged += 1,
                    Err(AppendError::Unavailable { .. } | AppendError::Full { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            acknowledged
        });
        Self { topic, stop, producer, consumer, seen }
    }

    /// Waits until a hundred more records have gone all the way.
    async fn grown(&self) {
        let before = self.seen.with(|seen| seen.records.len());
        self.seen.wait("records to flow", |seen| seen.records.len() >= before + 100).await;
    }

    /// Everything acknowledged is stored, in order, and was processed. A repeated append may be stored
    /// twice, one after the other.
    async fn verify(self, stream: &Arc<dyn Stream>) {
        self.stop.cancel();
        let acknowledged = within("the producer to stop", self.producer).await.expect("producer");
        let lag = stream.lag(self.topic, "nobody").await.expect("lag");
        let count = lag.iter().map(|lag| usize::try_from(lag.end - lag.first).expect("few")).sum();
        self.seen
            .wait("everything to be processed", |seen| {
                let distinct: BTreeSet<_> = seen.records.iter().map(|(_, position)| *position).collect();
                distinct.len() >= count
            })
            .await;
        self.consumer.stop().await;
        let stored = read(stream, self.topic, "checker", count).await;
        let mut by_key: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for record in &stored {
            by_key.entry(&record.record.key).or_default().push(number_of(record));
        }
        assert!(by_key.values().all(|numbers| numbers.is_sorted()), "order of a key");
        let distinct: BTreeSet<usize> = by_key.values().flatten().copied().collect();
        let lost: Vec<usize> = (0..acknowledged).filter(|number| !distinct.contains(number)).collect();
        assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
        println!("{}: {acknowledged} acknowledged, {count} stored", self.topic);
    }
}
