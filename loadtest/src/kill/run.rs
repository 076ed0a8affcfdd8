//! Kills and restarts, then waits until everything has come to rest, then judges.

use std::{
    fmt::Write as _,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;

use crate::{
    input::Channel,
    kill::{
        checker::{self, Verdict},
        driver::{Counts, Crowd, Driver, Log, Target},
        evidence::Evidence,
        points::Point,
        providers::Providers,
    },
    platform::{Parts, Platform},
    program::{self, Running},
    random::Random,
    report,
};

/// How long after the last restart everything may take to come to rest.
const REST: Duration = Duration::from_mins(5);
/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// The longest life of the program, after it was ready.
const LIFE: Duration = Duration::from_millis(1_200);
/// The longest life of the program, if it is killed before it is ready.
const EARLY_LIFE: Duration = Duration::from_millis(400);
/// How many in a hundred kills come before the program is ready.
const EARLY: u64 = 15;
/// How long the program may live until it reaches the point at which it is to die.
const REACH: Duration = Duration::from_mins(1);

/// Most lives until one leaves something to publish: a turn that only takes a report in leaves nothing.
const LIVES: u32 = 20;

/// What to do.
#[derive(Debug, Clone)]
pub struct Plan<'a> {
    /// The database server's superuser.
    pub server: &'a str,
    /// The program.
    pub binary: &'a Path,
    /// Random kills.
    pub kills: u32,
    /// Places at which the program dies on its own, each so many times. Needs a program that has them.
    pub points: &'a [Point],
    /// Deaths at each of them.
    pub deaths: u32,
    /// Where chance starts.
    pub seed: u64,
    /// Who writes.
    pub crowd: Crowd,
    /// Whether the providers misbehave.
    pub misbehaving: bool,
    /// Whether each step is told on standard error.
    pub tell: bool,
}

/// What happened.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Where chance started.
    pub seed: u64,
    /// The database server.
    pub server: String,
    /// Who wrote.
    pub crowd: Crowd,
    /// Whether the providers misbehaved.
    pub misbehaving: bool,
    /// Random kills.
    pub kills: u32,
    /// Deaths at each point, by name.
    pub points: Vec<(&'static str, u32)>,
    /// How long starting took until the program was ready, in milliseconds, at the median and at most.
    pub ready_ms: (u64, u64),
    /// How long everything took, in seconds.
    pub seconds: u64,
    /// How long everything took to come to rest after the last restart, in milliseconds.
    pub rest_ms: u64,
    /// What the driver saw.
    pub driver: Counts,
    /// Reports of the provider that nobody took.
    pub reports_given_up: u64,
    /// What the checker found.
    pub verdict: Verdict,
}

/// Runs the suite. The files of a run that did not pass are kept.
pub async fn run(plan: &Plan<'_>) -> Result<Report> {
    let began = Instant::now();
    let providers = Providers::start().await?;
    providers.expect(plan.crowd);
    if plan.misbehaving {
        providers.misbehave(plan.seed);
    }
    let parts = Parts {
        purpose: "kill",
        server: plan.server,
        binary: plan.binary,
        directory: program::run_directory("kill")?,
        whatsapp_url: providers.whatsapp.base_url(),
        telegram_url: providers.telegram.base_url(),
        log: "info",
    };
    let (slack, instagram) = (providers.of_slack(), providers.of_instagram());
    let platform = Platform::with_networks(parts, Some(slack), Some(instagram)).await?;
    let callback = format!("http://{}{}", platform.program.public, platform.path(Channel::Whatsapp));
    providers.whatsapp.set_webhook_url(Some(&callback))?;

    let suite = Suite { plan, platform: &platform, providers: &providers };
    let outcome = suite.run(began).await;
    let passed = outcome.as_ref().is_ok_and(|report| report.verdict.passed());
    if passed {
        platform.remove().await?;
    } else {
        let directory = platform.directory.display();
        eprintln!("kept: {directory}, database {}", platform.database.url());
        eprintln!("what the program warned of:\n{}", platform.program.warnings());
    }
    outcome
}

struct Suite<'a> {
    plan: &'a Plan<'a>,
    platform: &'a Platform,
    providers: &'a Providers,
}

