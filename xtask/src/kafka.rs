//! Apache Kafka for development and tests: fetches it, runs one broker or three, stops and restarts them.
//!
//! `cargo xtask kafka [--brokers N]` starts brokers on free loopback ports with data in a scratch directory,
//! prints `ready` and their addresses, and then takes commands on standard input, one a line:
//! `stop N` (soft), `kill N` (as a power cut would), `start N`, with brokers counted from 1. Each is answered
//! with `done`. It ends, and removes the data, when standard input ends or on `quit`.
//!
//! The Kafka suite of `core/stream` drives brokers through exactly this: `BOTBUILDER_TEST_KAFKA` names the
//! program to start.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufRead, Read, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use botbuilder_postgres::dirs;

use crate::shell::{Outcome, say};

/// The version of Apache Kafka.
pub const VERSION: &str = "4.1.0";
const LOG4J_VERSION: &str = "2.24.3";
/// Any 16 bytes in base 64; the same for every cluster, as none meets another.
const CLUSTER_ID: &str = "Ym90YnVpbGRlci10ZXN0cw";
/// A Java machine starts in about two seconds; a busy machine takes its time.
const READY_WITHIN: Duration = Duration::from_secs(90);
const STOPPED_WITHIN: Duration = Duration::from_secs(30);

/// The variable that names this program to the tests of `core/stream`.
pub const TEST_VARIABLE: &str = "BOTBUILDER_TEST_KAFKA";

/// The command: starts brokers and serves commands from standard input.
pub fn run(args: &[String]) -> Outcome {
    let brokers = match args {
        [] => 1,
        [flag, count] if flag == "--brokers" => count.parse()?,
        _ => return Err("usage: cargo xtask kafka [--brokers N]".into()),
    };
    let home = ensure_installed(&dirs::cache_dir())?;
    let mut cluster = Cluster::start(&home, brokers)?;
    answer(&format!("ready {}", cluster.bootstrap()))?;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let mut words = line.split_whitespace();
        let (what, broker) = (words.next(), words.next().and_then(|number| number.parse().ok()));
        match (what, broker) {
            (Some("quit"), _) => break,
            (Some("stop"), Some(broker)) => cluster.stop(broker)?,
            (Some("kill"), Some(broker)) => cluster.kill(broker)?,
            (Some("start"), Some(broker)) => cluster.restart(broker)?,
            (None, _) => continue,
            _ => {
                answer("unknown command: stop N, kill N, start N, quit")?;
                continue;
            }
        }
        answer("done")?;
    }
    Ok(())
}

fn answer(line: &str) -> Outcome {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

/// Fetches Kafka's jars with Maven unless the cache has them; gives their directory.
pub fn ensure_installed(cache: &Path) -> Outcome<PathBuf> {
    let home = cache.join(format!("kafka-{VERSION}"));
    if home.join("complete").is_file() {
        return Ok(home);
    }
    say(&format!("fetching Kafka {VERSION} with mvn, about 45 MB"));
    fs::create_dir_all(&home)?;
    fs::write(home.join("pom.xml"), pom())?;
    let copied = Command::new("mvn")
        .args(["--quiet", "--batch-mode", "dependency:copy-dependencies", "-DoutputDirectory=libs"])
        .current_dir(&home)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .map_err(|error| format!("mvn cannot be started, is Maven installed? {error}"))?;
    if !copied.success() {
        return Err(format!("mvn could not fetch Kafka {VERSION}").into());
    }
    fs::write(home.join("complete"), "")?;
    Ok(home)
}

fn pom() -> String {
    let dependency = |group: &str, artifact: &str, version: &str| {
        format!(
            "<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>\
             <version>{version}</version></dependency>"
        )
    };
    format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\"><modelVersion>4.0.0</modelVersion>\
         <groupId>botbuilder</groupId><artifactId>kafka</artifactId><version>1</version>\
         <packaging>pom</packaging><dependencies>{}{}</dependencies></project>\n",
        dependency("org.apache.kafka", "kafka_2.13", VERSION),
        // Without it the brokers' warnings go nowhere.
        dependency("org.apache.logging.log4j", "log4j-slf4j-impl", LOG4J_VERSION),
    )
}

