//! A tagger from a corpus, and its answers as values in a text.

use serde_json::Value;

use super::tagger::{Slot, TaggedSentence, Tagger, TaggerSettings};
use crate::corpus::{Corpus, EntityKind, Example};
use crate::embedder::{EmbedError, Embedder};
use crate::entities::Found;
use crate::text::{Word, words};

/// Annotated examples from which a tagger is worth training.
const ENOUGH: usize = 10;

impl Tagger {
    /// Learns the free-text entities of a corpus; none if there are too few examples with them.
    pub fn learn(
        corpus: &Corpus,
        vectors: Option<&dyn Embedder>,
        settings: TaggerSettings,
    ) -> Result<Option<Self>, EmbedError> {
        let free: Vec<&str> = corpus
            .entities
            .iter()
            .filter(|entity| entity.kind == EntityKind::FreeText)
            .map(|entity| entity.name.as_str())
            .collect();
        let mut sentences = Vec::new();
        let mut annotated = 0;
        for intent in &corpus.intents {
            for example in &intent.examples {
                let sentence = sentence(example, &intent.name, &free);
                annotated += usize::from(!sentence.slots.is_empty());
                sentences.push(sentence);
            }
        }
        if annotated < ENOUGH {
            return Ok(None);
        }
        Self::train(&sentences, vectors, settings).map(Some)
    }

    /// The values in a text; `intent` is what it was recognised as.
    pub fn find(
        &self,
        text: &str,
        intent: Option<&str>,
        vectors: Option<&dyn Embedder>,
    ) -> Result<Vec<Found>, EmbedError> {
        let all: Vec<Word<'_>> = words(text).collect();
        let pieces: Vec<&str> = all.iter().map(|word| word.text).collect();
        let slots = self.tag(&pieces, intent, vectors)?.into_iter();
        let found = slots.filter_map(|slot| {
            let (start, end) = (all.get(slot.first)?.start, all.get(slot.end.checked_sub(1)?)?.end());
            let words = text.get(start..end)?;
            let value = Value::from(words);
            Some(Found { entity: slot.name, start, end, text: words.to_owned(), value, sensitive: false })
        });
        Ok(found.collect())
    }
}

/// An example in words. An annotation that cuts a word takes all of it.
fn sentence<'a>(example: &'a Example, intent: &'a str, free: &[&str]) -> TaggedSentence<'a> {
    let all: Vec<Word<'_>> = words(&example.text).collect();
    let mut slots: Vec<Slot> = Vec::new();
    for annotation in example.entities.iter().filter(|one| free.contains(&one.entity.as_str())) {
        let inside = |word: &Word<'_>| word.start < annotation.end && annotation.start < word.end();
        let Some(first) = all.iter().position(inside) else { continue };
        let end = first + all[first..].iter().take_while(|word| inside(word)).count();
        if slots.iter().all(|slot| end <= slot.first || slot.end <= first) {
            slots.push(Slot { name: annotation.entity.clone(), first, end });
        }
    }
    TaggedSentence { words: all.iter().map(|word| word.text).collect(), slots, intent: Some(intent) }
}