impl Suite<'_> {
    async fn run(&self, began: Instant) -> Result<Report> {
        let Plan { seed, crowd, .. } = *self.plan;
        let mut random = Random::new(seed);
        let target = Target {
            address: self.platform.program.public,
            paths: Channel::ALL.map(|channel| (channel, self.platform.path(channel))).into(),
            secrets: self.platform.secrets.clone(),
        };
        let mut life = random.branch();
        let mut ready = Vec::new();
        let driver = Driver::start(crowd, target, &mut random);
        for number in 1..=self.plan.kills {
            self.kill(number, &mut life, &mut ready, driver.log()).await?;
        }
        let mut points = Vec::new();
        for point in self.plan.points {
            let mut deaths = 0;
            while deaths < self.plan.deaths {
                if let Some(before) = point.after.and_then(Point::named) {
                    self.leave_unpublished(before, &mut life, driver.log()).await?;
                }
                self.die_at(point, &mut life, driver.log()).await?;
                deaths += 1;
            }
            points.push((point.name, deaths));
        }

        let mut running = self.platform.program.start(&[], &[])?;
        ready.push(running.ready().await?);
        let restarted = Instant::now();
        let log = driver.finish().await?;
        self.rest(&log, &running).await?;
        let rest = restarted.elapsed();
        running.stop().await.context("after the last restart")?;
        // Judged after the end: what was still under way in the program is over.
        let verdict = checker::check(&self.gather(&log).await?);
        ready.sort_unstable();
        let middle = ready.get(ready.len() / 2).copied().unwrap_or_default();
        let most = ready.last().copied().unwrap_or_default();
        Ok(Report {
            seed,
            server: self.platform.database.server().await?,
            crowd,
            misbehaving: self.plan.misbehaving,
            kills: self.plan.kills,
            points,
            ready_ms: (millis(middle), millis(most)),
            seconds: began.elapsed().as_secs(),
            rest_ms: millis(rest),
            driver: log.counts(),
            reports_given_up: self.providers.whatsapp.counters().webhooks_given_up,
            verdict,
        })
    }

    /// One life of the program, ended at random.
    async fn kill(
        &self,
        number: u32,
        random: &mut Random,
        ready: &mut Vec<Duration>,
        log: &Log,
    ) -> Result<()> {
        let early = random.percent(EARLY);
        let life = random.between(Duration::ZERO, if early { EARLY_LIFE } else { LIFE });
        let mut running = self.platform.program.start(&[], &[])?;
        if !early {
            ready.push(running.ready().await?);
        }
        tokio::time::sleep(life).await;
        running.kill().await?;
        if self.plan.tell {
            let accepted = log.accepted().len();
            let when = if early { "after its start" } else { "after it was ready" };
            eprintln!("kill {number}: {} ms {when}; {accepted} messages accepted", life.as_millis());
        }
        Ok(())
    }

    /// One life of the program, which ends by itself at a point.
    async fn die_at(&self, point: &Point, random: &mut Random, log: &Log) -> Result<()> {
        let passes = random.below(point.passes);
        let mut running = self.platform.program.start(&[], &[point.setting(passes)])?;
        let ended = tokio::time::timeout(REACH, running.ended()).await;
        let Ok(status) = ended else {
            anyhow::bail!("the program has not come by {} {passes} times in {REACH:?}", point.name);
        };
        let status = status?;
        ensure!(
            std::os::unix::process::ExitStatusExt::signal(&status) == Some(ABORTED),
            "the program ended otherwise than at {} ({status}):\n{}",
            point.name,
            running.tail()
        );
        if self.plan.tell {
            let accepted = log.accepted().len();
            eprintln!("died at {} after passing it {passes} times; {accepted} messages accepted", point.name);
        }
        Ok(())
    }

    /// Lives that end at a point, until one leaves records behind that are to be published.
    async fn leave_unpublished(&self, point: &Point, random: &mut Random, log: &Log) -> Result<()> {
        for _ in 0..LIVES {
            self.die_at(point, random, log).await?;
            let left: bool = sqlx::query_scalar(
                "SELECT EXISTS (SELECT FROM outbox_events WHERE published_at IS NULL AND available_at <= now())",
            )
            .fetch_one(self.platform.database.pool())
            .await?;
            if left {
                return Ok(());
            }
        }
        anyhow::bail!("{LIVES} deaths at {} left nothing to publish", point.name)
    }

    async fn gather(&self, log: &Log) -> Result<Evidence> {
        let pool = self.platform.database.pool();
        Evidence::gather(log.accepted(), pool, self.providers).await
    }

    /// Waits until there is nothing to find, or for as long as is allowed: then what is found counts.
    async fn rest(&self, log: &Log, running: &Running) -> Result<()> {
        let since = Instant::now();
        loop {
            let verdict = checker::check(&self.gather(log).await?);
            if verdict.failures() == 0 || since.elapsed() > REST {
                return Ok(());
            }
            ensure!(running.id().is_some(), "the program ended by itself:\n{}", running.tail());
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// The signal of a process that aborted.
const ABORTED: i32 = 6;

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

impl Report {
    /// For the terminal, and for `docs/reliability.md`.
    pub fn text(&self) -> String {
        let Self { verdict, driver, .. } = self;
        let line = |what: &str, number: u64| vec![what.to_owned(), number.to_string()];
        let mut lines = vec![vec!["what".to_owned(), "count".to_owned()], line("kills", self.kills.into())];
        for (name, deaths) in &self.points {
            lines.push(line(&format!("deaths at {name}"), u64::from(*deaths)));
        }
        lines.push(line("accepted", verdict.accepted));
        lines.push(line("replies at the providers", verdict.delivered));
        for (name, findings) in verdict.named() {
            lines.push(line(name, findings.count));
        }
        lines.extend([
            line("outward duplicates", verdict.outward_duplicates),
            line("uncertain, all marked", verdict.uncertain.marked),
            line("  settled by a report of the provider", verdict.uncertain.settled),
            line("  open, the provider has it", verdict.uncertain.open_delivered),
            line("  open, the provider never had it", verdict.uncertain.open_not_delivered),
            line("reports of the provider that nobody took", self.reports_given_up),
            line("requests of the driver", driver.attempts),
            line("  not answered", driver.unanswered),
            line("  answered with 503", driver.unavailable),
            line("  repeated although taken", driver.redelivered),
        ]);
        let mut text = report::table(&lines);
        let (ready, slowest) = self.ready_ms;
        // Writing to a text has no way to fail.
        let _ = writeln!(
            text,
            "seed {}, {} messages/s of {} contacts{}, {}; ready after {ready} ms (median), {slowest} ms (most); \
             at rest {} ms after the last restart; {} s in all",
            self.seed,
            self.crowd.rate,
            self.crowd.contacts().count(),
            if self.misbehaving { ", providers that misbehave" } else { "" },
            self.server,
            self.rest_ms,
            self.seconds,
        );
        for (name, findings) in verdict.named() {
            for example in &findings.examples {
                let _ = writeln!(text, "{name}: {example}");
            }
        }
        text
    }
}
