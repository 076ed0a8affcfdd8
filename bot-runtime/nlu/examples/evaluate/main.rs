//! What understanding reaches on public data sets:
//! `cargo run --release -p botbuilder-nlu --example evaluate -- DATA [--models DIR] [--cache DIR] [PART…]`.
//!
//! DATA is a folder with `banking77/`, `clinc150/` and `snips/` (`docs/nlu.md` says where they are published).
//! DIR is the models directory; without it, words and letters decide alone. With a cache vectors are kept there from run to
//! run, and what times are told then mean nothing. Parts are
//! `banking`, `few`, `typing`, `clinc`, `snips`, `slots`, `rate`; without any, all are run, but for `held` and `held-slots`,
//! what choices are made by. One configuration serves all
//! sets, and nothing looks at a test set before it is tested.

#![expect(clippy::cast_precision_loss, reason = "figures for people")]

mod data;
mod models;
mod slots;

use std::path::Path;
use std::time::Instant;

use botbuilder_inference::Precision;
use botbuilder_nlu::{
    Decision, Embedder, Embedders, Engine, Model, Report, Request, Settings, calibration_error, train,
};
use data::{Labelled, Random, Set, corpus, draw, mistype};
use models::{Models, Remembering};

fn main() -> Result<(), String> {
    let mut arguments = std::env::args().skip(1);
    let root =
        arguments.next().ok_or("usage: evaluate DATA [--models DIR [--exactly]] [--cache DIR] [PART…]")?;
    let mut parts: Vec<String> = arguments.collect();
    let models = parts.iter().position(|part| part == "--models");
    let models = models.and_then(|at| parts.drain(at..(at + 2).min(parts.len())).nth(1));
    let exactly = parts.iter().position(|part| part == "--exactly");
    let precision =
        if exactly.map(|at| parts.remove(at)).is_some() { Precision::Full } else { Precision::Bytes };
    let cache = parts.iter().position(|part| part == "--cache");
    let cache = cache.and_then(|at| parts.drain(at..(at + 2).min(parts.len())).nth(1));
    let cache = cache.as_deref().map(Path::new);
    let models = models.map(|directory| Models::load(Path::new(&directory), precision)).transpose()?;
    let plain = models.as_ref().map_or_else(Embedders::default, Models::embedders);
    let remembering = (
        plain.fast.map(|fast| Remembering::new(fast, cache)),
        plain.full.map(|full| Remembering::new(full, cache)),
    );
    let training = Embedders {
        fast: remembering.0.as_ref().map(|fast| fast as &dyn Embedder),
        full: remembering.1.as_ref().map(|full| full as &dyn Embedder),
    };
    // Times are told of vectors that are computed; with a cache only what is found out counts.
    let with = With { training, testing: if cache.is_some() { training } else { plain } };
    run(&parts, Path::new(&root), with)?;
    remembering.0.iter().chain(&remembering.1).try_for_each(Remembering::keep)
}

fn run(parts: &[String], root: &Path, with: With<'_>) -> Result<(), String> {
    let wanted = |part: &str| parts.is_empty() || parts.iter().any(|name| name == part);
    if wanted("banking") || wanted("few") || wanted("typing") {
        let set = data::banking(root)?;
        whole(with, "BANKING77", &set, wanted("typing"), wanted("banking") || wanted("typing"));
        if wanted("few") {
            few(with, "BANKING77", &set);
        }
    }
    if parts.iter().any(|part| part == "held") {
        held(with, "BANKING77", &data::banking(root)?);
        held(with, "CLINC150", &data::clinc(root)?);
    }
    if wanted("rate") {
        rate(with, &data::banking(root)?, &data::clinc(root)?);
    }
    if wanted("tier") {
        tier(with, &data::banking(root)?, &data::clinc(root)?);
    }
    if wanted("clinc") || wanted("gate") || wanted("few") {
        let set = data::clinc(root)?;
        if parts.iter().any(|part| part == "gate") {
            out_of_scope_known(with, &set);
        }
        if wanted("clinc") {
            out_of_scope(with, &set);
        }
        if wanted("few") {
            few(with, "CLINC150", &set);
        }
    }
    if parts.iter().any(|part| part == "held-slots") {
        let (set, tagged) = data::snips(root)?;
        slots::held(with, &set, &tagged);
    }
    if wanted("snips") || wanted("slots") {
        let (set, tagged) = data::snips(root)?;
        if wanted("snips") {
            whole(with, "SNIPS", &set, false, true);
        }
        if wanted("slots") {
            slots::tests(with, &set, &tagged);
        }
    }
    Ok(())
}

