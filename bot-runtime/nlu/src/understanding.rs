//! Everything about one message in one call.

use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};

use crate::corpus::Corpus;
use crate::embedder::{EmbedError, Embedders};
use crate::entities::{Context, EntityError, Extractor, Found};
use crate::intents::matches::{Matches, certain, nothing};
use crate::intents::recognise::{cut, language_of};
use crate::intents::{Model, Recognition, Request};
use crate::text::{Language, normalise};

/// A bot's understanding, loaded once and shared: what its author wrote, and the trained model if there is one.
///
/// Examples word for word, keywords and defined entities need no training: they count as soon as they are written.
#[derive(Debug, Default)]
pub struct Understanding {
    language: Language,
    intents: Vec<String>,
    matches: Matches,
    model: Option<Model>,
    extractor: Extractor,
    sensitive: Vec<String>,
}

/// What a message says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// What the person wants.
    pub recognition: Recognition,
    /// The values they mentioned, in order, without overlap.
    pub entities: Vec<Found>,
}

impl Understanding {
    /// Puts what an author wrote and a model trained on it, now or earlier, together.
    pub fn new(model: Option<Model>, corpus: &Corpus) -> Result<Self, EntityError> {
        let sensitive = corpus.entities.iter().filter(|entity| entity.sensitive);
        Ok(Self {
            language: corpus.language.clone(),
            intents: corpus.intents.iter().map(|intent| intent.name.clone()).collect(),
            matches: Matches::of(corpus),
            model,
            extractor: Extractor::new(&corpus.entities)?,
            sensitive: sensitive.map(|entity| entity.name.clone()).collect(),
        })
    }

    /// The trained model.
    pub fn model(&self) -> Option<&Model> {
        self.model.as_ref()
    }

    /// Whether anything at all was taught.
    pub fn is_empty(&self) -> bool {
        self.intents.is_empty() && self.model.is_none()
    }

    /// Reads a message. `now` is the person's wall clock. The same arguments give the same reading.
    pub fn read(
        &self,
        request: &Request<'_>,
        now: NaiveDateTime,
        embedders: Embedders<'_>,
    ) -> Result<Reading, EmbedError> {
        let recognition = self.recognise(request, embedders)?;
        self.with_values(recognition, request.text, now, embedders)
    }

    /// The values of a text beside what was recognised in it.
    pub fn with_values(
        &self,
        recognition: Recognition,
        text: &str,
        now: NaiveDateTime,
        embedders: Embedders<'_>,
    ) -> Result<Reading, EmbedError> {
        let context = Context { text, language: &recognition.language, now };
        let mut entities = self.extractor.extract(&context);
        // What was defined is surer than what was learned.
        let slots = match &self.model {
            Some(model) => model.slots(text, recognition.intent.as_deref(), embedders)?,
            None => Vec::new(),
        };
        for mut slot in slots {
            if entities.iter().all(|found| slot.end <= found.start || found.end <= slot.start) {
                slot.sensitive = self.sensitive.contains(&slot.entity);
                entities.push(slot);
            }
        }
        entities.sort_by_key(|found| found.start);
        Ok(Reading { recognition, entities })
    }

    /// The intent of an example word for word, or of a keyword. It takes microseconds.
    pub fn match_of(&self, request: &Request<'_>) -> Option<Recognition> {
        let (intent, engine) = self.matches.find(&normalise(cut(request.text)))?;
        Some(certain(&self.intents[intent], engine, language_of(request, &self.language)))
    }

    /// What a text means, without its values.
    pub fn recognise(
        &self,
        request: &Request<'_>,
        embedders: Embedders<'_>,
    ) -> Result<Recognition, EmbedError> {
        if let Some(known) = self.match_of(request) {
            return Ok(known);
        }
        match &self.model {
            Some(model) => model.recognise(request, embedders),
            None => Ok(nothing(language_of(request, &self.language))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::{Example, Intent, Keyword};
    use crate::{Decision, Engine};

    #[test]
    fn examples_and_keywords_count_before_anything_is_trained() -> Result<(), EntityError> {
        let corpus = Corpus {
            intents: vec![
                Intent {
                    name: "parcel".into(),
                    examples: vec![Example::new("Where is my parcel?")],
                    ..Intent::default()
                },
                Intent { name: "hours".into(), ..Intent::default() },
            ],
            keywords: vec![Keyword { phrase: "opening hours".into(), intent: "hours".into(), whole: false }],
            ..Corpus::default()
        };
        let understanding = Understanding::new(None, &corpus)?;
        let read = |text: &str| {
            let now = NaiveDateTime::default();
            let reading = understanding.read(&Request::text(text), now, Embedders::default());
            let found = reading.map_or_else(|_| nothing(Language::default()), |reading| reading.recognition);
            (found.intent, found.engine, found.decision)
        };
        assert_eq!(read("where is  my PARCEL"), (Some("parcel".into()), Engine::Exact, Decision::Accept));
        assert_eq!(read("your opening hours?"), (Some("hours".into()), Engine::Keyword, Decision::Accept));
        assert_eq!(read("something else"), (None, Engine::None, Decision::Fallback));
        Ok(())
    }
}
