//! What messages mean, as fast as it goes: a trained bot, texts that nobody said before, threads that each wait for an
//! answer before they ask again. Beside it the same texts one at a time, by who decided, and without the fast tier: what
//! the short ways save, and what they cost.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use botbuilder_nlu::{
    Corpus, Decision, Embedders, Engine, Model, Request, Settings,
    corpus::{Example, Intent, Keyword},
    train,
};
use botbuilder_understanding::Models;
use serde::Serialize;

use crate::{
    load::latency::{Latencies, Summary},
    random::Random,
    report::table,
};

/// What is measured.
#[derive(Debug)]
pub struct Plan {
    /// The folder with `banking77/` and `clinc150/`.
    pub data: PathBuf,
    /// The folder of the model files.
    pub models: PathBuf,
    /// Examples an intent that the bot is trained on.
    pub examples: usize,
    /// Threads that ask.
    pub threads: usize,
    /// Most texts.
    pub texts: usize,
    /// Where chance starts.
    pub seed: u64,
}

/// What came of it.
#[derive(Debug, Serialize)]
pub struct Outcome {
    examples: usize,
    training_seconds: f64,
    threads: usize,
    recognitions: usize,
    per_second: f64,
    /// One at a time, by who decided.
    alone: BTreeMap<String, Summary>,
    /// The same texts again, their vectors known.
    again: Summary,
    /// Shares of the texts in scope whose intent was right: in the loop, and without the fast tier.
    right: f64,
    right_without_fast: f64,
    /// Shares of the texts out of scope that were not taken.
    refused: f64,
    refused_without_fast: f64,
}

/// A text, and the intent it belongs to; none where it is out of scope.
struct Asked {
    text: String,
    intent: Option<String>,
}

/// Trains, asks and counts.
pub fn run(plan: &Plan) -> Result<Outcome> {
    let models = Models::new(plan.models.clone(), plan.threads);
    ensure!(
        models.missing().is_empty(),
        "model files are missing: {:?}; run `cargo xtask setup`",
        models.missing()
    );
    let mut random = Random::new(plan.seed);
    let mut train_set = banking(&plan.data.join("banking77/train.csv"))?;
    shuffle(&mut train_set, &mut random);
    let corpus = corpus(&train_set, plan.examples);
    let count = corpus.intents.iter().map(|intent| intent.examples.len()).sum();
    let began = Instant::now();
    let settings = Settings { threads: plan.threads, ..Settings::default() };
    let (model, _) = train(&corpus, models.embedders(), &settings)?;
    let training_seconds = began.elapsed().as_secs_f64();

    let texts = mixed(plan, &corpus, &mut random)?;
    models.forget();
    let began = Instant::now();
    let answers = in_a_loop(&model, &texts, models.embedders(), plan.threads)?;
    let seconds = began.elapsed().as_secs_f64();

    models.forget();
    let alone = one_at_a_time(&model, &texts, models.embedders())?;
    let again = one_at_a_time(&model, &texts, models.embedders())?;
    let mut all_again = Latencies::new();
    for latencies in again.values() {
        all_again.merge(latencies);
    }
    let without_fast = in_a_loop(&model.without_fast_tier(), &texts, models.embedders(), plan.threads)?;
    Ok(Outcome {
        examples: count,
        training_seconds,
        threads: plan.threads,
        recognitions: texts.len(),
        per_second: real(texts.len()) / seconds,
        alone: alone.into_iter().map(|(engine, latencies)| (engine, latencies.summary())).collect(),
        again: all_again.summary(),
        right: right(&texts, &answers),
        right_without_fast: right(&texts, &without_fast),
        refused: refused(&texts, &answers),
        refused_without_fast: refused(&texts, &without_fast),
    })
}

/// What was decided of a text.
type Answer = (Option<String>, Decision);

fn recognise(model: &Model, text: &str, embedders: Embedders<'_>) -> Result<(Answer, Engine)> {
    let found = model.recognise(&Request::text(text), embedders)?;
    ensure!(!found.degraded, "a model did not answer");
    Ok(((found.intent, found.decision), found.engine))
}

fn in_a_loop(
    model: &Model,
    texts: &[Asked],
    embedders: Embedders<'_>,
    threads: usize,
) -> Result<Vec<Answer>> {
    let next = AtomicUsize::new(0);
    let work = || -> Result<Vec<(usize, Answer)>> {
        let mut answers = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(asked) = texts.get(at) else { return Ok(answers) };
            answers.push((at, recognise(model, &asked.text, embedders)?.0));
        }
    };
    let mut answers = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let mut all = Vec::with_capacity(texts.len());
        for worker in workers {
            match worker.join() {
                Ok(answers) => all.extend(answers?),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        Ok::<_, anyhow::Error>(all)
    })?;
    answers.sort_by_key(|(at, _)| *at);
    Ok(answers.into_iter().map(|(_, answer)| answer).collect())
}

fn one_at_a_time(
    model: &Model,
    texts: &[Asked],
    embedders: Embedders<'_>,
) -> Result<BTreeMap<String, Latencies>> {
    let mut by_engine: BTreeMap<String, Latencies> = BTreeMap::new();
    for asked in texts {
        let began = Instant::now();
        let (_, engine) = recognise(model, &asked.text, embedders)?;
        let took = began.elapsed();
        let name = format!("{engine:?}").to_lowercase();
        by_engine.entry(name).or_default().add(took);
    }
    Ok(by_engine)
}

