//! The built-in embedding models, and vectors that are computed once.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
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

/// Remembers what another embedder answered, from run to run where a folder is given.
pub struct Remembering<'a> {
    inner: &'a dyn Embedder,
    known: Mutex<HashMap<String, Vec<f32>>>,
    file: Option<PathBuf>,
}

impl<'a> Remembering<'a> {
    /// Reads what is remembered in the folder.
    pub fn new(inner: &'a dyn Embedder, folder: Option<&Path>) -> Self {
        let file = folder.map(|folder| folder.join(format!("{}.vectors", inner.name())));
        let known = file.as_deref().and_then(|file| std::fs::read(file).ok());
        let known = known.and_then(|bytes| remembered(&bytes, inner.dimensions())).unwrap_or_default();
        Self { inner, known: Mutex::new(known), file }
    }

    /// Writes what is remembered, one text after the other: its length, itself, its numbers.
    pub fn keep(&self) -> Result<(), String> {
        let Some(file) = &self.file else { return Ok(()) };
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut bytes = Vec::new();
        for (text, vector) in &*known {
            let length = u32::try_from(text.len()).map_err(|error| error.to_string())?;
            bytes.extend(length.to_le_bytes());
            bytes.extend(text.as_bytes());
            bytes.extend(vector.iter().flat_map(|number| number.to_le_bytes()));
        }
        std::fs::write(file, bytes).map_err(|error| format!("{}: {error}", file.display()))
    }
}

/// What [`Remembering::keep`] wrote; nothing where it is cut or damaged.
fn remembered(mut bytes: &[u8], dimensions: usize) -> Option<HashMap<String, Vec<f32>>> {
    let mut known = HashMap::new();
    while !bytes.is_empty() {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let (text, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        let (vector, rest) = rest.split_at_checked(4 * dimensions)?;
        let numbers =
            vector.chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]));
        known.insert(String::from_utf8(text.to_vec()).ok()?, numbers.collect());
        bytes = rest;
    }
    Some(known)
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
