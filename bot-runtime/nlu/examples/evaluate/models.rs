//! The built-in embedding models, and vectors that are computed once.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use botbuilder_inference::{Files, MiniLm, Precision, Runtime, Table};
use botbuilder_nlu::{EmbedError, Embedder, Embedders};

pub struct Fast(Table);

pub struct Full {
    model: MiniLm,
    // ends after the sessions
    _runtime: Runtime,
}

impl Embedder for Fast {
    fn name(&self) -> &str {
        Table::NAME
    }

    fn dimensions(&self) -> usize {
        Table::DIMENSIONS
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError> {
        Ok(self.0.embed(texts))
    }
}

impl Embedder for Full {
    fn name(&self) -> &str {
        self.model.name()
    }

    fn dimensions(&self) -> usize {
        MiniLm::DIMENSIONS
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError> {
        let failed = |error: botbuilder_inference::Error| EmbedError {
            model: self.model.name().to_owned(),
            reason: error.to_string(),
        };
        self.model.embed(texts).map_err(failed)
    }
}

/// Remembers what another embedder answered.
pub struct Remembering<'a> {
    inner: &'a dyn Embedder,
    known: Mutex<HashMap<String, Vec<f32>>>,
}

impl<'a> Remembering<'a> {
    pub fn new(inner: &'a dyn Embedder) -> Self {
        Self { inner, known: Mutex::default() }
    }
}

impl Embedder for Remembering<'_> {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn dimensions(&self) -> usize {
        self.inner.dimensions()
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let new: Vec<&str> = texts.iter().copied().filter(|text| !known.contains_key(*text)).collect();
        for (text, vector) in new.iter().zip(self.inner.embed(&new)?) {
            known.insert((*text).to_owned(), vector);
        }
        Ok(texts.iter().filter_map(|text| known.get(*text).cloned()).collect())
    }
}

/// The models of a directory.
pub struct Models {
    pub fast: Fast,
    pub full: Full,
}

impl Models {
    pub fn load(directory: &Path, precision: Precision) -> Result<Self, String> {
        let files = Files::new(directory);
        let fast = Fast(Table::load(&files).map_err(|error| error.to_string())?);
        let runtime = Runtime::load(&files).map_err(|error| error.to_string())?;
        let model = MiniLm::load(&runtime, &files, precision, 2).map_err(|error| error.to_string())?;
        Ok(Self { fast, full: Full { model, _runtime: runtime } })
    }

    pub fn embedders(&self) -> Embedders<'_> {
        Embedders { fast: Some(&self.fast), full: Some(&self.full) }
    }
}