/// The models for training, which remember, and those for tests, which are timed.
#[derive(Clone, Copy)]
pub(crate) struct With<'a> {
    pub(crate) training: Embedders<'a>,
    pub(crate) testing: Embedders<'a>,
}

fn settings() -> Settings {
    Settings { threads: 1, ..Settings::default() }
}

pub(crate) fn learn(with: With<'_>, texts: &[Labelled], outside: &[String]) -> (Model, Report) {
    let mut corpus = corpus(texts);
    corpus.out_of_scope = outside.to_vec();
    let start = Instant::now();
    let trained = train(&corpus, with.training, &settings());
    let (model, report) = match trained {
        Ok(trained) => trained,
        Err(error) => panic!("training failed: {error}"),
    };
    println!(
        "  trained on {} in {:.1} s; folds say {:.2} %, ECE {:.3}, thresholds {:?}, lexical weight {:?}, fast {:?}; {:.1} MB",
        texts.len(),
        start.elapsed().as_secs_f32(),
        100.0 * report.accuracy,
        report.calibration_error,
        report.thresholds,
        report.lexical_weight,
        report.fast_share,
        model.to_bytes().len() as f32 / 1e6,
    );
    (model, report)
}

/// One text, recognised.
struct Answer {
    right: bool,
    confidence: f32,
    score: f32,
    decision: Decision,
}

fn test(with: With<'_>, name: &str, model: &Model, texts: &[Labelled]) -> Vec<Answer> {
    let mut times = Vec::with_capacity(texts.len());
    let answers: Vec<Answer> = texts
        .iter()
        .map(|(text, intent)| {
            let start = Instant::now();
            let found = model.recognise(&Request::text(text), with.testing);
            times.push(start.elapsed());
            let Ok(found) = found else { panic!("recognition failed") };
            let right = found.intent.as_deref() == Some(intent.as_str());
            Answer { right, confidence: found.confidence, score: found.score, decision: found.decision }
        })
        .collect();
    times.sort_unstable();
    let at = |part: usize| times[times.len() * part / 100].as_secs_f64() * 1e3;
    let judged: Vec<(f32, bool)> = answers.iter().map(|a| (a.confidence, a.right)).collect();
    println!(
        "  {name}: {:.2} %, ECE {:.3}; {:.3} ms p50, {:.3} ms p99",
        percent(answers.iter().filter(|a| a.right).count(), answers.len()),
        calibration_error(&judged),
        at(50),
        at(99),
    );
    answers
}

pub(crate) fn percent(part: usize, whole: usize) -> f64 {
    100.0 * part as f64 / whole.max(1) as f64
}

fn whole(with: With<'_>, name: &str, set: &Set, typing: bool, clean: bool) {
    if !clean {
        return;
    }
    println!("{name}, all examples");
    let (model, _) = learn(with, &set.train, &[]);
    test(with, "test", &model, &set.test);
    let known: Vec<Labelled> = set.train.iter().take(1_000).cloned().collect();
    test(with, "examples word for word", &model, &known);
    if typing {
        for mistakes in [1, 2] {
            let mut random = Random(42);
            let typed: Vec<Labelled> = set
                .test
                .iter()
                .map(|(text, intent)| (mistype(text, mistakes, &mut random), intent.clone()))
                .collect();
            test(with, &format!("{mistakes} typing mistakes"), &model, &typed);
        }
    }
}

