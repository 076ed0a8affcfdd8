//! Everything about one message in one call.

use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};

use crate::corpus::{Corpus, Entity};
use crate::embedder::{EmbedError, Embedders};
use crate::entities::{Context, EntityError, Extractor, Found};
use crate::intents::{Model, Recognition, Request};

/// A bot's understanding, loaded once and shared: the trained model and the compiled entities.
#[derive(Debug)]
pub struct Understanding {
    model: Model,
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
    /// Puts a model and the entities of its bot together.
    pub fn new(model: Model, entities: &[Entity]) -> Result<Self, EntityError> {
        let sensitive = entities.iter().filter(|entity| entity.sensitive).map(|entity| entity.name.clone());
        Ok(Self { model, extractor: Extractor::new(entities)?, sensitive: sensitive.collect() })
    }

    /// The same from a corpus.
    pub fn of(model: Model, corpus: &Corpus) -> Result<Self, EntityError> {
        Self::new(model, &corpus.entities)
    }

    /// The trained model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Reads a message. `now` is the person's wall clock. The same arguments give the same reading.
    pub fn read(
        &self,
        request: &Request<'_>,
        now: NaiveDateTime,
        embedders: Embedders<'_>,
    ) -> Result<Reading, EmbedError> {
        let recognition = self.model.recognise(request, embedders)?;
        let context = Context { text: request.text, language: &recognition.language, now };
        let mut entities = self.extractor.extract(&context);
        // What was defined is surer than what was learned.
        for mut slot in self.model.slots(request.text, recognition.intent.as_deref()) {
            if entities.iter().all(|found| slot.end <= found.start || found.end <= slot.start) {
                slot.sensitive = self.sensitive.contains(&slot.entity);
                entities.push(slot);
            }
        }
        entities.sort_by_key(|found| found.start);
        Ok(Reading { recognition, entities })
    }
}
