//! What could be taught next: messages that were not understood, put together by what they mean.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::alike::{Least, alike};
use crate::corpus::Corpus;
use crate::embedder::{EmbedError, Embedders};
use crate::text::normalise;

/// Messages that mean the same, and what could become of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Suggestion {
    /// Their places among the messages that were asked about; the one most like the others is the first.
    pub messages: Vec<usize>,
    /// Mean cosine of the others to the first; 1 where all say the same.
    pub similarity: f32,
    /// The intent that has an example like the first one, and how like it is. None: they would be a new intent.
    pub intent: Option<(String, f32)>,
}

/// How alike messages are that belong together, or to an intent.
const ALIKE: Least = Least { vectors: 0.75, words: 0.6 };
/// Messages that make a new intent at least: what one person wrote once is no intent.
const LEAST: usize = 3;
/// Suggestions at most.
const MOST: usize = 100;

/// Suggestions from messages that were not understood: those of most messages first, at most 100. What is like an example
/// of what the bot is not for is left out.
pub fn suggestions(
    corpus: &Corpus,
    messages: &[&str],
    embedders: Embedders<'_>,
) -> Result<Vec<Suggestion>, EmbedError> {
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut texts: Vec<String> = Vec::new();
    let mut said: Vec<Vec<usize>> = Vec::new();
    for (message, text) in messages.iter().enumerate() {
        let text = normalise(text);
        if text.is_empty() {
            continue;
        }
        let place = *places.entry(text.clone()).or_insert_with(|| {
            texts.push(text);
            said.push(Vec::new());
            said.len() - 1
        });
        said[place].push(message);
    }
    let count = texts.len();
    // Behind the messages stand the examples, and the intent of each; none is out of scope.
    let mut taught: Vec<Option<&str>> = Vec::new();
    for intent in &corpus.intents {
        for example in &intent.examples {
            texts.push(normalise(&example.text));
            taught.push(Some(&intent.name));
        }
    }
    texts.extend(corpus.out_of_scope.iter().map(|text| normalise(text)));
    taught.resize(texts.len() - count, None);

    let borrowed: Vec<&str> = texts.iter().map(String::as_str).collect();
    let mut near: Vec<Vec<(usize, f32)>> = vec![Vec::new(); count];
    let mut closest: Vec<Option<(usize, f32)>> = vec![None; count];
    for (cosine, left, right) in alike(&borrowed, embedders, ALIKE, |left, _| left < count)? {
        if right < count {
            near[left].push((right, cosine));
            near[right].push((left, cosine));
        } else if closest[left].is_none_or(|(_, best)| cosine > best) {
            closest[left] = Some((right - count, cosine));
        }
    }
    let intent = |text: usize| closest[text].map(|(example, cosine)| (taught[example], cosine));
    let mut free: Vec<bool> = (0..count).map(|text| !matches!(intent(text), Some((None, _)))).collect();

    let mut found = Vec::new();
    // The text with most messages around it takes them; then the next of what is left.
    while found.len() < MOST {
        let around = |text: usize| -> usize {
            let others =
                near[text].iter().filter(|(other, _)| free[*other]).map(|(other, _)| said[*other].len());
            said[text].len() + others.sum::<usize>()
        };
        let Some(middle) =
            (0..count).filter(|text| free[*text]).max_by_key(|text| (around(*text), usize::MAX - text))
        else {
            break;
        };
        let mut members: Vec<(usize, f32)> =
            near[middle].iter().copied().filter(|(other, _)| free[*other]).collect();
        members.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        members.insert(0, (middle, 1.0));
        for (member, _) in &members {
            free[*member] = false;
        }
        let messages: Vec<usize> =
            members.iter().flat_map(|(member, _)| said[*member].iter().copied()).collect();
        let intent = intent(middle).and_then(|(name, cosine)| Some((name?.to_owned(), cosine)));
        if intent.is_none() && messages.len() < LEAST {
            continue;
        }
        found.push(Suggestion { similarity: mean(&members[1..]), messages, intent });
    }
    Ok(found)
}

#[expect(clippy::cast_precision_loss, reason = "a few thousand at most")]
fn mean(others: &[(usize, f32)]) -> f32 {
    if others.is_empty() {
        return 1.0;
    }
    others.iter().map(|(_, cosine)| cosine).sum::<f32>() / others.len() as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::{Example, Intent};

    fn corpus() -> Corpus {
        let examples = ["where is my parcel", "track my order"].map(Example::new).to_vec();
        Corpus {
            intents: vec![Intent { name: "parcel".to_owned(), examples, accept_score: None }],
            out_of_scope: vec!["tell me a joke".to_owned()],
            ..Corpus::default()
        }
    }

    #[test]
    fn what_many_ask_for_is_a_new_intent_and_the_rest_belongs_to_what_is_there() -> Result<(), EmbedError> {
        let messages = [
            "can I pay by invoice",
            "where is my parcels",
            "can I pay with invoice",
            "tell me a joke!",
            "Can I pay by invoice?",
            "something else entirely",
            " ",
        ];
        let found = suggestions(&corpus(), &messages, Embedders::default())?;
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!((found[0].messages.as_slice(), &found[0].intent), ([0, 4, 2].as_slice(), &None));
        assert!(found[0].similarity > ALIKE.words);
        assert_eq!(found[1].messages, [1]);
        assert_eq!(found[1].intent.as_ref().map(|(name, _)| name.as_str()), Some("parcel"));
        Ok(())
    }

    #[test]
    fn nobody_said_anything() -> Result<(), EmbedError> {
        assert_eq!(suggestions(&corpus(), &[], Embedders::default())?, []);
        assert_eq!(suggestions(&Corpus::default(), &["a", "b"], Embedders::default())?, []);
        Ok(())
    }
}
