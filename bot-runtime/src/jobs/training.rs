//! Trains bots: takes what their authors wrote, makes a model of it, says how good it is, and puts it in use.
//!
//! A training is a row that is claimed with its attempt counted, and kept in hand while it goes on. A worker that dies
//! leaves it claimed until its lease is over; then another begins anew. What an author wrote meanwhile is not in the
//! model: the bot counts as stale, and is trained again when somebody says so.

use std::{
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicI32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use botbuilder_nlu::{
    Embedders, Model, Progress, Report, Settings, TrainError,
    intents::{Conflict, conflicts},
    train_telling,
};
use botbuilder_service::lifecycle::{Backoff, OnExit, Service, ServiceError};
use botbuilder_store::{
    Error, OrgScope,
    nlu::{
        nlu_trainings::{self, Claimed, Made},
        taught,
    },
};
use botbuilder_understanding::Taught;
use chrono::TimeDelta;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::Runtime;

/// How often trainings are looked for.
const EVERY: Duration = Duration::from_secs(1);
/// How often one that goes on is noted.
const NOTED_EVERY: Duration = Duration::from_secs(2);
/// How long a claimed training is nobody else's after it was last noted.
const LEASE: TimeDelta = TimeDelta::seconds(60);
/// Attempts, after which it is given up: what kills its worker three times kills the next one too.
const ATTEMPTS: i32 = 3;
/// Conflicts are looked for among so many examples at most: every pair is compared.
const COMPARED: usize = 20_000;

/// The job.
pub struct Trainer {
    runtime: Runtime,
    worker: String,
}

/// What came of a training.
struct Trained {
    model: Vec<u8>,
    data: Value,
}

impl Trainer {
    /// A trainer over this database.
    pub fn new(runtime: Runtime) -> Self {
        let worker = format!("trainer-{}", runtime.ids.next());
        Self { runtime, worker }
    }

    /// Does the training that waits longest. Whether there was one.
    pub async fn look(&self) -> Result<bool, Error> {
        let now = self.runtime.clock.now();
        let mut tx = self.runtime.store.begin_worker().await?;
        let claimed = nlu_trainings::claim(&mut tx, &self.worker, now, now + LEASE).await?;
        tx.commit().await?;
        let Some(claimed) = claimed else { return Ok(false) };
        let scope = OrgScope::of_service(claimed.org);
        if claimed.attempt > ATTEMPTS {
            self.fail(&scope, &claimed, "given_up", "the training did not come to an end three times")
                .await?;
            return Ok(true);
        }
        let mut tx = self.runtime.store.begin(&scope).await?;
        let Some(standing) = taught::standing(&mut tx, &scope, claimed.bot).await? else {
            tx.commit().await?;
            self.fail(&scope, &claimed, "gone", "the bot is no longer there").await?;
            return Ok(true);
        };
        let taught = Taught::read(&mut tx, &scope, claimed.bot, &standing.language).await?;
        tx.commit().await?;
        match self.train(&scope, &claimed, taught).await? {
            Some(Ok(trained)) => self.keep(&scope, &claimed, &trained, &standing.taught).await?,
            Some(Err(error)) => self.fail(&scope, &claimed, code(&error), &error.to_string()).await?,
            None => warn!(training.id = %claimed.id, "training is another worker's by now"),
        }
        Ok(true)
    }

    /// Trains on a thread of its own, and notes how far it is. None where the training is no longer ours.
    async fn train(
        &self,
        scope: &OrgScope,
        claimed: &Claimed,
        taught: Taught,
    ) -> Result<Option<Result<Trained, TrainError>>, Error> {
        let percent = Arc::new(AtomicI32::new(0));
        let told = Arc::clone(&percent);
        // When nobody waits for it any more the work ends at its next step.
        let wanted = CancellationToken::new();
        let _given_up = wanted.clone().drop_guard();
        let models = Arc::clone(&self.runtime.understandings.models);
        let mut work = tokio::task::spawn_blocking(move || {
            let missing = models.missing();
            let is_english = taught.corpus.language.as_str() == "en";
            // Both models are English; other languages are better off with words alone.
            let embedders = if is_english { models.embedders() } else { Embedders::default() };
            let note = note(&embedders, is_english, &missing);
            train(&taught, embedders, note, &|progress| {
                told.store(of_hundred(progress), Ordering::Relaxed);
                if wanted.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })
        });
        loop {
            tokio::select! {
                done = &mut work => return match done {
                    Ok(trained) => Ok(Some(trained)),
                    Err(error) => {
                        // A defect of ours. The lease runs out, and after some attempts it is given up.
                        warn!(training.id = %claimed.id, error = %error, "training broke off");
                        Ok(None)
                    }
                },
                () = tokio::time::sleep(NOTED_EVERY) => {
                    let percent = percent.load(Ordering::Relaxed);
                    let stage = if percent == 0 { "learning" } else { "judging" };
                    let until = self.runtime.clock.now() + LEASE;
                    let mut tx = self.runtime.store.begin(scope).await?;
                    let ours = nlu_trainings::go_on(&mut tx, scope, claimed, stage, percent, until).await?;
                    tx.commit().await?;
                    if !ours {
                        return Ok(None);
                    }
                }
            }
        }
    }

    async fn keep(
        &self,
        scope: &OrgScope,
        claimed: &Claimed,
        trained: &Trained,
        taught: &str,
    ) -> Result<(), Error> {
        let made =
            Made { version_id: self.runtime.ids.next(), model: &trained.model, data: &trained.data, taught };
        let mut tx = self.runtime.store.begin(scope).await?;
        let version = nlu_trainings::succeed(&mut tx, scope, claimed, made, self.runtime.clock.now()).await?;
        tx.commit().await?;
        if let Some(version) = version {
            info!(bot.id = %claimed.bot, version, bytes = trained.model.len(), "bot was trained");
        }
        Ok(())
    }

    async fn fail(
        &self,
        scope: &OrgScope,
        claimed: &Claimed,
        code: &str,
        message: &str,
    ) -> Result<(), Error> {
        let mut tx = self.runtime.store.begin(scope).await?;
        nlu_trainings::fail(&mut tx, scope, claimed, code, message, self.runtime.clock.now()).await?;
        tx.commit().await?;
        info!(bot.id = %claimed.bot, code, "bot was not trained");
        Ok(())
    }
}

/// Of the whole work, in hundredths.
fn of_hundred(progress: Progress) -> i32 {
    i32::try_from(100 * progress.done / progress.of.max(1)).unwrap_or(100).min(99)
}

/// Why the vectors of a model are not used, in words for the author; nothing where they are.
fn note(embedders: &Embedders<'_>, is_english: bool, missing: &[&str]) -> Option<String> {
    if embedders.full.is_some() && embedders.fast.is_some() {
        return None;
    }
    if !is_english {
        return Some("the built-in models are English, so words and letters decide alone".to_owned());
    }
    if missing.is_empty() {
        return Some(
            "the models cannot be used, the log says why; words and letters decide alone".to_owned(),
        );
    }
    let missing = missing.join(", ");
    Some(format!("model files are missing, so words and letters decide alone: {missing}"))
}

/// The model with what is said of it.
fn train(
    taught: &Taught,
    embedders: Embedders<'_>,
    note: Option<String>,
    tell: &dyn Fn(Progress) -> ControlFlow<()>,
) -> Result<Trained, TrainError> {
    let (corpus, left_out) = taught.for_training();
    let (model, report) = train_telling(&corpus, embedders, &Settings::default(), tell)?;
    let compared = report.examples <= COMPARED;
    let found = if compared { conflicts(&corpus, embedders)? } else { Vec::new() };
    let mut notes: Vec<String> = note.into_iter().collect();
    if !left_out.is_empty() {
        notes.push(format!("intents without examples are left out: {}", left_out.join(", ")));
    }
    if !compared {
        notes.push(format!("conflicts are not looked for among more than {COMPARED} examples"));
    }
    let bytes = model.to_bytes();
    let data = described(&model, &bytes, &report, &found, &notes);
    Ok(Trained { model: bytes, data })
}

/// What a version says of its model (`entity_versions.data`).
fn described(
    model: &Model,
    bytes: &[u8],
    report: &Report,
    conflicts: &[Conflict],
    notes: &[String],
) -> Value {
    let (fast, full) = model.embedding_models();
    json!({
        "format": botbuilder_nlu::intents::FORMAT,
        "sha256": hex::encode(Sha256::digest(bytes)),
        "bytes": bytes.len(),
        "models": { "fast": fast, "full": full },
        "intents": model.intents().collect::<Vec<_>>(),
        "report": report,
        "conflicts": conflicts,
        "notes": notes,
    })
}

const fn code(error: &TrainError) -> &'static str {
    match error {
        TrainError::TooFewIntents { .. } => "too_few_intents",
        TrainError::NoExamples { .. } => "no_examples",
        TrainError::TooManyExamples { .. } => "too_many_examples",
        TrainError::UnknownIntent { .. } => "unknown_intent",
        TrainError::Embedding(_) => "model_failed",
        TrainError::GivenUp => "given_up",
    }
}

#[async_trait]
impl Service for Trainer {
    fn name(&self) -> &'static str {
        "trainer"
    }

    fn on_exit(&self) -> OnExit {
        OnExit::Restart(Backoff::default())
    }

    async fn run(&mut self, stop: CancellationToken) -> Result<(), ServiceError> {
        loop {
            let looked = tokio::select! {
                // What is in hand is left; its lease runs out, and it begins anew.
                () = stop.cancelled() => return Ok(()),
                looked = self.look() => looked,
            };
            match looked {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => warn!(error = %error, "trainings wait"),
            }
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_said_to_the_author() {
        let none = Embedders::default();
        assert!(note(&none, true, &["a/b"]).is_some_and(|note| note.ends_with("a/b")));
        assert!(note(&none, false, &[]).is_some_and(|note| note.contains("English")));
        assert_eq!(of_hundred(Progress { done: 1, of: 7 }), 14);
        assert_eq!(of_hundred(Progress { done: 7, of: 7 }), 99);
    }
}
