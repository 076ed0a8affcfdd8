//! Recognition: exact and keyword matches, spelling, heads, and the decision.

use serde::{Deserialize, Serialize};

use super::gate::{Gate, Signs, Usual};
use super::matches::{certain, nothing};
use super::model::{Model, Thresholds, VectorHead};
use super::neighbours::{Nearness, Probe};
use super::tiers::{Blend, Opinion, Tier, joined, ranking, strength};
use crate::embedder::{EmbedError, Embedder, Embedders, embed_all};
use crate::text::{Language, detect, normalise};

/// What is asked.
#[derive(Debug, Clone, Copy, Default)]
pub struct Request<'a> {
    /// What the person wrote. The first [`LONGEST`] bytes are looked at.
    pub text: &'a str,
    /// The conversation's language, if it is known.
    pub language: Option<&'a Language>,
    /// Names of intents the waiting node expects: they are preferred where it is close.
    pub expected: &'a [String],
    /// The bot's own thresholds in place of the trained ones; 0 to 1.5.
    pub accept: Option<f32>,
    /// The same for asking which intent is meant.
    pub ask: Option<f32>,
}

impl<'a> Request<'a> {
    /// A text and nothing else.
    pub fn text(text: &'a str) -> Self {
        Self { text, ..Self::default() }
    }
}

/// Bytes of a message that are looked at.
pub const LONGEST: usize = 4_000;
/// Added to the logarithm of an expected intent: it counts three times.
const EXPECTED: f32 = 1.1;
/// Alternatives named at most.
const ALTERNATIVES: usize = 5;

/// What was understood.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recognition {
    /// What to do with it.
    pub decision: Decision,
    /// Who decided.
    pub engine: Engine,
    /// The most probable intent, even where the decision is not to take it.
    pub intent: Option<String>,
    /// Its probability, 0 to 1.
    pub confidence: f32,
    /// How well the text fits what was taught; compared with the thresholds.
    pub score: f32,
    /// The most probable intents, the first included.
    pub alternatives: Vec<Candidate>,
    /// The text without its typing mistakes, if it had any.
    pub corrected: Option<String>,
    /// The language: the conversation's, else the text's, else the bot's.
    pub language: Language,
    /// Whether vectors the model was trained with were missing, so that words alone decided.
    pub degraded: bool,
}

/// An intent and its probability.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// The intent's name.
    pub intent: String,
    /// 0 to 1.
    pub confidence: f32,
}

/// What to do with a recognition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Take the intent.
    Accept,
    /// Ask which of the best two or three is meant.
    Ask,
    /// Nothing that was taught fits.
    Fallback,
}

/// Who decided (`nlu_logs.engine`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Engine {
    /// An example, word for word.
    Exact,
    /// A keyword.
    Keyword,
    /// Words and letters, with the fast model where there is one.
    Fast,
    /// The full embedding model.
    Embedding,
    /// Nobody: there was nothing to go by.
    None,
}

/// What the heads made of a text.
struct Weighed {
    sum: Vec<f32>,
    probabilities: Vec<f32>,
    order: Vec<usize>,
}

impl Weighed {
    fn new(blend: &Blend, sum: Vec<f32>) -> Self {
        let probabilities = blend.probabilities(sum.clone());
        Self { order: ranking(&probabilities), sum, probabilities }
    }

    /// The same with what the nearest examples say.
    fn nearer(mut self, blend: &Blend, near: &Nearness) -> Self {
        if blend.near > 0.0 {
            blend.add_near(&mut self.sum, near);
            return Self::new(blend, self.sum);
        }
        self
    }

    /// How well the text fits what was taught.
    fn score(
        &self,
        near: &Nearness,
        (lexical, vector): (&Opinion, Option<&Opinion>),
        usual: Option<Usual>,
        gate: Option<&Gate>,
    ) -> f32 {
        let strength = strength(self.order[0], lexical, vector);
        let signs = Signs::new(&self.sum, &self.probabilities, &self.order, near, (strength, usual));
        gate.map_or_else(|| signs.simple(), |gate| gate.score(&signs))
    }
}

impl Model {
    /// What a text means. A pure function, but for what the embedders do; they are asked only when words alone
    /// do not decide.
    pub fn recognise(
        &self,
        request: &Request<'_>,
        embedders: Embedders<'_>,
    ) -> Result<Recognition, EmbedError> {
        let text = cut(request.text);
        let normal = normalise(text);
        let language = language_of(request, &self.language);
        if let Some((intent, engine)) = self.matches.find(&normal) {
            return Ok(certain(&self.intents[intent].name, engine, language));
        }
        let corrected = self.spelling.correct(text);
        let plain = corrected.as_deref().unwrap_or(&normal);
        let mut recognition = self.weigh_up(plain, request, embedders, language)?;
        recognition.corrected = corrected;
        Ok(recognition)
    }

