//! Reads the public data sets.

use std::path::Path;

use botbuilder_nlu::corpus::{Corpus, Example, Intent};
use serde_json::Value;

/// A text and the intent it belongs to.
pub type Labelled = (String, String);

/// Training and test texts of one set, and what lies outside its scope.
#[derive(Default)]
pub struct Set {
    pub train: Vec<Labelled>,
    pub test: Vec<Labelled>,
    pub validation: Vec<Labelled>,
    pub outside_train: Vec<String>,
    pub outside_validation: Vec<String>,
    pub outside_test: Vec<String>,
}

/// The reason a set cannot be read, with the path.
pub type Reading<T> = Result<T, String>;

fn read(path: &Path) -> Reading<String> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

pub fn banking(root: &Path) -> Reading<Set> {
    let file = |name: &str| -> Reading<Vec<Labelled>> {
        let text = read(&root.join("banking77").join(name))?;
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let rows = reader.records().map(|row| {
            let row = row.map_err(|error| format!("{name}: {error}"))?;
            Ok((row.get(0).unwrap_or_default().to_owned(), row.get(1).unwrap_or_default().to_owned()))
        });
        rows.collect()
    };
    Ok(Set { train: file("train.csv")?, test: file("test.csv")?, ..Set::default() })
}

pub fn clinc(root: &Path) -> Reading<Set> {
    let text = read(&root.join("clinc150/data_full.json"))?;
    let json: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let pairs = |name: &str| -> Vec<Labelled> {
        let rows = json[name].as_array().map(Vec::as_slice).unwrap_or_default();
        let cell = |row: &Value, at: usize| row[at].as_str().unwrap_or_default().to_owned();
        rows.iter().map(|row| (cell(row, 0), cell(row, 1))).collect()
    };
    let texts = |name: &str| pairs(name).into_iter().map(|(text, _)| text).collect();
    Ok(Set {
        train: pairs("train"),
        test: pairs("test"),
        validation: pairs("val"),
        outside_train: texts("oos_train"),
        outside_validation: texts("oos_val"),
        outside_test: texts("oos_test"),
    })
}

/// A sentence of words, each with its tag.
pub type Tagged = (Vec<String>, Vec<String>);

pub struct Slots {
    pub train: Vec<Tagged>,
    pub validation: Vec<Tagged>,
    pub test: Vec<Tagged>,
}

pub fn snips(root: &Path) -> Reading<(Set, Slots)> {
    let part = |name: &str| -> Reading<(Vec<Labelled>, Vec<Tagged>)> {
        let folder = root.join("snips").join(name);
        let (texts, tags, labels) =
            (read(&folder.join("seq.in"))?, read(&folder.join("seq.out"))?, read(&folder.join("label"))?);
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let tagged = texts.lines().zip(tags.lines()).map(|(text, tags)| (words(text), words(tags)));
        let intents =
            texts.lines().zip(labels.lines()).map(|(t, l)| (t.trim().to_owned(), l.trim().to_owned()));
        Ok((intents.collect(), tagged.collect()))
    };
    let (train, train_slots) = part("train")?;
    let (validation, validation_slots) = part("dev")?;
    let (test, test_slots) = part("test")?;
    let slots = Slots { train: train_slots, validation: validation_slots, test: test_slots };
    Ok((Set { train, test, validation, ..Set::default() }, slots))
}

/// The corpus of labelled texts, intents in the order of their names.
pub fn corpus(texts: &[Labelled]) -> Corpus {
    let mut names: Vec<&str> = texts.iter().map(|(_, name)| name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let intents = names.into_iter().map(|name| {
        let own = texts.iter().filter(|(_, intent)| intent == name);
        let examples = own.map(|(text, _)| Example::new(text.clone())).collect();
        Intent { name: name.to_owned(), examples, accept_score: None }
    });
    Corpus { intents: intents.collect(), ..Corpus::default() }
}

/// `count` examples of each intent, drawn by a seed.
pub fn draw(texts: &[Labelled], count: usize, seed: u64) -> Vec<Labelled> {
    let mut random = Random(seed.wrapping_mul(7919).wrapping_add(17));
    let mut order: Vec<usize> = (0..texts.len()).collect();
    for last in (1..order.len()).rev() {
        order.swap(last, random.below(last + 1));
    }
    let mut taken: std::collections::HashMap<&str, usize> = std::collections::HashMap::new();
    let mut out = Vec::new();
    for at in order {
        let so_far = taken.entry(texts[at].1.as_str()).or_default();
        if *so_far < count {
            *so_far += 1;
            out.push(texts[at].clone());
        }
    }
    out
}

/// `SplitMix64`.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % limit as u64).unwrap_or_default()
    }
}

/// A text with so many typing mistakes: each a swap, a letter dropped, put in or replaced, inside a word of at
/// least three letters.
pub fn mistype(text: &str, mistakes: usize, random: &mut Random) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    for _ in 0..mistakes {
        let inside = |at: usize, letters: &[char]| {
            at > 0 && at + 1 < letters.len() && letters[at - 1..=at + 1].iter().all(|l| l.is_alphabetic())
        };
        let places: Vec<usize> = (0..letters.len()).filter(|at| inside(*at, &letters)).collect();
        if places.is_empty() {
            break;
        }
        let at = places[random.below(places.len())];
        let other = char::from(b'a' + u8::try_from(random.below(26)).unwrap_or(0));
        match random.below(4) {
            0 => letters.swap(at, at + 1),
            1 => drop(letters.remove(at)),
            2 => letters.insert(at, other),
            _ => letters[at] = other,
        }
    }
    letters.into_iter().collect()
}
