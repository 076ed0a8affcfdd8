//! `limit`: an account that is written to faster than it may answer, for as long as that goes on. Its rate is never
//! exceeded in any second, and hardly any of it is left unused.

use std::{
    collections::HashSet,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use botbuilder_testkit::fake::whatsapp;
use serde::Serialize;

use crate::{
    http,
    input::{Channel, Secrets},
    load::{
        pace::{Pace, send_all},
        recorder::Recorder,
    },
    platform::{Parts, Platform},
    program,
};

/// People who write, one after the other.
const CONTACTS: usize = 2_000;
/// Connections that messages come over.
const CONNECTIONS: usize = 16;
/// How much faster they write than they can be answered.
const TOO_FAST: f64 = 1.1;
/// How long the replies that are left at the end may take, beyond what the rate makes of them.
const REST: Duration = Duration::from_mins(1);

/// What to do.
#[derive(Debug, Clone)]
pub struct Plan<'a> {
    /// The database server's superuser.
    pub server: &'a str,
    /// The program.
    pub binary: &'a Path,
    /// Messages a second that the account may send.
    pub rate: u32,
    /// How many it may send at once.
    pub burst: u32,
    /// How long people write.
    pub time: Duration,
}

/// What was measured.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// What it was measured with.
    pub with: Vec<String>,
    /// Messages a second that the account may send.
    pub rate: u32,
    /// How many it may send at once.
    pub burst: u32,
    /// How long people wrote.
    pub time: Duration,
    /// Replies that came meanwhile.
    pub sent: usize,
    /// Most replies within any one second, ends included.
    pub most_in_a_second: usize,
    /// Replies by what the rate allows in that time, without the burst.
    pub used: f64,
    /// Messages that were written, all of which were answered once.
    pub answered: usize,
}

/// Measures.
pub async fn run(plan: &Plan<'_>) -> Result<Report> {
    let provider = Recorder::start(Duration::ZERO).await?;
    let platform = Platform::assemble(Parts {
        purpose: "limit",
        server: plan.server,
        binary: plan.binary,
        directory: program::run_directory("limit")?,
        whatsapp_url: provider.url(),
        telegram_url: provider.url(),
        log: "warn",
    })
    .await?;
    sqlx::query(
        "UPDATE channels SET settings = settings || jsonb_build_object('limits', jsonb_build_object(
             'messages_per_second', $2::int, 'burst', $3::int, 'recipient_seconds', 0)) WHERE id = $1",
    )
    .bind(platform.seeded.whatsapp.uuid())
    .bind(i32::try_from(plan.rate)?)
    .bind(i32::try_from(plan.burst)?)
    .execute(platform.database.pool())
    .await?;
    let mut running = platform.program.start(&[], &[])?;
    running.ready().await?;

    let pace = Pace::starting(f64::from(plan.rate) * TOO_FAST, plan.time);
    let end = send_all(platform.program.public, CONNECTIONS, pace, messages(&platform)).await?;
    let most = plan.time.mul_f64(TOO_FAST - 1.0) + REST;
    provider.wait_for(pace.count(), most).await?;

    let taken = provider.take();
    let different: HashSet<&str> = taken.iter().map(|reply| reply.text.as_str()).collect();
    ensure!(
        taken.len() == pace.count() && different.len() == pace.count(),
        "{} replies, {} of them different, to {} messages",
        taken.len(),
        different.len(),
        pace.count()
    );
    let came: Vec<Instant> = taken.iter().map(|reply| reply.came).collect();
    let first = *came.first().context("nothing was sent")?;
    let sent = came.partition_point(|at| *at <= end);
    let with = vec![platform.database.server().await?];
    running.stop().await?;
    platform.remove().await?;
    let allowed = f64::from(plan.rate) * end.duration_since(first).as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a number of messages that a run can send")]
    let used = sent as f64 / allowed;
    Ok(Report {
        with,
        rate: plan.rate,
        burst: plan.burst,
        time: plan.time,
        sent,
        most_in_a_second: most_within(&came, Duration::from_secs(1)),
        used,
        answered: came.len(),
    })
}

/// What people write, by its number.
fn messages(platform: &Platform) -> impl Fn(usize) -> Vec<u8> + use<> {
    let Secrets { app_secret, phone_number_id, .. } = platform.secrets.clone();
    let path = platform.path(Channel::Whatsapp);
    move |number| {
        let (from, id) = (format!("1555{:07}", number % CONTACTS), format!("wamid.limit.{number:08}"));
        let text = format!("t{number}");
        let (body, signature) = whatsapp::message_webhook(&app_secret, &phone_number_id, &from, &id, &text);
        http::post(&path, whatsapp::SIGNATURE_HEADER, &signature, &body)
    }
}

/// The most of these instants, which rise, that lie within any window of this length.
fn most_within(instants: &[Instant], window: Duration) -> usize {
    let ending_at =
        |(place, last): (usize, &Instant)| place + 1 - instants.partition_point(|at| *at + window <= *last);
    instants.iter().enumerate().map(ending_at).max().unwrap_or_default()
}

impl Report {
    /// Whether the account kept to its rate: never more than burst and rate within a second.
    pub const fn kept(&self) -> bool {
        self.most_in_a_second <= self.rate as usize + self.burst as usize
    }

    /// For the terminal.
    pub fn text(&self) -> String {
        format!(
            "{}\nan account that may send {}/s and {} at once, written to {TOO_FAST} times as fast for {} s: {} sent, {:.1} % of \
             its rate, at most {} in any second; all {} messages answered once\n",
            self.with.join("; "),
            self.rate,
            self.burst,
            self.time.as_secs(),
            self.sent,
            self.used * 100.0,
            self.most_in_a_second,
            self.answered,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fullest_second_is_found() {
        let began = Instant::now();
        let at = |millis: &[u64]| -> Vec<Instant> {
            millis.iter().map(|millis| began + Duration::from_millis(*millis)).collect()
        };
        assert_eq!(most_within(&at(&[]), Duration::from_secs(1)), 0);
        assert_eq!(most_within(&at(&[0, 999, 1_000, 1_500, 2_600]), Duration::from_secs(1)), 3);
        assert_eq!(most_within(&at(&[0, 1_000, 2_000]), Duration::from_secs(1)), 1);
    }
}
