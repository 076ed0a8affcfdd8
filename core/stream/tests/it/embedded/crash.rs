//! A process killed while it appends: everything it had acknowledged is there, in order, once.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use botbuilder_stream::conformance::{number_of, read, record};
use botbuilder_stream::embedded::{self, EmbeddedConfig};
use botbuilder_stream::{Stream, TopicConfig};

const WRITERS: usize = 8;
const ROUNDS: usize = 15;
const DIR: &str = "STREAM_CRASH_DIR";
const ROUND: &str = "STREAM_CRASH_ROUND";

fn open(dir: &Path) -> Arc<dyn Stream> {
    let topics = vec![TopicConfig::new("inbound", 4)];
    let config = EmbeddedConfig { file_bytes: 64 * 1024, ..EmbeddedConfig::new(dir, topics) };
    embedded::open(config).expect("open")
}

/// What the process to be killed runs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "runs as a child of the test below"]
async fn child() {
    let dir = std::env::var(DIR).expect("directory");
    let round = std::env::var(ROUND).expect("round");
    let stream = open(dir.as_ref());
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let (stream, key) = (stream.clone(), format!("{round}-{writer}"));
        tasks.spawn(async move {
            let mut number = 0;
            loop {
                let batch = 1 + (number + writer) % 3;
                let records = (number..number + batch).map(|number| record(&key, number)).collect();
                stream.append("inbound", records).await.expect("append");
                number += batch;
                say(&format!("appended {key} {number}"));
            }
        });
    }
    let mut member = stream.subscribe("inbound", "runtime").await.expect("subscribe");
    while let Some(mut partition) = member.assigned().await.expect("assigned") {
        tasks.spawn(async move {
            loop {
                let records = partition.next(20).await.expect("next");
                let next = records[records.len() - 1].position.offset + 1;
                partition.commit(next).await.expect("commit");
                say(&format!("committed {} {next}", partition.id()));
            }
        });
    }
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // The parent may have stopped listening; it is about to kill us.
    let _ = writeln!(out, "\n@{line}").and_then(|()| out.flush());
}

#[tokio::test]
async fn killed_process_loses_nothing_it_acknowledged() {
    let dir = tempfile::tempdir().expect("directory");
    let mut appended: BTreeMap<String, usize> = BTreeMap::new();
    let mut committed: BTreeMap<u32, u64> = BTreeMap::new();
    for round in 0..ROUNDS {
        let lines = 1 + round * 97 % 700;
        for line in run_and_kill(dir.path(), round, lines) {
            let mut words = line.split(' ');
            let (what, of, number) = (words.next(), words.next(), words.next());
            let (Some(of), Some(number)) = (of, number) else { continue };
            match what {
                Some("appended") => {
                    appended.insert(of.to_owned(), number.parse().expect("number"));
                }
                Some("committed") => {
                    committed.insert(of.parse().expect("partition"), number.parse().expect("offset"));
                }
                _ => {}
            }
        }
        verify(dir.path(), &appended, &committed).await;
    }
    assert!(appended.values().sum::<usize>() > 1000, "hardly anything was appended: {appended:?}");
    assert!(!committed.is_empty());
}

/// Runs the child, kills it once it has acknowledged so much, and tells all that it said.
fn run_and_kill(dir: &Path, round: usize, lines: usize) -> Vec<String> {
    let program = std::env::current_exe().expect("this program");
    let mut child = Command::new(program)
        .args(["--exact", "embedded::crash::child", "--ignored", "--nocapture"])
        .env(DIR, dir)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .expect("child");
    let mut said = Vec::new();
    let out = BufReader::new(child.stdout.take().expect("output"));
    for line in out.lines() {
        // A last line without its end does not count: `lines` would give it, the leading mark tells.
        let line = line.expect("line");
        if let Some(line) = line.strip_prefix('@') {
            said.push(line.to_owned());
        }
        if said.len() == lines {
            child.kill().expect("kill");
        }
    }
    child.wait().expect("wait");
    assert!(said.len() >= lines, "child ended by itself after {} lines", said.len());
    // The last line may have been cut short.
    said.pop();
    said
}

async fn verify(dir: &Path, appended: &BTreeMap<String, usize>, committed: &BTreeMap<u32, u64>) {
    let stream = open(dir);
    let lag = stream.lag("inbound", "runtime").await.expect("lag");
    for (partition, next) in committed {
        let stored = lag[*partition as usize].committed;
        assert!(stored >= *next, "position of partition {partition}: {stored} stored, {next} acknowledged");
    }
    let stored: u64 = lag.iter().map(|lag| lag.end - lag.first).sum();
    let records = read(&stream, "inbound", "checker", usize::try_from(stored).expect("few")).await;
    let mut numbers: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for record in &records {
        numbers.entry(&record.record.key).or_default().push(number_of(record));
    }
    for (key, stored) in &numbers {
        assert_eq!(*stored, (0..stored.len()).collect::<Vec<_>>(), "records of {key}");
    }
    for (key, acknowledged) in appended {
        let stored = numbers.get(key.as_str()).map_or(0, Vec::len);
        assert!(stored >= *acknowledged, "{key}: {stored} stored, {acknowledged} acknowledged");
    }
    stream.close().await;
}
