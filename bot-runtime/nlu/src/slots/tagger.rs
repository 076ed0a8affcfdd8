//! The tagger: annotated sentences in, spans out.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::clusters::{Clusters, Groups};
use super::crf::{Chain, Sentence, best_path};
use super::features::{Known, WORDS, features, is_common, of_word};
use crate::embedder::{EmbedError, Embedder};
use crate::heads::StoredHead;
use crate::heads::Weights;
use crate::text::fold;

/// A tagger as it is kept and used.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Tagger {
    /// `O`, `B-name`, `I-name`.
    labels: Vec<String>,
    /// Digests of features, sorted.
    digests: Vec<u64>,
    states: StoredHead,
    steps: Vec<f32>,
    /// Words of known values with the lists they are in; sorted.
    gazetteer: Vec<(String, Vec<u32>)>,
    clusters: Option<Clusters>,
}

/// A value found: words `first..end` of the sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// The slot's name.
    pub name: String,
    /// First word.
    pub first: usize,
    /// Word after the last.
    pub end: usize,
}

/// How to train a tagger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaggerSettings {
    /// Steps of the optimisation.
    pub iterations: usize,
    /// Threads at most.
    pub threads: usize,
}

impl Default for TaggerSettings {
    fn default() -> Self {
        Self { iterations: 80, threads: 2 }
    }
}

/// A sentence to learn from.
#[derive(Debug, Clone, Default)]
pub struct TaggedSentence<'a> {
    /// Its words.
    pub words: Vec<&'a str>,
    /// The slots in it; they do not overlap.
    pub slots: Vec<Slot>,
    /// Its intent.
    pub intent: Option<&'a str>,
}

