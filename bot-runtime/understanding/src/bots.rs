//! Each bot's understanding, loaded when a message first asks for it, and kept.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use botbuilder_domain::BotId;
use botbuilder_nlu::{
    Corpus, Decision, EmbedError, Embedders, Model, Reading, Recognition, Request, Understanding,
    entities::Extractor,
    intents::{Conflict, Suggestion, conflicts, suggestions},
    text::Language,
};
use botbuilder_store::{
    OrgScope, Store,
    nlu::{
        nlu_trainings,
        taught::{self, Standing},
    },
};
use chrono::{DateTime, NaiveDateTime, Utc};
use tokio::sync::Semaphore;
use tracing::warn;
use uuid::Uuid;

use crate::{Models, Taught, recent::Recent};

/// How long it is believed that nothing changed.
const BELIEVED_FOR: Duration = Duration::from_secs(2);
/// Bots that are kept. Those that were asked for longest ago go first.
const BOTS: usize = 500;

/// Recognitions of a bot that are kept.
const RECENT: usize = 2_000;
/// Most intents of which it is asked which is meant.
const CLOSE_MAX: usize = 3;
/// How likely an intent is at least, as a share of the most likely one, to be asked about.
const CLOSE_SHARE: f32 = 0.1;

/// Examples whose vectors are computed and compared while somebody waits.
const COMPARED_BY_MEANING: usize = 2_000;

