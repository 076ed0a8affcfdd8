//! Sentence vectors of all-MiniLM-L6-v2: the mean over the tokens' vectors, of length 1.

use std::sync::Mutex;

use ort::environment::Environment;
use ort::session::Session;
use ort::session::builder::GraphOptimizationLevel;
use ort::value::Tensor;

use crate::files::{Files, MINILM_GRAPH, MINILM_WEIGHTS, MINILM_WORDS, RUNTIME};
use crate::quantise::quantised;
use crate::wordpiece::WordPiece;
use crate::{Error, normalise};

/// Tokens of a text that are looked at. The model's limit is 512; it was trained on shorter texts.
const TOKENS: usize = 256;
/// Texts that are computed together.
const BATCH: usize = 32;

/// ONNX Runtime, one for the whole process.
pub struct Runtime {
    environment: Environment,
}

impl Runtime {
    /// Loads the library.
    pub fn load(files: &Files) -> Result<Self, Error> {
        let library = files.path(RUNTIME)?;
        let builder =
            ort::init_from(library).map_err(|error| Error::Runtime { reason: error.to_string() })?;
        let environment = builder.with_name("botbuilder").with_telemetry(false).build().map_err(refused)?;
        Ok(Self { environment })
    }
}

/// How exactly a model is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// In 32-bit numbers, as it is published.
    Full,
    /// Its products in bytes: two to three times as fast, vectors a little apart from the published ones.
    Bytes,
}

/// The model with one session a thread that may use it at the same time.
pub struct MiniLm {
    words: WordPiece,
    sessions: Vec<Mutex<Session>>,
    precision: Precision,
}

impl MiniLm {
    /// Its name in the product.
    pub const NAME: &str = "builtin-minilm-l6-v2";
    /// The name where its products are computed in bytes.
    pub const NAME_IN_BYTES: &str = "builtin-minilm-l6-v2-int8";
    /// Length of a vector.
    pub const DIMENSIONS: usize = 384;

    /// Loads the model into so many sessions, at least one. Each uses one thread: two halve the time of a text
    /// on an idle machine and double it on a busy one.
    pub fn load(
        runtime: &Runtime,
        files: &Files,
        precision: Precision,
        sessions: usize,
    ) -> Result<Self, Error> {
        let path = files.path(MINILM_GRAPH)?;
        let weights = files.read(MINILM_WEIGHTS)?;
        let words = WordPiece::from_json(&files.read(MINILM_WORDS)?)
            .map_err(|reason| Error::Format { path: MINILM_WORDS.path.to_owned(), reason })?;
        let in_bytes = match precision {
            Precision::Full => None,
            Precision::Bytes => {
                let graph = quantised(&files.read(MINILM_GRAPH)?, &weights);
                Some(graph.map_err(|reason| Error::Format { path: MINILM_GRAPH.path.to_owned(), reason })?)
            }
        };
        drop(weights);
        let folder = path.parent().unwrap_or(&path).to_string_lossy().into_owned();
        let mut open = Vec::new();
        for _ in 0..sessions.max(1) {
            let mut builder = Session::builder(&runtime.environment)
                .map_err(refused)?
                .with_intra_threads(1)
                .map_err(refused)?
                .with_optimization_level(GraphOptimizationLevel::All)
                .map_err(refused)?;
            let session = match &in_bytes {
                None => builder.commit_from_file(&path),
                // What is not multiplied stays in the file.
                Some(graph) => builder
                    .with_config_entry("session.model_external_initializers_file_folder_path", &folder)
                    .map_err(refused)?
                    .commit_from_memory(graph),
            };
            open.push(Mutex::new(session.map_err(refused)?));
        }
        Ok(Self { words, sessions: open, precision })
    }

    /// Its name, which is another one where it gives other vectors.
    pub fn name(&self) -> &'static str {
        match self.precision {
            Precision::Full => Self::NAME,
            Precision::Bytes => Self::NAME_IN_BYTES,
        }
    }

    /// One vector for each text, in order. Waits for a free session.
    pub fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, Error> {
        let tokens: Vec<Vec<i64>> = texts.iter().map(|text| self.words.tokens(text, TOKENS)).collect();
        // Texts of like length together: a batch is as long as its longest.
        let mut order: Vec<usize> = (0..tokens.len()).collect();
        order.sort_by_key(|text| tokens[*text].len());
        let mut vectors = vec![Vec::new(); tokens.len()];
        // The range of a batch decides what its bytes stand for: a text's vector must not depend on the others.
        let most = if self.precision == Precision::Bytes { 1 } else { BATCH };
        for batch in order.chunks(most) {
            let rows: Vec<&[i64]> = batch.iter().map(|text| tokens[*text].as_slice()).collect();
            for (text, vector) in batch.iter().zip(self.run(&rows)?) {
                vectors[*text] = vector;
            }
        }
        Ok(vectors)
    }

    fn run(&self, rows: &[&[i64]]) -> Result<Vec<Vec<f32>>, Error> {
        let length = rows.iter().map(|row| row.len()).max().unwrap_or(0);
        let (mut ids, mut mask) = (Vec::new(), Vec::new());
        for row in rows {
            let padding = length - row.len();
            ids.extend(row.iter().copied().chain(std::iter::repeat_n(0, padding)));
            mask.extend(std::iter::repeat_n(1_i64, row.len()).chain(std::iter::repeat_n(0, padding)));
        }
        let shape = [rows.len(), length];
        let types = Tensor::from_array((shape, vec![0_i64; ids.len()])).map_err(refused)?;
        let ids = Tensor::from_array((shape, ids)).map_err(refused)?;
        let mask = Tensor::from_array((shape, mask)).map_err(refused)?;

        let free = self.sessions.iter().find_map(|session| session.try_lock().ok());
        let mut session = match free {
            Some(session) => session,
            None => self.sessions[0].lock().unwrap_or_else(std::sync::PoisonError::into_inner),
        };
        let outputs = session
            .run(ort::inputs!["input_ids" => ids, "attention_mask" => mask, "token_type_ids" => types])
            .map_err(refused)?;
        let (_, hidden) = outputs["last_hidden_state"].try_extract_tensor::<f32>().map_err(refused)?;
        let sentences = hidden.chunks_exact((length * Self::DIMENSIONS).max(1)).zip(rows);
        Ok(sentences.map(|(sentence, row)| mean(sentence, row.len())).collect())
    }
}

/// The mean of the first `count` token vectors, of length 1.
fn mean(hidden: &[f32], count: usize) -> Vec<f32> {
    let mut sum = vec![0.0_f32; MiniLm::DIMENSIONS];
    for token in hidden.chunks_exact(MiniLm::DIMENSIONS).take(count) {
        for (sum, value) in sum.iter_mut().zip(token) {
            *sum += value;
        }
    }
    normalise(&mut sum);
    sum
}

#[expect(clippy::needless_pass_by_value, reason = "handed to map_err")]
fn refused<T>(error: ort::Error<T>) -> Error {
    Error::Runtime { reason: error.to_string() }
}