impl Tagger {
    /// Learns from sentences. With vectors of words, names that were never seen are told by what they are like.
    pub fn train(
        sentences: &[TaggedSentence<'_>],
        vectors: Option<&dyn Embedder>,
        settings: TaggerSettings,
    ) -> Result<Self, EmbedError> {
        let mut labels = vec!["O".to_owned()];
        let mut names: Vec<&str> =
            sentences.iter().flat_map(|s| &s.slots).map(|slot| slot.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        for name in &names {
            labels.push(format!("B-{name}"));
            labels.push(format!("I-{name}"));
        }
        let values = values(sentences, &names);
        let gazetteer = gazetteer(&values);
        let are_many = sentences.len() >= MANY;
        let least = if are_many { 2 } else { 1 };
        let mut seen: BTreeMap<String, u32> = BTreeMap::new();
        for word in sentences.iter().flat_map(|sentence| sentence.words.iter().take(WORDS)) {
            *seen.entry(fold(word)).or_default() += 1;
        }

        let vocabulary: Vec<&str> = seen.keys().map(String::as_str).collect();
        let clusters = match vectors {
            Some(vectors) => Clusters::learn(&vocabulary, vectors)?,
            None => None,
        };
        let groups = groups(clusters.as_ref(), &vocabulary, vectors)?;

        let mut counts: HashMap<u64, u32> = HashMap::new();
        let mut digested = Vec::with_capacity(sentences.len());
        for sentence in sentences {
            // A sentence is looked at as one that was not learned: what it says itself does not count.
            let own = self::values(std::slice::from_ref(sentence), &names);
            let mut itself: HashMap<String, u32> = HashMap::new();
            for word in sentence.words.iter().take(WORDS) {
                *itself.entry(fold(word)).or_default() += 1;
            }
            let known = |word: &str| {
                let lists = known(&gazetteer, word).into_iter().filter(|list| {
                    let key = (word.to_owned(), *list as usize);
                    let own = own.get(&key).copied().unwrap_or(0);
                    values[&key] - own >= LISTED
                });
                let others = seen[word] - itself.get(word).copied().unwrap_or(0);
                Known {
                    lists: lists.collect(),
                    is_rare: are_many && others < least,
                    is_common: are_many && is_common(word),
                    groups: groups.get(word).copied(),
                }
            };
            let found = features(&sentence.words, known, sentence.intent);
            for digest in found.iter().flatten() {
                *counts.entry(*digest).or_default() += 1;
            }
            digested.push(found);
        }
        let mut digests: Vec<u64> =
            counts.into_iter().filter(|(_, n)| *n >= least).map(|(digest, _)| digest).collect();
        digests.sort_unstable();

        let by_name: HashMap<&str, u32> =
            (0_u32..).zip(&names).map(|(number, name)| (*name, number)).collect();
        let numbered: Vec<Sentence> = sentences
            .iter()
            .zip(&digested)
            .map(|(sentence, found)| {
                let mut own = vec![0_u32; found.len()];
                for slot in &sentence.slots {
                    let Some(number) = by_name.get(slot.name.as_str()) else { continue };
                    for (offset, label) in own.iter_mut().take(slot.end).skip(slot.first).enumerate() {
                        *label = 1 + 2 * number + u32::from(offset > 0);
                    }
                }
                Sentence { features: found.iter().map(|word| numbers(&digests, word)).collect(), labels: own }
            })
            .collect();
        let chain =
            Chain::train(&numbered, digests.len(), labels.len(), settings.iterations, settings.threads);
        let biases = vec![0.0; labels.len()];
        let states = StoredHead::new(&Weights { lines: chain.states, biases });
        Ok(Self { labels, digests, states, steps: chain.steps, gazetteer, clusters })
    }

    /// The slots of a sentence. Without the vectors it was trained with, it goes by the words alone.
    pub fn tag(
        &self,
        words: &[&str],
        intent: Option<&str>,
        vectors: Option<&dyn Embedder>,
    ) -> Result<Vec<Slot>, EmbedError> {
        let count = self.labels.len();
        let mut folded: Vec<String> = words.iter().take(WORDS).map(|word| fold(word)).collect();
        folded.sort_unstable();
        folded.dedup();
        let folded: Vec<&str> = folded.iter().map(String::as_str).collect();
        let groups = groups(self.clusters.as_ref(), &folded, vectors)?;
        let known = |word: &str| Known {
            lists: known(&self.gazetteer, word),
            is_rare: self.digests.binary_search(&of_word(word)).is_err(),
            is_common: is_common(word),
            groups: groups.get(word).copied(),
        };
        let found = features(words, known, intent);
        let mut scores = Vec::with_capacity(found.len() * count);
        for word in &found {
            let present = numbers(&self.digests, word).into_iter().map(|feature| (feature as usize, 1.0));
            scores.extend(self.states.logits(present));
        }
        let path = best_path(&scores, &self.steps, count);
        let mut slots: Vec<Slot> = Vec::new();
        let mut open = false;
        for (at, label) in path.into_iter().enumerate() {
            let (kind, name) = self.labels[label].split_once('-').unwrap_or(("O", ""));
            match slots.last_mut() {
                Some(last) if open && kind == "I" && last.name == name => last.end = at + 1,
                _ if kind == "O" => {}
                _ => slots.push(Slot { name: name.to_owned(), first: at, end: at + 1 }),
            }
            open = kind != "O";
        }
        Ok(slots)
    }

    /// Whether its parts fit each other; false for a damaged file.
    pub fn is_sound(&self) -> bool {
        let count = self.labels.len();
        count > 0
            && self.states.classes() == count
            && self.states.is_sound(self.digests.len())
            && self.steps.len() == count * count
            && self.digests.is_sorted()
            && self.clusters.as_ref().is_none_or(Clusters::is_sound)
    }
}

/// The groups of words, where groups were learned and their vectors are there.
fn groups<'a>(
    clusters: Option<&Clusters>,
    words: &[&'a str],
    vectors: Option<&dyn Embedder>,
) -> Result<HashMap<&'a str, Groups>, EmbedError> {
    match (clusters, vectors) {
        (Some(clusters), Some(vectors)) => clusters.of(words, vectors),
        _ => Ok(HashMap::new()),
    }
}

fn numbers(digests: &[u64], found: &[u64]) -> Vec<u32> {
    let number = |digest: &u64| digests.binary_search(digest).ok().and_then(|at| u32::try_from(at).ok());
    found.iter().filter_map(number).collect()
}

fn known(gazetteer: &[(String, Vec<u32>)], word: &str) -> Vec<u32> {
    let at = gazetteer.binary_search_by(|(known, _)| known.as_str().cmp(word));
    at.map(|at| gazetteer[at].1.clone()).unwrap_or_default()
}

/// Sentences from which a feature must occur twice, and from which on it is a sign that a word is rare, or common: among a
/// few sentences nearly every word is rare.
const MANY: usize = 2_000;
/// Occurrences in values from which a word is listed: one seen once tells nothing that its own weight does not.
const LISTED: u32 = 3;

/// How often each word occurs in values of each slot.
fn values(sentences: &[TaggedSentence<'_>], names: &[&str]) -> HashMap<(String, usize), u32> {
    let mut counts: HashMap<(String, usize), u32> = HashMap::new();
    for sentence in sentences {
        for slot in &sentence.slots {
            let Ok(list) = names.binary_search(&slot.name.as_str()) else { continue };
            for word in sentence.words.iter().take(slot.end.min(WORDS)).skip(slot.first) {
                *counts.entry((fold(word), list)).or_default() += 1;
            }
        }
    }
    counts
}

/// The words that are listed, each with its lists.
fn gazetteer(values: &HashMap<(String, usize), u32>) -> Vec<(String, Vec<u32>)> {
    let mut by_word: HashMap<String, Vec<u32>> = HashMap::new();
    for ((word, list), _) in values.iter().filter(|(_, count)| **count >= LISTED) {
        by_word.entry(word.clone()).or_default().push(u32::try_from(*list).unwrap_or(u32::MAX));
    }
    let mut out: Vec<_> = by_word.into_iter().collect();
    for (_, lists) in &mut out {
        lists.sort_unstable();
    }
    out.sort_unstable();
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentence<'a>(text: &'a str, slots: &[(&str, usize, usize)]) -> TaggedSentence<'a> {
        let slots = slots.iter().map(|(name, first, end)| Slot {
            name: (*name).to_owned(),
            first: *first,
            end: *end,
        });
        TaggedSentence { words: text.split(' ').collect(), slots: slots.collect(), intent: None }
    }

    #[test]
    fn values_never_seen_are_found_by_what_stands_around_them() -> Result<(), EmbedError> {
        let sentences = [
            sentence("fly from Paris to Rome", &[("from", 2, 3), ("to", 4, 5)]),
            sentence("fly from Berlin to New York", &[("from", 2, 3), ("to", 4, 6)]),
            sentence("go to Oslo from Madrid", &[("to", 2, 3), ("from", 4, 5)]),
            sentence("I want to go home", &[]),
        ];
        let tagger = Tagger::train(&sentences, None, TaggerSettings::default())?;
        assert!(tagger.is_sound());
        let slot = |name: &str, first, end| Slot { name: name.to_owned(), first, end };
        let found = tagger.tag(&["fly", "from", "Quito", "to", "New", "York"], None, None)?;
        assert_eq!(found, [slot("from", 2, 3), slot("to", 4, 6)]);
        assert!(tagger.tag(&[], None, None)?.is_empty());
        Ok(())
    }
}