/// Brokers in a scratch directory. Dropping it kills them and removes their data.
pub struct Cluster {
    home: PathBuf,
    dir: PathBuf,
    brokers: Vec<Broker>,
}

struct Broker {
    dir: PathBuf,
    address: SocketAddr,
    child: Option<Child>,
}

impl Cluster {
    /// Starts so many brokers, each also a controller, and waits until they know each other.
    pub fn start(home: &Path, brokers: usize) -> Outcome<Self> {
        let dir = std::env::temp_dir().join(format!("botbuilder-kafka-{}", std::process::id()));
        let ports = free_ports(2 * brokers)?;
        let (client_ports, controller_ports) = ports.split_at(brokers);
        let mut cluster = Self { home: home.to_owned(), dir, brokers: Vec::new() };
        for (place, port) in client_ports.iter().enumerate() {
            let dir = cluster.dir.join(format!("broker-{}", place + 1));
            fs::create_dir_all(&dir)?;
            let properties = properties(place, client_ports, controller_ports, &dir);
            fs::write(dir.join("server.properties"), properties)?;
            let address = SocketAddr::from(([127, 0, 0, 1], *port));
            cluster.brokers.push(Broker { dir, address, child: None });
        }
        for broker in &cluster.brokers {
            let mut format = cluster.java("kafka.tools.StorageTool", broker)?;
            format.args(["format", "-t", CLUSTER_ID, "-c", "server.properties"]);
            if !format.status()?.success() {
                return Err(
                    format!("storage could not be formatted, see {}", log_of(broker).display()).into()
                );
            }
        }
        for place in 0..brokers {
            cluster.launch(place)?;
        }
        for place in 0..brokers {
            cluster.wait_ready(place)?;
        }
        Ok(cluster)
    }

    /// Addresses for clients.
    pub fn bootstrap(&self) -> String {
        let addresses: Vec<String> = self.brokers.iter().map(|broker| broker.address.to_string()).collect();
        addresses.join(",")
    }