/// Recognitions a second of two threads that each wait for an answer before they ask again; no text comes twice. Seven of
/// ten are questions of the test, two examples word for word, one is about something else. What the processor did for it is
/// told beside it: on a busy machine that alone says how fast it is.
fn rate(with: With<'_>, set: &Set, other: &Set) {
    println!("BANKING77, 30 examples an intent, two threads, mixed");
    let learned = draw(&set.train, 30, 1);
    let (model, _) = learn(with, &learned, &[]);
    let outside = other.outside_test.iter().map(|text| (text.clone(), String::new()));
    let mut texts = draw(&set.test, usize::MAX, 2);
    texts.extend(learned.iter().take(texts.len() * 2 / 7).cloned());
    texts.extend(outside.take(set.test.len() / 7));
    let texts = shuffled(texts);
    let (start, before) = (Instant::now(), processor_seconds());
    std::thread::scope(|threads| {
        for part in texts.chunks(texts.len().div_ceil(2)) {
            let model = &model;
            threads.spawn(move || test(with, "half of them", model, part));
        }
    });
    let (seconds, worked) = (start.elapsed().as_secs_f64(), processor_seconds() - before);
    let count = texts.len() as f64;
    println!(
        "  {count} recognitions, {:.0} a second; {:.2} ms of a processor each, so {:.0} a second of two free ones",
        count / seconds,
        1e3 * worked / count,
        2.0 * count / worked,
    );
}

fn shuffled(mut texts: Vec<Labelled>) -> Vec<Labelled> {
    let mut random = Random(3);
    for last in (1..texts.len()).rev() {
        texts.swap(last, random.below(last + 1));
    }
    texts
}

/// What processors have worked for this program so far, as Linux tells it in hundredths of a second.
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let behind_the_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks =
        behind_the_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}

/// What the fast tier decides, and what that costs: on examples that were not learned, and on messages of other matters.
/// Nothing of the tests is looked at, so its settings may be chosen by this.
fn tier(with: With<'_>, set: &Set, other: &Set) {
    println!("BANKING77, 30 examples an intent: what the fast tier costs");
    let learned = draw(&set.train, 30, 1);
    let inside: Vec<&Labelled> = set.train.iter().filter(|one| !learned.contains(one)).take(2_000).collect();
    for fast_share in [0.15, 0.30, 0.45] {
        let found = train(&corpus(&learned), with.training, &Settings { fast_share, ..settings() });
        let Ok((model, _)) = found else { panic!("training failed") };
        let without = model.clone().without_fast_tier();
        let read = |text: &str, model: &Model| {
            let Ok(found) = model.recognise(&Request::text(text), with.training) else {
                panic!("recognition failed")
            };
            found
        };
        let right = |model| {
            let right = |one: &&&Labelled| read(&one.0, model).intent.as_ref() == Some(&one.1);
            percent(inside.iter().filter(right).count(), inside.len())
        };
        let refused = |model| {
            let refused = |text: &&String| read(text, model).decision != Decision::Accept;
            let outside: Vec<&String> = other.outside_validation.iter().chain(&other.outside_train).collect();
            percent(outside.iter().filter(|text| refused(text)).count(), outside.len())
        };
        let fast = inside.iter().filter(|one| read(&one.0, &model).engine == Engine::Fast).count();
        println!(
            "  share {fast_share}: decides {:.1} %; in scope right {:.2} %, without {:.2} %; out of scope not taken {:.2} %, without {:.2} %",
            percent(fast, inside.len()),
            right(&model),
            right(&without),
            refused(&model),
            refused(&without),
        );
    }
}

