//! What decides without anything being trained: examples word for word, and keywords.

use serde::{Deserialize, Serialize};

use super::recognise::{Candidate, Decision, Engine, Recognition};
use crate::corpus::Corpus;
use crate::matching::{digest_of_words, padded_words};
use crate::text::{Language, normalise};

/// Examples and keywords of a bot, by intent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Matches {
    /// Digests of normalised examples, sorted, with their intents.
    pub exact: Vec<(u64, u32)>,
    pub keywords: Vec<KnownKeyword>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KnownKeyword {
    /// Normalised words with a blank before and after each.
    pub phrase: String,
    pub intent: u32,
    pub whole: bool,
}

impl Matches {
    /// Those of a corpus. A keyword of an intent that is not there is left out.
    pub(crate) fn of(corpus: &Corpus) -> Self {
        let examples = (0_u32..).zip(&corpus.intents).flat_map(|(number, intent)| {
            intent.examples.iter().map(move |example| (normalise(&example.text), number))
        });
        Self::new(corpus, examples)
    }

    /// The same from normalised examples, each with the number of its intent.
    pub(crate) fn new<T: AsRef<str>>(corpus: &Corpus, examples: impl Iterator<Item = (T, u32)>) -> Self {
        Self { exact: exact(examples), keywords: keywords(corpus) }
    }

    /// The intent that a normalised text decides for by itself.
    pub(crate) fn find(&self, normal: &str) -> Option<(usize, Engine)> {
        let exact = self.exact_match(normal).map(|intent| (intent, Engine::Exact));
        exact.or_else(|| Some((self.keyword_match(normal)?, Engine::Keyword)))
    }

    fn exact_match(&self, normal: &str) -> Option<usize> {
        let at = self.exact.binary_search_by_key(&digest_of_words(normal), |(digest, _)| *digest).ok()?;
        Some(self.exact[at].1 as usize)
    }

    fn keyword_match(&self, normal: &str) -> Option<usize> {
        if self.keywords.is_empty() {
            return None;
        }
        let words = padded_words(normal);
        let hit = |phrase: &str, whole: bool| if whole { words == phrase } else { words.contains(phrase) };
        self.keywords
            .iter()
            .find(|keyword| hit(&keyword.phrase, keyword.whole))
            .map(|keyword| keyword.intent as usize)
    }

    pub(crate) fn is_sound(&self, intents: usize) -> bool {
        let in_range = |intent: u32| (intent as usize) < intents;
        self.exact.is_sorted()
            && self.exact.iter().all(|(_, intent)| in_range(*intent))
            && self.keywords.iter().all(|keyword| in_range(keyword.intent))
    }
}

/// What is said of a text that a match decides.
pub(crate) fn certain(name: &str, engine: Engine, language: Language) -> Recognition {
    Recognition {
        decision: Decision::Accept,
        engine,
        intent: Some(name.to_owned()),
        confidence: 1.0,
        score: 1.5,
        alternatives: vec![Candidate { intent: name.to_owned(), confidence: 1.0 }],
        corrected: None,
        language,
        degraded: false,
    }
}

/// What is said of a text that nothing decides.
pub(crate) fn nothing(language: Language) -> Recognition {
    Recognition {
        decision: Decision::Fallback,
        engine: Engine::None,
        intent: None,
        confidence: 0.0,
        score: 0.0,
        alternatives: Vec::new(),
        corrected: None,
        language,
        degraded: false,
    }
}

/// Examples that decide when they are said word for word; those of two intents do not.
fn exact<T: AsRef<str>>(examples: impl Iterator<Item = (T, u32)>) -> Vec<(u64, u32)> {
    let mut all: Vec<(u64, u32)> =
        examples.map(|(text, intent)| (digest_of_words(text.as_ref()), intent)).collect();
    all.sort_unstable();
    all.dedup();
    let only: Vec<_> =
        all.chunk_by(|a, b| a.0 == b.0).filter(|group| group.len() == 1).flatten().copied().collect();
    let nothing = digest_of_words("");
    only.into_iter().filter(|(digest, _)| *digest != nothing).collect()
}

fn keywords(corpus: &Corpus) -> Vec<KnownKeyword> {
    let mut known = Vec::new();
    for keyword in &corpus.keywords {
        let position = corpus.intents.iter().position(|intent| intent.name == keyword.intent);
        let Some(intent) = position.and_then(|position| u32::try_from(position).ok()) else { continue };
        let phrase = padded_words(&normalise(&keyword.phrase));
        if !phrase.trim().is_empty() {
            known.push(KnownKeyword { phrase, intent, whole: keyword.whole });
        }
    }
    // The longest first: it says most.
    known.sort_by(|a, b| b.phrase.len().cmp(&a.phrase.len()).then_with(|| a.phrase.cmp(&b.phrase)));
    known
}