/// Why a text was not read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database did not answer.
    #[error(transparent)]
    Store(#[from] botbuilder_store::Error),
    /// A model did not answer.
    #[error(transparent)]
    Embedding(#[from] EmbedError),
    /// The work was given up, because the program ends or failed in it.
    #[error("the recognition was given up")]
    GivenUp,
}

/// What somebody said.
#[derive(Debug, Clone)]
pub struct Said {
    /// The text.
    pub text: String,
    /// The conversation's language, if it is known.
    pub language: Option<String>,
    /// Names of the intents that whoever asks tells apart; they are preferred where it is close.
    pub expected: Vec<String>,
}

/// What was read.
#[derive(Debug, Clone)]
pub struct Read {
    /// What it says. An intent that is no longer there is not in it.
    pub reading: Reading,
    /// The id of the intent.
    pub intent: Option<Uuid>,
    /// The intents that come close, the most likely first, with what people read; where it is to be asked which is meant.
    pub close: Vec<(String, String)>,
    /// The version of the model; 0 without one.
    pub version: i32,
    /// How long the reading took, without waiting for the bot to be loaded.
    pub took: Duration,
}

/// A bot as it is kept.
struct Ready {
    standing: Standing,
    understanding: Understanding,
    intents: HashMap<String, Uuid>,
    titles: HashMap<String, String>,
    /// What was recognised lately: people say the same things.
    recent: Recent<Recognition>,
}

/// Loads and keeps what bots understand.
pub struct Understandings {
    store: Store,
    /// The models they share.
    pub models: Arc<Models>,
    known: Mutex<HashMap<BotId, (Instant, Arc<Ready>)>>,
    /// Readings at a time: more would only wait for each other.
    at_work: Semaphore,
}

impl Understandings {
    /// Understandings of the bots in this database, with these models.
    pub fn new(store: Store, models: Arc<Models>) -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self { store, models, known: Mutex::default(), at_work: Semaphore::new(2 * cores) }
    }

    /// Reads a text for a bot at this instant. None where there is no such bot, or nothing was taught to it.
    pub async fn read(
        &self,
        scope: &OrgScope,
        bot: BotId,
        said: Said,
        now: DateTime<Utc>,
    ) -> Result<Option<Read>, Error> {
        let Some(ready) = self.of(scope, bot).await? else { return Ok(None) };
        if ready.understanding.is_empty() {
            return Ok(None);
        }
        let began = Instant::now();
        let known = ready.at_once(&said);
        // Looking for slots takes a model, which may have to be loaded.
        let has_slots = ready.understanding.model().is_some_and(Model::has_slots);
        let (mut reading, took, ready) = if let Some(known) = known.clone().filter(|_| !has_slots) {
            let reading = ready.with_values(known, &said, now, Embedders::default())?;
            (reading, began.elapsed(), ready)
        } else {
            let _permit = self.at_work.acquire().await.map_err(|_| Error::GivenUp)?;
            let models = Arc::clone(&self.models);
            let work = move || {
                let began = Instant::now();
                let embedders = ready.embedders(&models);
                let recognition = match known {
                    Some(known) => known,
                    None => ready.recognise(&said, embedders)?,
                };
                let reading = ready.with_values(recognition, &said, now, embedders)?;
                Ok((reading, began.elapsed(), ready))
            };
            let done: Result<_, EmbedError> =
                tokio::task::spawn_blocking(work).await.map_err(|_| Error::GivenUp)?;
            done?
        };
        ready.forget_the_gone(&mut reading);
        let close = ready.close(&reading.recognition);
        let intent = reading.recognition.intent.as_ref().and_then(|name| ready.intents.get(name)).copied();
        let version = if ready.understanding.model().is_some() { ready.standing.version } else { 0 };
        Ok(Some(Read { reading, intent, close, version, took }))
    }

    /// Examples of different intents that are in each other's way, the most alike first. By meaning where the models can
    /// tell and there are not too many, else by words.
    pub async fn conflicts(&self, taught: Taught) -> Result<Vec<Conflict>, Error> {
        self.compared(taught, 0, conflicts).await
    }

    /// What could be taught next, from messages that were not understood. By meaning or by words, as conflicts are found.
    pub async fn suggestions(&self, taught: Taught, messages: Vec<String>) -> Result<Vec<Suggestion>, Error> {
        let more = messages.len();
        let work = move |corpus: &Corpus, embedders: Embedders<'_>| {
            let messages: Vec<&str> = messages.iter().map(String::as_str).collect();
            suggestions(corpus, &messages, embedders)
        };
        self.compared(taught, more, work).await
    }

    /// Work that compares all examples, and so many texts more, on a thread of its own.
    async fn compared<T: Send + 'static>(
        &self,
        taught: Taught,
        more: usize,
        work: impl FnOnce(&Corpus, Embedders<'_>) -> Result<T, EmbedError> + Send + 'static,
    ) -> Result<T, Error> {
        let _permit = self.at_work.acquire().await.map_err(|_| Error::GivenUp)?;
        let models = Arc::clone(&self.models);
        let work = move || {
            let texts = taught.examples.len() + more;
            let by_meaning = taught.corpus.language.as_str() == "en" && texts <= COMPARED_BY_MEANING;
            let embedders = if by_meaning { models.embedders() } else { Embedders::default() };
            work(&taught.corpus, embedders)
        };
        Ok(tokio::task::spawn_blocking(work).await.map_err(|_| Error::GivenUp)??)
    }

    /// The bot as it stands. None where there is no such bot.
    async fn of(&self, scope: &OrgScope, bot: BotId) -> Result<Option<Arc<Ready>>, Error> {
        let known = lock(&self.known).get(&bot).cloned();
        if let Some((looked, ready)) = &known
            && looked.elapsed() < BELIEVED_FOR
        {
            return Ok(Some(Arc::clone(ready)));
        }
        let mut tx = self.store.begin(scope).await?;
        let Some(standing) = taught::standing(&mut tx, scope, bot).await? else {
            lock(&self.known).remove(&bot);
            return Ok(None);
        };
        let ready = match known {
            Some((_, ready)) if ready.is_still(&standing) => ready,
            _ => {
                let taught = Taught::read(&mut tx, scope, bot, &standing.language).await?;
                let kept = match standing.version {
                    0 => None,
                    version => nlu_trainings::kept(&mut tx, scope, bot, version).await?,
                };
                let load = move || Ready::new(bot, standing, taught, kept.map(|kept| kept.model).as_deref());
                let ready = tokio::task::spawn_blocking(load).await;
                Arc::new(ready.map_err(|_| Error::GivenUp)?)
            }
        };
        tx.commit().await?;
        let mut known = lock(&self.known);
        if known.len() >= BOTS && !known.contains_key(&bot) {
            let oldest = known.iter().min_by_key(|(_, (looked, _))| *looked).map(|(bot, _)| *bot);
            oldest.and_then(|oldest| known.remove(&oldest));
        }
        known.insert(bot, (Instant::now(), Arc::clone(&ready)));
        Ok(Some(ready))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// By what a recognition is kept.
fn key(said: &Said) -> String {
    let language = said.language.as_deref().unwrap_or_default();
    format!("{language}\n{}\n{}", said.expected.join(" "), said.text)
}

impl Ready {
    /// Puts a bot together. What cannot be used is left out, and the log says so: a bot that understands less is better
    /// than one that is silent.
    fn new(bot: BotId, standing: Standing, mut taught: Taught, model: Option<&[u8]>) -> Self {
        let model = model.and_then(|bytes| match Model::from_bytes(bytes) {
            Ok(model) => Some(model),
            Err(error) => {
                warn!(bot.id = %bot, error = %error, "model cannot be used, the bot must be trained anew");
                None
            }
        });
        taught.corpus.entities.retain(|entity| match Extractor::new(std::slice::from_ref(entity)) {
            Ok(_) => true,
            Err(error) => {
                warn!(bot.id = %bot, error = %error, "entity is left out");
                false
            }
        });
        let Taught { corpus, intents, titles, .. } = taught;
        let understanding = Understanding::new(model, &corpus).unwrap_or_else(|error| {
            warn!(bot.id = %bot, error = %error, "the bot understands nothing");
            Understanding::default()
        });
        Self { standing, understanding, intents, titles, recent: Recent::new(RECENT) }
    }

    fn is_still(&self, standing: &Standing) -> bool {
        let same = |one: &Standing| {
            (
                one.version,
                one.taught.clone(),
                one.accept,
                one.ask,
                one.time_zone.clone(),
                one.language.clone(),
            )
        };
        same(&self.standing) == same(standing)
    }

    fn request<'r>(&self, said: &'r Said, language: Option<&'r Language>) -> Request<'r> {
        #[expect(clippy::cast_possible_truncation, reason = "three digits")]
        let threshold = |own: Option<f64>| own.map(|own| own as f32);
        Request {
            text: &said.text,
            language,
            expected: &said.expected,
            accept: threshold(self.standing.accept),
            ask: threshold(self.standing.ask),
        }
    }

    /// What can be said without computing: the same text was read lately, or it is an example or a keyword.
    fn at_once(&self, said: &Said) -> Option<Recognition> {
        let language = said.language.as_deref().map(Language::new);
        let known = self.understanding.match_of(&self.request(said, language.as_ref()));
        known.or_else(|| self.recent.get(&key(said)))
    }

    /// The models for this bot: they are loaded for bots that were trained with them.
    fn embedders<'m>(&self, models: &'m Models) -> Embedders<'m> {
        match self.understanding.model().map(Model::embedding_models) {
            Some((Some(_), _) | (_, Some(_))) => models.embedders(),
            _ => Embedders::default(),
        }
    }

    fn recognise(&self, said: &Said, embedders: Embedders<'_>) -> Result<Recognition, EmbedError> {
        let language = said.language.as_deref().map(Language::new);
        let request = self.request(said, language.as_ref());
        let recognition = self.understanding.recognise(&request, embedders)?;
        // Without its vectors it is worse than it will be.
        if !recognition.degraded {
            self.recent.put(&key(said), recognition.clone());
        }
        Ok(recognition)
    }

    fn with_values(
        &self,
        recognition: Recognition,
        said: &Said,
        now: DateTime<Utc>,
        embedders: Embedders<'_>,
    ) -> Result<Reading, EmbedError> {
        self.understanding.with_values(recognition, &said.text, self.local(now), embedders)
    }

    /// The intents that come close, where it is to be asked which is meant.
    fn close(&self, recognition: &Recognition) -> Vec<(String, String)> {
        if recognition.decision != Decision::Ask {
            return Vec::new();
        }
        let least = recognition.confidence * CLOSE_SHARE;
        let close = recognition.alternatives.iter().filter(|one| one.confidence >= least);
        let title = |name: &String| self.titles.get(name).unwrap_or(name).clone();
        close.take(CLOSE_MAX).map(|one| (one.intent.clone(), title(&one.intent))).collect()
    }

    /// The wall clock of the bot's working hours.
    fn local(&self, now: DateTime<Utc>) -> NaiveDateTime {
        let zone = self.standing.time_zone.as_deref().and_then(|name| name.parse::<chrono_tz::Tz>().ok());
        zone.map_or_else(|| now.naive_utc(), |zone| now.with_timezone(&zone).naive_local())
    }

    /// Takes intents out that were deleted or switched off after the training.
    fn forget_the_gone(&self, reading: &mut Reading) {
        let recognition = &mut reading.recognition;
        recognition.alternatives.retain(|candidate| self.intents.contains_key(&candidate.intent));
        if recognition.intent.as_ref().is_some_and(|name| !self.intents.contains_key(name)) {
            recognition.intent = None;
            recognition.confidence = 0.0;
            recognition.decision = Decision::Fallback;
        }
    }
}
