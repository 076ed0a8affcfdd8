//! The built-in models of sentence vectors.

use std::{path::PathBuf, sync::OnceLock};

use botbuilder_inference::{Files, MiniLm, Precision, Runtime, Table};
use botbuilder_nlu::{EmbedError, Embedder, Embedders};
use tracing::{info, warn};

use crate::recent::Recent;

/// Vectors that are kept of each model. Messages repeat.
const KEPT: usize = 8_192;

/// The built-in models. Each is loaded when it is first asked for and its files are there; until then, and where they
/// are not, words decide alone.
pub struct Models {
    directory: PathBuf,
    sessions: usize,
    fast: OnceLock<Option<Remembering<Fast>>>,
    full: OnceLock<Option<Remembering<Full>>>,
}

impl Models {
    /// Models whose files are in this directory; so many texts are computed at a time.
    pub fn new(directory: PathBuf, sessions: usize) -> Self {
        Self { directory, sessions, fast: OnceLock::new(), full: OnceLock::new() }
    }

    /// No models: words decide alone.
    pub fn none() -> Self {
        Self::new(PathBuf::new(), 1)
    }

    /// The files that are not there.
    pub fn missing(&self) -> Vec<&'static str> {
        Files::new(&self.directory).missing().into_iter().map(|file| file.path).collect()
    }

    /// Forgets the vectors that were kept: what is asked for again is computed again.
    pub fn forget(&self) {
        if let Some(Some(fast)) = self.fast.get() {
            fast.known.clear();
        }
        if let Some(Some(full)) = self.full.get() {
            full.known.clear();
        }
    }

    /// The models that can be used. The first call loads them, which takes a second or two.
    pub fn embedders(&self) -> Embedders<'_> {
        if (self.fast.get().is_none() || self.full.get().is_none()) && !self.missing().is_empty() {
            return Embedders::default();
        }
        let fast = self.fast.get_or_init(|| loaded(Table::NAME, Fast::load(&self.directory)));
        let full = self
            .full
            .get_or_init(|| loaded(MiniLm::NAME_IN_BYTES, Full::load(&self.directory, self.sessions)));
        Embedders {
            fast: fast.as_ref().map(|fast| fast as &dyn Embedder),
            full: full.as_ref().map(|full| full as &dyn Embedder),
        }
    }
}

fn loaded<E: Embedder>(name: &str, result: Result<E, botbuilder_inference::Error>) -> Option<Remembering<E>> {
    match result {
        Ok(model) => {
            info!(model = name, "model loaded");
            Some(Remembering::new(model))
        }
        Err(error) => {
            warn!(model = name, error = %error, "model cannot be used, words decide alone");
            None
        }
    }
}

struct Fast(Table);

impl Fast {
    fn load(directory: &std::path::Path) -> Result<Self, botbuilder_inference::Error> {
        Ok(Self(Table::load(&Files::new(directory))?))
    }
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

struct Full {
    model: MiniLm,
    /// Ends after the sessions.
    _runtime: Runtime,
}

impl Full {
    fn load(directory: &std::path::Path, sessions: usize) -> Result<Self, botbuilder_inference::Error> {
        let files = Files::new(directory);
        let runtime = Runtime::load(&files)?;
        let model = MiniLm::load(&runtime, &files, Precision::Bytes, sessions)?;
        Ok(Self { model, _runtime: runtime })
    }
}

impl Embedder for Full {
    fn name(&self) -> &str {
        MiniLm::NAME_IN_BYTES
    }

    fn dimensions(&self) -> usize {
        MiniLm::DIMENSIONS
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError> {
        let failed = |error: botbuilder_inference::Error| EmbedError {
            model: MiniLm::NAME_IN_BYTES.to_owned(),
            reason: error.to_string(),
        };
        self.model.embed(texts).map_err(failed)
    }
}

/// Keeps what a model answered. The texts come normalised.
struct Remembering<E> {
    inner: E,
    known: Recent<Vec<f32>>,
}

impl<E> Remembering<E> {
    fn new(inner: E) -> Self {
        Self { inner, known: Recent::new(KEPT) }
    }
}

impl<E: Embedder> Embedder for Remembering<E> {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn dimensions(&self) -> usize {
        self.inner.dimensions()
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError> {
        let mut vectors: Vec<Option<Vec<f32>>> = texts.iter().map(|text| self.known.get(text)).collect();
        let new: Vec<&str> = texts
            .iter()
            .zip(&vectors)
            .filter(|(_, vector)| vector.is_none())
            .map(|(text, _)| *text)
            .collect();
        if new.is_empty() {
            return Ok(vectors.into_iter().flatten().collect());
        }
        let mut made = self.inner.embed(&new)?.into_iter();
        for (text, place) in texts.iter().zip(&mut vectors) {
            if place.is_none() {
                *place = made.next();
                if let Some(vector) = place {
                    self.known.put(text, vector.clone());
                }
            }
        }
        Ok(vectors.into_iter().flatten().collect())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Answers with the length of the text, and counts what it is asked.
    #[derive(Default)]
    struct Counting(Mutex<usize>);

    impl Embedder for Counting {
        fn name(&self) -> &'static str {
            "counting"
        }

        fn dimensions(&self) -> usize {
            1
        }

        #[expect(clippy::cast_precision_loss, reason = "short texts")]
        fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError> {
            *self.0.lock().unwrap() += texts.len();
            Ok(texts.iter().map(|text| vec![text.len() as f32]).collect())
        }
    }

    #[test]
    fn a_text_is_computed_once_and_answers_keep_their_order() {
        let model = Remembering::new(Counting::default());
        let lengths = |texts: &[&str]| -> Vec<f32> { model.embed(texts).unwrap().concat() };
        assert_eq!(lengths(&["a", "bbb"]), [1.0, 3.0]);
        assert_eq!(lengths(&["cc", "bbb", "a"]), [2.0, 3.0, 1.0]);
        assert_eq!(*model.inner.0.lock().unwrap(), 3);
        for number in 0..KEPT {
            lengths(&["a", &format!("text {number}")]);
        }
        assert_eq!(*model.inner.0.lock().unwrap(), 3 + KEPT, "what is asked for again stays");
        assert!(model.known.len() <= KEPT);
        model.known.clear();
        lengths(&["a"]);
        assert_eq!(*model.inner.0.lock().unwrap(), 4 + KEPT);
    }

    #[test]
    fn without_files_there_are_no_models_and_they_are_named() {
        let models = Models::none();
        let Embedders { fast, full } = models.embedders();
        assert!(fast.is_none() && full.is_none());
        assert!(models.missing().contains(&"wordllama/weights/l2_supercat_256.safetensors"));
    }
}