fn few(with: With<'_>, name: &str, set: &Set) {
    for count in [10, 5] {
        println!("{name}, {count} examples an intent, three draws");
        let mut reached = Vec::new();
        for seed in [1, 2, 3] {
            let (model, _) = learn(with, &draw(&set.train, count, seed), &[]);
            let answers = test(with, "test", &model, &set.test);
            reached.push(percent(answers.iter().filter(|a| a.right).count(), answers.len()));
        }
        let mean = reached.iter().sum::<f64>() / 3.0;
        let deviation = (reached.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / 3.0).sqrt();
        println!("  mean {mean:.2} %, deviation {deviation:.2}");
    }
}

/// The same on examples of the training set that were not drawn: what settings are chosen by.
fn held(with: With<'_>, name: &str, set: &Set) {
    for count in [10, 5] {
        println!("{name}, {count} examples an intent, four draws, asked about others of the training set");
        let mut reached = Vec::new();
        for seed in [11, 12, 13, 14] {
            let learned = draw(&set.train, count, seed);
            let others = draw(&set.train, 40, seed + 100);
            let others: Vec<Labelled> = others.into_iter().filter(|one| !learned.contains(one)).collect();
            let (model, _) = learn(with, &learned, &[]);
            let answers = test(with, "others", &model, &others);
            reached.push(percent(answers.iter().filter(|a| a.right).count(), answers.len()));
        }
        println!("  mean {:.2} %", reached.iter().sum::<f64>() / reached.len() as f64);
    }
}

fn out_of_scope(with: With<'_>, set: &Set) {
    println!("CLINC150, nothing known of what is out of scope");
    let (model, _) = learn(with, &set.train, &[]);
    scope(with, &model, set);
    out_of_scope_known(with, set);
}

fn out_of_scope_known(with: With<'_>, set: &Set) {
    println!("CLINC150, 100 messages known to be out of scope");
    let (model, _) = learn(with, &set.train, &set.outside_train);
    scope(with, &model, set);
}

fn scope(with: With<'_>, model: &Model, set: &Set) {
    for (name, inside, outside) in
        [("validation", &set.validation, &set.outside_validation), ("test", &set.test, &set.outside_test)]
    {
        let inside = test(with, name, model, inside);
        let outside: Vec<Labelled> = outside.iter().map(|text| (text.clone(), String::new())).collect();
        let outside = test(with, "out of scope", model, &outside);
        for (line, stays) in
            [("ask", vec![Decision::Accept, Decision::Ask]), ("accept", vec![Decision::Accept])]
        {
            let kept = inside.iter().filter(|a| a.right && stays.contains(&a.decision)).count();
            let refused = outside.iter().filter(|a| !stays.contains(&a.decision)).count();
            println!(
                "  {name} at `{line}`: in scope {:.2} %, recall of out-of-scope {:.2} %",
                percent(kept, inside.len()),
                percent(refused, outside.len())
            );
        }
        println!("  {name} AUROC {:.4}", auroc(&inside, &outside));
        for recall in [80, 82, 84, 86, 88] {
            let mut scores: Vec<f32> = outside.iter().map(|a| a.score).collect();
            scores.sort_unstable_by(f32::total_cmp);
            let least = scores[scores.len() * recall / 100];
            let kept = inside.iter().filter(|a| a.right && a.score >= least).count();
            let lost = inside.iter().filter(|a| a.score < least).count();
            println!(
                "  {name} at recall {recall} %: in scope {:.2} %, {:.2} % fall below {least:.4}",
                percent(kept, inside.len()),
                percent(lost, inside.len()),
            );
        }
    }
}

/// How often a text in scope scores higher than one out of it; ties count half.
fn auroc(inside: &[Answer], outside: &[Answer]) -> f64 {
    let mut wins = 0.0;
    for one in inside {
        for other in outside {
            wins += if one.score > other.score {
                1.0
            } else if one.score < other.score {
                0.0
            } else {
                0.5
            };
        }
    }
    wins / (inside.len() * outside.len()) as f64
}
