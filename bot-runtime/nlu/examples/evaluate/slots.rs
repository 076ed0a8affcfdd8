//! Slots: SNIPS.

use std::time::Instant;

use botbuilder_nlu::slots::{Slot, TaggedSentence, Tagger, TaggerSettings};
use botbuilder_nlu::{Embedder, Embedders, Request};

use crate::data::{Random, Set, Slots, Tagged};
use crate::{With, learn, percent};

/// The whole training set, then validation and test.
pub fn tests(with: With<'_>, set: &Set, slots: &Slots) {
    println!("SNIPS slots");
    let tagger = trained(&sentences(&slots.train, &set.train), with.training.fast);
    // The intent the tagger is given is the one that was recognised.
    let words_alone = With { training: Embedders::default(), testing: Embedders::default() };
    let (model, _) = learn(words_alone, &set.train, &[]);
    for (name, part) in [("validation", &slots.validation), ("test", &slots.test)] {
        let asked: Vec<_> = part
            .iter()
            .map(|(words, tags)| {
                let recognition = model.recognise(&Request::text(&words.join(" ")), Embedders::default());
                (words, tags, recognition.ok().and_then(|recognition| recognition.intent))
            })
            .collect();
        let asked = asked.iter().map(|(words, tags, intent)| (*words, *tags, intent.as_deref()));
        judge(name, &tagger, asked, with.testing.fast);
    }
}

/// A part of the training set, asked about another part of it: what choices are made by.
pub fn held(with: With<'_>, set: &Set, slots: &Slots) {
    println!("SNIPS slots, 4 000 sentences learned, 4 000 others asked about");
    let mut order: Vec<usize> = (0..slots.train.len()).collect();
    let mut random = Random(5);
    for last in (1..order.len()).rev() {
        order.swap(last, random.below(last + 1));
    }
    let all = sentences(&slots.train, &set.train);
    let learned: Vec<_> = order.iter().take(4_000).map(|at| all[*at].clone()).collect();
    for (name, vectors) in [("words alone", None), ("with vectors", with.training.fast)] {
        let tagger = trained(&learned, vectors);
        let others = order.iter().skip(4_000).take(4_000);
        let asked = others.map(|at| {
            let (words, tags) = &slots.train[*at];
            (words, tags, Some(set.train[*at].1.as_str()))
        });
        judge(name, &tagger, asked, vectors);
    }
}

fn sentences<'a>(tagged: &'a [Tagged], labelled: &'a [(String, String)]) -> Vec<TaggedSentence<'a>> {
    let both = tagged.iter().zip(labelled);
    both.map(|((words, tags), (_, intent))| TaggedSentence {
        words: words.iter().map(String::as_str).collect(),
        slots: spans(tags),
        intent: Some(intent),
    })
    .collect()
}

fn trained(sentences: &[TaggedSentence<'_>], vectors: Option<&dyn Embedder>) -> Tagger {
    let start = Instant::now();
    let trained =
        Tagger::train(sentences, vectors, TaggerSettings { threads: 1, ..TaggerSettings::default() });
    let Ok(tagger) = trained else { panic!("training failed") };
    println!("  trained in {:.1} s", start.elapsed().as_secs_f32());
    tagger
}

fn judge<'a>(
    name: &str,
    tagger: &Tagger,
    asked: impl Iterator<Item = (&'a Vec<String>, &'a Vec<String>, Option<&'a str>)>,
    vectors: Option<&dyn Embedder>,
) {
    let (mut found, mut wanted, mut right) = (0, 0, 0);
    let mut times = Vec::new();
    for (words, tags, intent) in asked {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let start = Instant::now();
        let tagged = tagger.tag(&words, intent, vectors);
        times.push(start.elapsed());
        let Ok(tagged) = tagged else { panic!("tagging failed") };
        let truth = spans(tags);
        right += tagged.iter().filter(|slot| truth.contains(slot)).count();
        found += tagged.len();
        wanted += truth.len();
    }
    times.sort_unstable();
    let (precision, recall) = (percent(right, found), percent(right, wanted));
    println!(
        "  {name}: F1 {:.2} (precision {precision:.2}, recall {recall:.2}); {:.3} ms p50",
        2.0 * precision * recall / (precision + recall),
        times[times.len() / 2].as_secs_f64() * 1e3,
    );
}

/// The spans of a line of `B-`, `I-` and `O` tags.
fn spans(tags: &[String]) -> Vec<Slot> {
    let mut slots: Vec<Slot> = Vec::new();
    let mut open = false;
    for (at, tag) in tags.iter().enumerate() {
        let (kind, name) = tag.split_once('-').unwrap_or(("O", ""));
        match slots.last_mut() {
            Some(last) if open && kind == "I" && last.name == name => last.end = at + 1,
            _ if kind == "O" => {}
            _ => slots.push(Slot { name: name.to_owned(), first: at, end: at + 1 }),
        }
        open = kind != "O";
    }
    slots
}