    fn weigh_up(
        &self,
        plain: &str,
        request: &Request<'_>,
        embedders: Embedders<'_>,
        language: Language,
    ) -> Result<Recognition, EmbedError> {
        let row = self.lexicon.row(plain);
        let lexical = Opinion::new(self.lexical.logits(row.iter().map(|(f, v)| (*f as usize, *v))));
        let weigh = |blend: &Blend, vector: Option<&Opinion>| {
            let mut sum = blend.sum(&lexical, vector);
            for expected in request.expected {
                if let Some(at) = self.intents.iter().position(|intent| intent.name == *expected) {
                    sum[at] += EXPECTED;
                }
            }
            Weighed::new(blend, sum)
        };

        let fast = opinion_of(self.fast.as_ref(), embedders.fast, plain, None)?;
        if let (Some((head, vector, opinion)), Some(rule)) = (&fast, &self.fast_rule) {
            let weighed = weigh(&head.blend, Some(opinion));
            let near = rule.neighbours.near(&Probe::Dense(vector), &weighed.order);
            let weighed = weighed.nearer(&head.blend, &near);
            let score = weighed.score(&near, (&lexical, Some(opinion)), rule.usual, rule.gate.as_ref());
            if weighed.probabilities[weighed.order[0]] >= rule.probability && score >= rule.score {
                return Ok(self.answer(&weighed, Engine::Fast, Decision::Accept, score, language));
            }
        }
        let beside = fast.as_ref().map(|(_, vector, _)| vector.as_slice());
        let full = opinion_of(self.full.as_ref(), embedders.full, plain, beside)?;
        let (best, engine) = match self.best {
            Tier::Lexical => (None, Engine::Fast),
            Tier::Fast => (fast.as_ref(), Engine::Fast),
            Tier::Full => (full.as_ref(), Engine::Embedding),
        };
        if self.best != Tier::Lexical && best.is_none() {
            return Ok(self.without_vectors(&weigh(&self.lexical_blend, None), row.is_empty(), language));
        }
        if row.is_empty() && best.is_none() {
            return Ok(nothing(language));
        }
        let blend = best.map_or(&self.lexical_blend, |(head, ..)| &head.blend);
        let weighed = weigh(blend, best.map(|(_, _, opinion)| opinion));
        let probe = best
            .map_or(Probe::Sparse { row: &row, features: self.lexicon.len() }, |(_, v, _)| Probe::Dense(v));
        let near = self.neighbours.near(&probe, &weighed.order);
        let weighed = weighed.nearer(blend, &near);
        let opinions = (&lexical, best.map(|(_, _, opinion)| opinion));
        let score = weighed.score(&near, opinions, self.usual, self.gate.as_ref());
        let decision = self.decide(weighed.order[0], score, request);
        Ok(self.answer(&weighed, engine, decision, score, language))
    }

    fn decide(&self, intent: usize, score: f32, request: &Request<'_>) -> Decision {
        let Thresholds { accept, ask } = self.thresholds;
        let accept = self.intents[intent].accept.or(request.accept).unwrap_or(accept);
        if score >= accept {
            Decision::Accept
        } else if score >= request.ask.unwrap_or(ask) {
            Decision::Ask
        } else {
            Decision::Fallback
        }
    }

    fn answer(
        &self,
        weighed: &Weighed,
        engine: Engine,
        decision: Decision,
        score: f32,
        language: Language,
    ) -> Recognition {
        let candidate = |class: &usize| Candidate {
            intent: self.intents[*class].name.clone(),
            confidence: weighed.probabilities[*class],
        };
        let alternatives: Vec<Candidate> = weighed.order.iter().take(ALTERNATIVES).map(candidate).collect();
        Recognition {
            decision,
            engine,
            intent: alternatives.first().map(|first| first.intent.clone()),
            confidence: alternatives.first().map_or(0.0, |first| first.confidence),
            score,
            alternatives,
            corrected: None,
            language,
            degraded: false,
        }
    }

    /// Words alone, although the model was trained with vectors: the probability is the score.
    fn without_vectors(&self, weighed: &Weighed, unknown: bool, language: Language) -> Recognition {
        if unknown {
            return Recognition { degraded: true, ..nothing(language) };
        }
        let first = weighed.order[0];
        let score = weighed.probabilities[first];
        // An intent's own threshold belongs to the score with neighbours, so it does not count here.
        let decision = if score >= self.without_vectors.accept {
            Decision::Accept
        } else if score >= self.without_vectors.ask {
            Decision::Ask
        } else {
            Decision::Fallback
        };
        Recognition { degraded: true, ..self.answer(weighed, Engine::Fast, decision, score, language) }
    }
}

type HeadOpinion<'a> = (&'a VectorHead, Vec<f32>, Opinion);

/// What a head says about a text: the head, the text's vector, the opinion. Nothing where
/// the head or its very model is missing, or what it looks at `beside`.
fn opinion_of<'a>(
    head: Option<&'a VectorHead>,
    embedder: Option<&dyn Embedder>,
    text: &str,
    beside: Option<&[f32]>,
) -> Result<Option<HeadOpinion<'a>>, EmbedError> {
    let (Some(head), Some(embedder)) = (head, embedder) else { return Ok(None) };
    if embedder.name() != head.model || embedder.dimensions() != head.dimensions as usize {
        return Ok(None);
    }
    let beside = beside.filter(|_| head.beside > 0);
    if beside.map_or(0, <[f32]>::len) != head.beside as usize {
        return Ok(None);
    }
    let Some(vector) = embed_all(embedder, &[text])?.pop() else { return Ok(None) };
    let logits = head.head.logits(joined(&vector, beside).into_iter().enumerate());
    Ok(Some((head, vector, Opinion::new(logits))))
}

/// The language of a request: the conversation's, else the text's, else the bot's.
pub(crate) fn language_of(request: &Request<'_>, bots: &Language) -> Language {
    request.language.cloned().or_else(|| detect(cut(request.text))).unwrap_or_else(|| bots.clone())
}

/// The first bytes of a text, whole letters.
pub(crate) fn cut(text: &str) -> &str {
    let end = (0..=LONGEST.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    &text[..end]
}
