//! Measures durable appends to the embedded log.
//!
//! `cargo run --release -p botbuilder-stream --example append [-- WRITERS SECONDS DIRECTORY]`
//!
//! Each writer appends one record of 600 bytes, waits until it is durable, and appends the next. Prints the
//! rate, percentiles of the wait in milliseconds, and how long opening the log takes afterwards. Before and
//! after, one thread writes as many bytes as one round of all writers to a plain file and syncs, over and
//! over: what the disk gives a perfect group commit at that time. Compare the two, not runs with each other.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use botbuilder_stream::embedded::{self, EmbeddedConfig};
use botbuilder_stream::{Record, Stream, default_topics};
use tokio::task::JoinSet;

const RECORD_BYTES: usize = 600;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let writers: usize = args.next().map_or(Ok(64), |text| text.parse())?;
    let seconds: u64 = args.next().map_or(Ok(10), |text| text.parse())?;
    let scratch = tempfile::tempdir()?;
    let dir = args.next().map_or_else(|| scratch.path().to_owned(), Into::into);

    let stream = embedded::open(EmbeddedConfig::new(&dir, default_topics(8)))?;
    println!("plain file: {} records/s", plain_file(&dir, writers)?);
    let begin = Instant::now();
    let until = begin + Duration::from_secs(seconds);
    let mut tasks = JoinSet::new();
    for writer in 0..writers {
        tasks.spawn(write_until(stream.clone(), writer, until));
    }
    let mut waits: Vec<Duration> = tasks.join_all().await.into_iter().flatten().collect();
    let took = begin.elapsed();
    waits.sort_unstable();
    let rate = waits.len() as u128 * 1000 / took.as_millis().max(1);
    let at = |permille: usize| waits[(waits.len() - 1) * permille / 1000].as_secs_f64() * 1000.0;
    println!("{writers} writers, {RECORD_BYTES} bytes: {rate} durable appends/s");
    println!("wait ms: p50 {:.2}, p99 {:.2}, p99.9 {:.2}, max {:.2}", at(500), at(990), at(999), at(1000));

    println!("plain file: {} records/s", plain_file(&dir, writers)?);

    stream.close().await;
    drop(stream);
    let begin = Instant::now();
    let stream = embedded::open(EmbeddedConfig::new(&dir, default_topics(8)))?;
    println!("opened again in {:.0} ms with {} records", begin.elapsed().as_secs_f64() * 1000.0, waits.len());
    stream.close().await;
    Ok(())
}

/// Records per second when each sync carries one record of every writer.
fn plain_file(dir: &Path, writers: usize) -> std::io::Result<u128> {
    let mut file = File::create(dir.join("plain"))?;
    let round = vec![b'x'; writers * RECORD_BYTES];
    let begin = Instant::now();
    let mut rounds = 0;
    while begin.elapsed() < Duration::from_secs(2) {
        file.write_all(&round)?;
        file.sync_data()?;
        rounds += 1;
    }
    std::fs::remove_file(dir.join("plain"))?;
    Ok(rounds * writers as u128 * 1000 / begin.elapsed().as_millis())
}

async fn write_until(stream: Arc<dyn Stream>, writer: usize, until: Instant) -> Vec<Duration> {
    let mut waits = Vec::new();
    let mut number = 0_u64;
    while Instant::now() < until {
        let record = Record::new(format!("w{writer}/{}", number % 16), vec![b'x'; RECORD_BYTES]);
        let begin = Instant::now();
        if let Err(error) = stream.append("inbound", vec![record]).await {
            eprintln!("append: {error}");
            break;
        }
        waits.push(begin.elapsed());
        number += 1;
    }
    waits
}
