//! Where vectors come from: outside. This crate neither loads nor runs models.

/// Turns texts into vectors of one length, near each other where the meanings are.
pub trait Embedder: Send + Sync {
    /// The model's name; vectors of different models cannot be compared.
    fn name(&self) -> &str;

    /// Length of a vector.
    fn dimensions(&self) -> usize;

    /// One vector of length 1 for each text, in order.
    fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError>;
}

/// The models at hand. Either may be missing.
#[derive(Clone, Copy, Default)]
pub struct Embedders<'a> {
    /// One that costs microseconds and decides what is easy.
    pub fast: Option<&'a dyn Embedder>,
    /// One that costs milliseconds and decides the rest.
    pub full: Option<&'a dyn Embedder>,
}

/// A model that did not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the embedding model {model} failed: {reason}")]
pub struct EmbedError {
    /// Its name.
    pub model: String,
    /// What it said.
    pub reason: String,
}

/// Calls a model and holds it to its word.
pub(crate) fn embed_all(embedder: &dyn Embedder, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError> {
    let vectors = embedder.embed(texts)?;
    let sound = vectors.len() == texts.len()
        && vectors.iter().all(|v| v.len() == embedder.dimensions() && v.iter().all(|x| x.is_finite()));
    if sound {
        return Ok(vectors);
    }
    let reason = "it returned vectors of another number or length than it promised".to_owned();
    Err(EmbedError { model: embedder.name().to_owned(), reason })
}
