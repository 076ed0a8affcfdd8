//! A trained model: one value that can be stored, loaded and shared.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::gate::{Gate, Usual};
use super::matches::Matches;
use super::neighbours::Neighbours;
use super::tiers::{Blend, Tier};
use crate::embedder::{EmbedError, Embedders};
use crate::entities::Found;
use crate::features::Lexicon;
use crate::heads::StoredHead;
use crate::slots::Tagger;
use crate::text::{Language, Spelling};

/// The version of the stored form. A model of another version is trained anew.
pub const FORMAT: u16 = 2;

const MARK: &[u8; 6] = b"BBNLU\0";
/// Mark, version, digest.
const HEADER: usize = 6 + 2 + 32;

/// Everything recognition needs. Made by [`train`](super::train), never changed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Model {
    pub(crate) language: Language,
    pub(crate) intents: Vec<KnownIntent>,
    pub(crate) lexicon: Lexicon,
    pub(crate) lexical: StoredHead,
    pub(crate) fast: Option<VectorHead>,
    pub(crate) full: Option<VectorHead>,
    pub(crate) lexical_blend: Blend,
    /// The best tier that was there in training: scores and thresholds are its.
    pub(crate) best: Tier,
    pub(crate) neighbours: Neighbours,
    pub(crate) gate: Option<Gate>,
    pub(crate) usual: Option<Usual>,
    pub(crate) thresholds: Thresholds,
    /// For when the vectors of training are missing: thresholds of the lexical head's probability.
    pub(crate) without_vectors: Thresholds,
    /// When the fast tier decides; none if it never does.
    pub(crate) fast_rule: Option<FastRule>,
    pub(crate) matches: Matches,
    pub(crate) spelling: Spelling,
    /// For free-text entities; none without enough annotated examples.
    pub(crate) tagger: Option<Tagger>,
}

/// From which scores on a text is taken for an intent, and from which it is worth asking.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Thresholds {
    /// The intent is taken.
    pub accept: f32,
    /// "Did you mean …?"; below, nothing taught fits.
    pub ask: f32,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct KnownIntent {
    pub name: String,
    pub accept: Option<f32>,
}

/// When the fast tier decides alone: it is sure, and the text is like what was taught.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct FastRule {
    /// The least probability.
    pub probability: f32,
    /// The least score.
    pub score: f32,
    pub neighbours: Neighbours,
    pub gate: Option<Gate>,
    pub usual: Option<Usual>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct VectorHead {
    pub model: String,
    pub head: StoredHead,
    pub dimensions: u32,
    /// Dimensions of the fast model's vector that the head looks at beside its own; 0 if it looks at none.
    pub beside: u32,
    pub blend: Blend,
}

/// Why bytes are not a model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// Something else.
    #[error("not a trained model")]
    NotAModel,
    /// Of an older or newer program.
    #[error("the model has version {found}, this program reads version {FORMAT}")]
    Version {
        /// The version of the bytes.
        found: u16,
    },
    /// Changed on the way.
    #[error("the model is damaged")]
    Damaged,
}

impl Model {
    /// The stored form: a mark, [`FORMAT`], a digest, the values.
    pub fn to_bytes(&self) -> Vec<u8> {
        let values = postcard::to_stdvec(self).unwrap_or_default();
        let mut out = Vec::with_capacity(HEADER + values.len());
        out.extend_from_slice(MARK);
        out.extend_from_slice(&FORMAT.to_le_bytes());
        out.extend_from_slice(&Sha256::digest(&values));
        out.extend_from_slice(&values);
        out
    }

    /// Reads the stored form.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LoadError> {
        let rest = bytes.strip_prefix(MARK).ok_or(LoadError::NotAModel)?;
        let (version, rest) = rest.split_first_chunk::<2>().ok_or(LoadError::NotAModel)?;
        let found = u16::from_le_bytes(*version);
        if found != FORMAT {
            return Err(LoadError::Version { found });
        }
        let (digest, values) = rest.split_first_chunk::<32>().ok_or(LoadError::Damaged)?;
        if Sha256::digest(values).as_slice() != digest {
            return Err(LoadError::Damaged);
        }
        let model: Self = postcard::from_bytes(values).map_err(|_| LoadError::Damaged)?;
        if model.is_sound() { Ok(model) } else { Err(LoadError::Damaged) }
    }

    /// The same, but for the fast tier: the full model decides whatever is not exact. For measuring what that tier costs.
    #[must_use]
    pub fn without_fast_tier(self) -> Self {
        Self { fast_rule: None, ..self }
    }

    /// The names of the intents it tells apart.
    pub fn intents(&self) -> impl Iterator<Item = &str> {
        self.intents.iter().map(|intent| intent.name.as_str())
    }

    /// The values of free-text entities, as annotated examples taught them.
    pub fn slots(
        &self,
        text: &str,
        intent: Option<&str>,
        embedders: Embedders<'_>,
    ) -> Result<Vec<Found>, EmbedError> {
        self.tagger.as_ref().map_or(Ok(Vec::new()), |tagger| tagger.find(text, intent, embedders.fast))
    }

    /// Whether it knows free-text entities.
    pub fn has_slots(&self) -> bool {
        self.tagger.is_some()
    }

    /// The thresholds training chose.
    pub fn thresholds(&self) -> Thresholds {
        self.thresholds
    }

    /// The embedding models it was trained with: fast, full. Without them it answers from words and letters.
    pub fn embedding_models(&self) -> (Option<&str>, Option<&str>) {
        (
            self.fast.as_ref().map(|head| head.model.as_str()),
            self.full.as_ref().map(|head| head.model.as_str()),
        )
    }

    fn is_sound(&self) -> bool {
        let classes = self.intents.len();
        let head = |head: &StoredHead, features: usize| head.classes() == classes && head.is_sound(features);
        let vectors = |head_of: &Option<VectorHead>| {
            head_of
                .as_ref()
                .is_none_or(|vector| head(&vector.head, vector.dimensions as usize + vector.beside as usize))
        };
        classes > 0
            && self.lexicon.is_sound()
            && head(&self.lexical, self.lexicon.len())
            && vectors(&self.fast)
            && vectors(&self.full)
            && self.neighbours.is_sound(classes)
            && self.fast_rule.as_ref().is_none_or(|rule| rule.neighbours.is_sound(classes))
            && self.tagger.as_ref().is_none_or(Tagger::is_sound)
            && self.matches.is_sound(classes)
    }
}