fn right(texts: &[Asked], answers: &[Answer]) -> f64 {
    let inside: Vec<_> = texts.iter().zip(answers).filter(|(asked, _)| asked.intent.is_some()).collect();
    share(inside.iter().filter(|(asked, answer)| asked.intent == answer.0).count(), inside.len())
}

fn refused(texts: &[Asked], answers: &[Answer]) -> f64 {
    let outside: Vec<_> = texts.iter().zip(answers).filter(|(asked, _)| asked.intent.is_none()).collect();
    share(outside.iter().filter(|(_, answer)| answer.1 != Decision::Accept).count(), outside.len())
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { real(part) / real(whole) }
}

#[expect(clippy::cast_precision_loss, reason = "counts of texts are far below 2^52")]
fn real(count: usize) -> f64 {
    count as f64
}

/// Seven of ten are questions of a test set, two examples word for word or keywords, one is about something else.
fn mixed(plan: &Plan, corpus: &Corpus, random: &mut Random) -> Result<Vec<Asked>> {
    let mut questions = banking(&plan.data.join("banking77/test.csv"))?;
    shuffle(&mut questions, random);
    questions.truncate(plan.texts * 7 / 10);
    let (short, outside) = (questions.len() * 2 / 7, questions.len() / 7);
    let mut texts: Vec<Asked> =
        questions.into_iter().map(|(text, intent)| Asked { text, intent: Some(intent) }).collect();
    let examples = corpus
        .intents
        .iter()
        .flat_map(|intent| intent.examples.iter().map(|example| (example.text.clone(), intent.name.clone())));
    let mut examples: Vec<(String, String)> = examples.collect();
    shuffle(&mut examples, random);
    for (number, (text, intent)) in examples.into_iter().take(short).enumerate() {
        // Every fourth is a keyword within other words.
        let text = if number % 4 == 0 { format!("{} {number}", keyword(&intent)) } else { text };
        texts.push(Asked { text, intent: Some(intent) });
    }
    let file = plan.data.join("clinc150/data_full.json");
    let clinc: serde_json::Value = serde_json::from_str(&read(&file)?)?;
    let others =
        clinc["oos_test"].as_array().with_context(|| format!("{} has no oos_test", file.display()))?;
    let others = others.iter().filter_map(|row| row[0].as_str()).take(outside);
    texts.extend(others.map(|text| Asked { text: text.to_owned(), intent: None }));
    shuffle(&mut texts, random);
    Ok(texts)
}

/// A phrase that stands for an intent and that nobody uses otherwise.
fn keyword(intent: &str) -> String {
    format!("topic {}", intent.replace('_', " "))
}

fn corpus(texts: &[(String, String)], most: usize) -> Corpus {
    let mut intents: BTreeMap<&str, Vec<Example>> = BTreeMap::new();
    for (text, intent) in texts {
        let examples = intents.entry(intent).or_default();
        if examples.len() < most {
            examples.push(Example::new(text));
        }
    }
    let keywords = intents.keys().map(|intent| Keyword {
        phrase: keyword(intent),
        intent: (*intent).to_owned(),
        whole: false,
    });
    Corpus {
        keywords: keywords.collect(),
        intents: intents
            .into_iter()
            .map(|(name, examples)| Intent { name: name.to_owned(), examples, accept_score: None })
            .collect(),
        ..Corpus::default()
    }
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| {
        format!("{} cannot be read; docs/nlu.md says where the sets are published", path.display())
    })
}

fn banking(path: &Path) -> Result<Vec<(String, String)>> {
    let text = read(path)?;
    let mut rows = Vec::new();
    for row in csv::Reader::from_reader(text.as_bytes()).records() {
        let row = row?;
        let cell = |at: usize| row.get(at).unwrap_or_default().to_owned();
        rows.push((cell(0), cell(1)));
    }
    Ok(rows)
}

fn shuffle<T>(all: &mut [T], random: &mut Random) {
    for end in (1..all.len()).rev() {
        let other = usize::try_from(random.below(end as u64 + 1)).unwrap_or_default();
        all.swap(end, other);
    }
}

impl Outcome {
    /// The report as people read it.
    pub fn text(&self) -> String {
        let ms = |micros: u64| format!("{:.2}", Duration::from_micros(micros).as_secs_f64() * 1e3);
        let percent = |share: f64| format!("{:.2} %", share * 100.0);
        let mut lines =
            vec![["decided by", "texts", "p50 ms", "p99 ms", "max ms"].map(str::to_owned).to_vec()];
        let rows = self.alone.iter().map(|(name, summary)| (name.as_str(), summary));
        for (name, summary) in rows.chain([("(said again)", &self.again)]) {
            lines.push(vec![
                name.to_owned(),
                summary.count.to_string(),
                ms(summary.p50_us),
                ms(summary.p99_us),
                ms(summary.max_us),
            ]);
        }
        format!(
            "trained on {} examples in {:.1} s\n{} recognitions of {} threads, nothing said before: {:.0} a second\n\
             in scope right {} (without the fast tier {}), out of scope not taken {} ({})\n\none at a time:\n{}",
            self.examples,
            self.training_seconds,
            self.recognitions,
            self.threads,
            self.per_second,
            percent(self.right),
            percent(self.right_without_fast),
            percent(self.refused),
            percent(self.refused_without_fast),
            table(&lines),
        )
    }
}