    /// Stops a broker softly: it hands its leadership over and syncs its data. Brokers count from 1.
    pub fn stop(&mut self, broker: usize) -> Outcome {
        let broker = self.broker(broker)?;
        let Some(mut child) = broker.child.take() else { return Ok(()) };
        let asked = Command::new("kill").arg(child.id().to_string()).status()?;
        let until = Instant::now() + STOPPED_WITHIN;
        while asked.success() && Instant::now() < until {
            if child.try_wait()?.is_some() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        child.kill()?;
        child.wait()?;
        Err("broker did not stop when asked and was killed".into())
    }

    /// Kills a broker. Brokers count from 1.
    pub fn kill(&mut self, broker: usize) -> Outcome {
        if let Some(mut child) = self.broker(broker)?.child.take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// Starts a stopped broker again and waits until it serves. Brokers count from 1.
    pub fn restart(&mut self, broker: usize) -> Outcome {
        if self.broker(broker)?.child.is_some() {
            return Ok(());
        }
        self.launch(broker - 1)?;
        self.wait_ready(broker - 1)
    }

    fn broker(&mut self, number: usize) -> Outcome<&mut Broker> {
        let place = number.checked_sub(1);
        Ok(place.and_then(|place| self.brokers.get_mut(place)).ok_or("there is no such broker")?)
    }

    fn launch(&mut self, place: usize) -> Outcome {
        let mut server = self.java("kafka.Kafka", &self.brokers[place])?;
        self.brokers[place].child = Some(server.arg("server.properties").spawn()?);
        Ok(())
    }

    fn java(&self, class: &str, broker: &Broker) -> Outcome<Command> {
        let log = File::options().create(true).append(true).open(log_of(broker))?;
        let mut java = Command::new("java");
        java.args(["-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"])
            .args(["-Dlog4j2.level=WARN", "-cp"])
            .arg(self.home.join("libs").join("*"))
            .arg(class)
            .current_dir(&broker.dir)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        Ok(java)
    }

    /// Waits until the broker answers and knows every broker that runs.
    fn wait_ready(&mut self, place: usize) -> Outcome {
        let running = self.brokers.iter().filter(|broker| broker.child.is_some()).count();
        let broker = &mut self.brokers[place];
        let until = Instant::now() + READY_WITHIN;
        while Instant::now() < until {
            if known_brokers(broker.address).is_ok_and(|known| known >= running) {
                return Ok(());
            }
            if let Some(child) = &mut broker.child
                && let Some(status) = child.try_wait()?
            {
                let log = fs::read_to_string(log_of(broker))?;
                return Err(format!("broker {} ended with {status}: {log}", place + 1).into());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let log = fs::read_to_string(log_of(broker))?;
        Err(format!("broker {} is not ready after {} s: {log}", place + 1, READY_WITHIN.as_secs()).into())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for child in self.brokers.iter_mut().filter_map(|broker| broker.child.as_mut()) {
            // It may have ended by itself, which is as good.
            let _ = child.kill();
            let _ = child.wait();
        }
        if let Err(error) = fs::remove_dir_all(&self.dir) {
            say(&format!("{} could not be removed: {error}", self.dir.display()));
        }
    }
}

fn log_of(broker: &Broker) -> PathBuf {
    broker.dir.join("broker.log")
}

fn free_ports(count: usize) -> Outcome<Vec<u16>> {
    // All are held until all are known, so that none is given twice.
    let listeners: Vec<TcpListener> =
        (0..count).map(|_| TcpListener::bind(("127.0.0.1", 0))).collect::<std::io::Result<_>>()?;
    Ok(listeners.iter().map(|listener| Ok(listener.local_addr()?.port())).collect::<std::io::Result<_>>()?)
}

fn properties(place: usize, client_ports: &[u16], controller_ports: &[u16], dir: &Path) -> String {
    let brokers = client_ports.len();
    let (id, port, controller_port) = (place + 1, client_ports[place], controller_ports[place]);
    let voters: Vec<String> =
        (1..).zip(controller_ports).map(|(id, port)| format!("{id}@127.0.0.1:{port}")).collect();
    let replicas = brokers.min(3);
    let in_sync = replicas.saturating_sub(1).max(1);
    let mut text = String::new();
    let mut set = |name: &str, value: &dyn std::fmt::Display| {
        let _ = writeln!(text, "{name}={value}");
    };
    set("process.roles", &"broker,controller");
    set("node.id", &id);
    set("controller.quorum.voters", &voters.join(","));
    set("listeners", &format!("PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}"));
    set("advertised.listeners", &format!("PLAINTEXT://127.0.0.1:{port}"));
    set("listener.security.protocol.map", &"PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT");
    set("controller.listener.names", &"CONTROLLER");
    set("inter.broker.listener.name", &"PLAINTEXT");
    set("log.dirs", &dir.join("data").display());
    set("auto.create.topics.enable", &false);
    set("offsets.topic.num.partitions", &4);
    set("offsets.topic.replication.factor", &replicas);
    set("transaction.state.log.replication.factor", &replicas);
    set("transaction.state.log.min.isr", &in_sync);
    set("min.insync.replicas", &in_sync);
    // Nobody to wait for on one machine, and a lost broker is noticed soon.
    set("group.initial.rebalance.delay.ms", &0);
    set("broker.heartbeat.interval.ms", &500);
    set("broker.session.timeout.ms", &3000);
    text
}

/// Asks a broker which brokers it knows of (a Kafka `Metadata` request, version 1, about no topic).
fn known_brokers(address: SocketAddr) -> Outcome<usize> {
    let patience = Duration::from_secs(2);
    let mut stream = TcpStream::connect_timeout(&address, patience)?;
    stream.set_read_timeout(Some(patience))?;
    let mut request = Vec::new();
    request.extend_from_slice(&3_i16.to_be_bytes()); // Metadata
    request.extend_from_slice(&1_i16.to_be_bytes()); // version
    request.extend_from_slice(&7_i32.to_be_bytes()); // correlation
    request.extend_from_slice(&(-1_i16).to_be_bytes()); // no client id
    request.extend_from_slice(&0_i32.to_be_bytes()); // no topics
    stream.write_all(&u32::try_from(request.len())?.to_be_bytes())?;
    stream.write_all(&request)?;
    let mut answer = [0; 12]; // length, correlation, number of brokers
    stream.read_exact(&mut answer)?;
    let count: [u8; 4] = answer[8..].try_into()?;
    Ok(usize::try_from(i32::from_be_bytes(count))?)
}
