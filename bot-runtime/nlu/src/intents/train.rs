//! Training: heads, their blend, thresholds and gate, judged by cross-validation. The same corpus, settings
//! and vectors give the same model, byte for byte.

use std::ops::ControlFlow;

use super::dataset::{Dataset, Heads, Vectors};
use super::gate::{ENOUGH, Gate, Signs, Usual};
use super::matches::Matches;
use super::model::{FastRule, KnownIntent, Model, Thresholds, VectorHead};
use super::neighbours::{Nearness, Neighbours, Probe};
use super::report::{Judged, Report, Summary, share};
use super::tiers::{Blend, Opinion, Opinions, Tier, joined, ranking, strength};
use super::trainable::{Settings, TrainError, check};
use crate::corpus::{Corpus, EntityKind};
use crate::embedder::{EmbedError, Embedder, Embedders, embed_all};
use crate::heads::calibrate::temperature;
use crate::heads::matrix::add_scaled_lines;
use crate::heads::{Matrix, StoredHead, Weights};
use crate::slots::{Tagger, TaggerSettings};
use crate::text::{Spelling, normalise};

/// Examples an intent must have on average before the fast tier may decide alone.
const FAST_TIER_EXAMPLES: usize = 10;
/// Of what the fast tier decides, the share that must be right.
const FAST_TIER_PRECISION: f32 = 0.99;
/// Thresholds where there is too little to choose them by.
const UNTRIED: Thresholds = Thresholds { accept: 0.90, ask: 0.78 };
const UNTRIED_WITHOUT_VECTORS: Thresholds = Thresholds { accept: 0.55, ask: 0.30 };

/// An example judged by heads that have not seen it.
struct HeldOut {
    truth: usize,
    example: usize,
    opinions: Opinions,
    near: Nearness,
    /// The same among the vectors of the fast model.
    near_fast: Nearness,
}

impl HeldOut {
    fn near(&self, tier: Tier) -> &Nearness {
        if tier == Tier::Fast { &self.near_fast } else { &self.near }
    }

    /// What a blend makes of it, before the temperature.
    fn sum(&self, blend: &Blend, tier: Tier) -> Vec<f32> {
        let mut sum = blend.sum(&self.opinions.lexical, self.opinions.of(tier));
        blend.add_near(&mut sum, self.near(tier));
        sum
    }
}

/// Trains a model and says how good it is.
pub fn train(
    corpus: &Corpus,
    embedders: Embedders<'_>,
    settings: &Settings,
) -> Result<(Model, Report), TrainError> {
    train_telling(corpus, embedders, settings, &|_| ControlFlow::Continue(()))
}

/// How far a training is: the parts of its work that are done, and how many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Parts done.
    pub done: usize,
    /// All of them: the vectors, each fold, the model itself.
    pub of: usize,
}

/// The same, telling from time to time how far it is; whoever is told may break it off.
pub fn train_telling(
    corpus: &Corpus,
    embedders: Embedders<'_>,
    settings: &Settings,
    tell: &dyn Fn(Progress) -> ControlFlow<()>,
) -> Result<(Model, Report), TrainError> {
    check(corpus)?;
    let data = Dataset::new(corpus, embedders)?;
    let best = match (&data.full, &data.fast) {
        (Some(_), _) => Tier::Full,
        (None, Some(_)) => Tier::Fast,
        (None, None) => Tier::Lexical,
    };
    let outside = OutOfScope::new(corpus, embedders)?;
    let folds = data.folds(settings.folds.clamp(2, 10), settings.seed);
    let told = |done: usize| match tell(Progress { done, of: folds.len() + 2 }) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(TrainError::GivenUp),
    };
    told(1)?;
    let (held_out, held_outside) =
        cross_validate(&data, &folds, &outside, best, settings.threads, &|fold| told(fold + 1))?;

    let lexical_blend = warmed(Blend::LEXICAL, Tier::Lexical, &held_out);
    let fast_blend = data.fast.as_ref().map(|_| warmed(Blend::FAST, Tier::Fast, &held_out));
    let full_blend = data.full.as_ref().map(|_| warmed(choose_blend(&held_out), Tier::Full, &held_out));
    let blend = full_blend.or(fast_blend).unwrap_or(lexical_blend);

    let Scored { usual, gate, inside: scores, outside: outside_scores } =
        Scored::new(&held_out, &held_outside, &blend, best);
    let thresholds = thresholds(&scores, &outside_scores, settings, UNTRIED);
    let alone: Vec<f32> =
        held_out.iter().map(|one| confidence(one, &lexical_blend, Tier::Lexical).1).collect();
    let without_vectors = self::thresholds(&alone, &[], settings, UNTRIED_WITHOUT_VECTORS);

    let tested = data.origins.iter().flatten().count();
    let enough_for_fast = best == Tier::Full && tested >= FAST_TIER_EXAMPLES * data.classes;
    let both = fast_blend.zip(full_blend).filter(|_| enough_for_fast);
    let fast = both.and_then(|blends| fast_tier(&held_out, &held_outside, blends, settings));

    let judged: Vec<Judged<'_>> = held_out
        .iter()
        .map(|one| {
            let (predicted, confidence) = confidence(one, &blend, best);
            Judged { truth: one.truth, predicted, confidence, text: &data.texts[one.example] }
        })
        .collect();
    let names: Vec<&str> = corpus.intents.iter().map(|intent| intent.name.as_str()).collect();
    let summary = Summary::new(&names, &judged);
    let refused =
        |scores: &[f32]| share(scores.iter().filter(|score| **score < thresholds.ask).count(), scores.len());
    let report = Report {
        examples: judged.len(),
        folds: folds.len(),
        accuracy: summary.accuracy,
        calibration_error: summary.calibration_error,
        intents: summary.intents,
        confusions: summary.confusions,
        doubtful: summary.doubtful,
        thresholds,
        lexical_weight: full_blend.map(|blend| blend.lexical),
        fast_share: fast.as_ref().map(|fast| fast.share),
        refused: refused(&scores),
        out_of_scope_refused: (!outside_scores.is_empty()).then(|| refused(&outside_scores)),
    };

    let everything: Vec<usize> = (0..data.texts.len()).collect();
    let heads = data.fit(&everything, settings.threads);
    let fast_rule = fast.map(|fast| FastRule {
        probability: fast.probability,
        score: fast.score,
        neighbours: neighbours(&data, &heads, &everything, Tier::Fast),
        gate: fast.gate,
        usual: fast.usual,
    });
    let neighbours = neighbours(&data, &heads, &everything, best);
    let beside = data.fast.as_ref().map_or(0, |fast| u32::try_from(fast.dimensions).unwrap_or(u32::MAX));
    let stored = |vectors: &Option<Vectors>, weights: &Option<Weights>, blend: Option<Blend>, beside| {
        let (vectors, weights, blend) = (vectors.as_ref()?, weights.as_ref()?, blend?);
        let dimensions = u32::try_from(vectors.dimensions).unwrap_or(u32::MAX);
        let head = StoredHead::new(weights);
        Some(VectorHead { model: vectors.model.clone(), head, dimensions, beside, blend })
    };
    let known = corpus.intents.iter().map(|i| KnownIntent { name: i.name.clone(), accept: i.accept_score });
    let model = Model {
        language: corpus.language.clone(),
        intents: known.collect(),
        lexical: StoredHead::new(&heads.lexical),
        fast: stored(&data.fast, &heads.fast, fast_blend, 0),
        full: stored(&data.full, &heads.full, full_blend, beside),
        lexicon: heads.lexicon,
        lexical_blend,
        best,
        neighbours,
        gate,
        usual,
        thresholds,
        without_vectors,
        fast_rule,
        matches: Matches::new(corpus, data.texts.iter().zip(data.labels.iter().copied())),
        spelling: spelling(corpus),
        tagger: Tagger::learn(
            corpus,
            embedders.fast,
            TaggerSettings { threads: settings.threads, ..TaggerSettings::default() },
        )?,
    };
    Ok((model, report))
}

/// Labelled messages out of scope, with their vectors.
struct OutOfScope {
    texts: Vec<String>,
    fast: Option<Vec<Vec<f32>>>,
    full: Option<Vec<Vec<f32>>>,
}

impl OutOfScope {
    fn new(corpus: &Corpus, embedders: Embedders<'_>) -> Result<Self, EmbedError> {
        let texts: Vec<String> = corpus.out_of_scope.iter().map(|text| normalise(text)).collect();
        let borrowed: Vec<&str> = texts.iter().map(String::as_str).collect();
        let embed = |with: Option<&dyn Embedder>| with.map(|with| embed_all(with, &borrowed)).transpose();
        let (fast, full) = (embed(embedders.fast)?, embed(embedders.full)?);
        Ok(Self { texts, fast, full })
    }
}

fn cross_validate(
    data: &Dataset,
    folds: &[Vec<usize>],
    outside: &OutOfScope,
    best: Tier,
    threads: usize,
    tell: &dyn Fn(usize) -> Result<(), TrainError>,
) -> Result<(Vec<HeldOut>, Vec<HeldOut>), TrainError> {
    let (mut held_out, mut held_outside) = (Vec::new(), Vec::new());
    for (number, fold) in folds.iter().enumerate() {
        let mut left = vec![true; data.texts.len()];
        for example in fold {
            left[*example] = false;
        }
        let rest: Vec<usize> = (0..data.texts.len()).filter(|example| left[*example]).collect();
        let heads = data.fit(&rest, threads);
        let judge_with = Judge {
            heads: &heads,
            neighbours: neighbours(data, &heads, &rest, best),
            fast: (best == Tier::Full && data.fast.is_some())
                .then(|| neighbours(data, &heads, &rest, Tier::Fast)),
            best,
        };
        let vector = |vectors: &'_ Option<Vectors>, example: usize| -> Option<Vec<f32>> {
            vectors.as_ref().map(|vectors| vectors.values[example].clone())
        };
        for example in fold {
            let (fast, full) = (vector(&data.fast, *example), vector(&data.full, *example));
            let (opinions, near, near_fast) =
                judge_with.judge(&data.texts[*example], fast.as_deref(), full.as_deref());
            held_out.push(HeldOut {
                truth: data.labels[*example] as usize,
                example: *example,
                opinions,
                near,
                near_fast,
            });
        }
        // No head has seen these, so one fold's heads are as fair as another's.
        for example in (number..outside.texts.len()).step_by(folds.len()) {
            let fast = outside.fast.as_ref().map(|vectors| vectors[example].as_slice());
            let full = outside.full.as_ref().map(|vectors| vectors[example].as_slice());
            let (opinions, near, near_fast) = judge_with.judge(&outside.texts[example], fast, full);
            held_outside.push(HeldOut { truth: usize::MAX, example, opinions, near, near_fast });
        }
        tell(number + 1)?;
    }
    Ok((held_out, held_outside))
}

/// What judges a text in cross-validation.
struct Judge<'a> {
    heads: &'a Heads,
    neighbours: Neighbours,
    fast: Option<Neighbours>,
    best: Tier,
}

impl Judge<'_> {
    fn judge(
        &self,
        text: &str,
        fast: Option<&[f32]>,
        full: Option<&[f32]>,
    ) -> (Opinions, Nearness, Nearness) {
        let heads = self.heads;
        let row = heads.lexicon.row(text);
        let mut lexical = heads.lexical.biases.clone();
        Matrix::sparse(std::slice::from_ref(&row), heads.lexicon.len()).multiply_row(
            0,
            &heads.lexical.lines,
            &mut lexical,
        );
        let dense = |weights: &Option<Weights>, vector: Option<Vec<f32>>| {
            let mut logits = weights.as_ref()?.biases.clone();
            add_scaled_lines(&mut logits, &vector?, &weights.as_ref()?.lines);
            Some(Opinion::new(logits))
        };
        let of_fast = dense(&heads.fast, fast.map(<[f32]>::to_vec));
        let of_full = dense(&heads.full, full.map(|full| joined(full, fast)));
        let opinions = Opinions { lexical: Opinion::new(lexical), fast: of_fast, full: of_full };
        let blend = match self.best {
            Tier::Lexical => Blend::LEXICAL,
            Tier::Fast => Blend::FAST,
            Tier::Full => Blend::FULL,
        };
        let order = ranking(&blend.sum(&opinions.lexical, opinions.of(self.best)));
        let probe = match (self.best, fast, full) {
            (Tier::Full, _, Some(vector)) | (Tier::Fast, Some(vector), _) => Probe::Dense(vector),
            _ => Probe::Sparse { row: &row, features: heads.lexicon.len() },
        };
        let near = self.neighbours.near(&probe, &order);
        let near_fast = match (&self.fast, fast) {
            (Some(neighbours), Some(vector)) => {
                let order = ranking(&Blend::FAST.sum(&opinions.lexical, opinions.of(Tier::Fast)));
                neighbours.near(&Probe::Dense(vector), &order)
            }
            _ => near.clone(),
        };
        (opinions, near, near_fast)
    }
}

fn neighbours(data: &Dataset, heads: &Heads, chosen: &[usize], best: Tier) -> Neighbours {
    let dense = |vectors: &Vectors| {
        let rows: Vec<(u32, &[f32])> = chosen
            .iter()
            .map(|example| (data.labels[*example], vectors.values[*example].as_slice()))
            .collect();
        Neighbours::dense(&rows, data.classes, vectors.dimensions)
    };
    match (best, &data.fast, &data.full) {
        (Tier::Full, _, Some(vectors)) | (Tier::Fast, Some(vectors), _) => dense(vectors),
        _ => {
            let row = |example: &usize| (data.labels[*example], heads.lexicon.row(&data.texts[*example]));
            let rows: Vec<_> = chosen.iter().map(row).collect();
            Neighbours::sparse(&rows, data.classes)
        }
    }
}

/// The blend with the temperature that fits it.
fn warmed(blend: Blend, tier: Tier, held_out: &[HeldOut]) -> Blend {
    let sums: Vec<(Vec<f32>, usize)> =
        held_out.iter().map(|one| (one.sum(&blend, tier), one.truth)).collect();
    if sums.len() < 20 {
        return blend;
    }
    let temperature = temperature(&sums);
    Blend { temperature, ..blend }
}

/// The weights of words and of nearness that judge most examples right. Others than the usual ones must be clearly
/// better: by more than chance often gives them, the fewer the examples the more.
fn choose_blend(held_out: &[HeldOut]) -> Blend {
    #[expect(clippy::cast_precision_loss, reason = "a number of examples")]
    let clearly = 0.25 / (held_out.len().max(1) as f32).sqrt();
    let mut chosen = (f32::NEG_INFINITY, Blend::FULL);
    let choices = Blend::NEAR.into_iter().flat_map(|near| Blend::CHOICES.map(|lexical| (near, lexical)));
    for (near, lexical) in choices {
        let blend = Blend { lexical, near, ..Blend::FULL };
        let right = held_out.iter().filter(|one| confidence(one, &blend, Tier::Full).0 == one.truth).count();
        let accuracy = share(right, held_out.len());
        if accuracy > chosen.0 + clearly {
            chosen = (accuracy, blend);
        }
    }
    chosen.1
}

/// The most probable intent and its probability.
fn confidence(one: &HeldOut, blend: &Blend, tier: Tier) -> (usize, f32) {
    let p = blend.probabilities(one.sum(blend, tier));
    let best = ranking(&p)[0];
    (best, p[best])
}

/// How well held-out examples, and labelled messages out of scope, fit what was taught.
struct Scored {
    usual: Option<Usual>,
    gate: Option<Gate>,
    inside: Vec<f32>,
    outside: Vec<f32>,
}

impl Scored {
    fn new(held_out: &[HeldOut], held_outside: &[HeldOut], blend: &Blend, tier: Tier) -> Self {
        let strengths: Vec<f32> = held_out
            .iter()
            .map(|one| {
                let (first, _) = confidence(one, blend, tier);
                strength(first, &one.opinions.lexical, one.opinions.of(tier))
            })
            .collect();
        let usual = Usual::of(&strengths);
        let signs_of = |one: &HeldOut| signs(one, blend, tier, usual);
        let inside: Vec<Signs> = held_out.iter().map(signs_of).collect();
        let outside: Vec<Signs> = held_outside.iter().map(signs_of).collect();
        let gate = (outside.len() >= ENOUGH).then(|| Gate::train(&inside, &outside));
        let score = |signs: &Signs| gate.as_ref().map_or_else(|| signs.simple(), |gate| gate.score(signs));
        let (inside, outside) = (inside.iter().map(score).collect(), outside.iter().map(score).collect());
        Self { usual, gate, inside, outside }
    }
}

fn signs(one: &HeldOut, blend: &Blend, tier: Tier, usual: Option<Usual>) -> Signs {
    let sum = one.sum(blend, tier);
    let p = blend.probabilities(sum.clone());
    let order = ranking(&p);
    let strength = strength(order[0], &one.opinions.lexical, one.opinions.of(tier));
    Signs::new(&sum, &p, &order, one.near(tier), (strength, usual))
}

/// The scores below which lie the shares of the bot's own examples the settings allow. Where enough messages out of scope
/// are known, nothing more is refused than it takes to refuse most of them.
fn thresholds(scores: &[f32], outside: &[f32], settings: &Settings, untried: Thresholds) -> Thresholds {
    if scores.len() < 20 {
        return untried;
    }
    let own = at(scores, settings.ask_share);
    let ask = if outside.len() < ENOUGH { own } else { own.min(at(outside, settings.refused_share)) };
    Thresholds { ask, accept: at(scores, settings.accept_share).max(ask) }
}

/// The score below which so large a share of the scores lies.
fn at(scores: &[f32], share: f32) -> f32 {
    let mut sorted = scores.to_vec();
    sorted.sort_by(f32::total_cmp);
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a position in a list"
    )]
    let place = (sorted.len() as f32 * share.clamp(0.0, 1.0)) as usize;
    sorted.get(place.min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
}

/// When the fast tier may decide, and what that comes to.
struct FastTier {
    probability: f32,
    score: f32,
    gate: Option<Gate>,
    usual: Option<Usual>,
    /// Of the bot's own examples.
    share: f32,
}

/// The lowest probability from which the fast tier may decide what it would accept: what it says must be right
/// often enough, and no example may be lost that the full tier would have got right, but for one in two
/// thousand.
fn fast_tier(
    held_out: &[HeldOut],
    held_outside: &[HeldOut],
    (fast, full): (Blend, Blend),
    settings: &Settings,
) -> Option<FastTier> {
    let Scored { usual, gate, inside: scores, .. } = Scored::new(held_out, held_outside, &fast, Tier::Fast);
    let least = if scores.len() < 20 { UNTRIED.accept } else { at(&scores, settings.fast_share) };
    let answers: Vec<(f32, bool, bool)> = held_out
        .iter()
        .zip(&scores)
        .map(|(one, score)| {
            let (predicted, p) = confidence(one, &fast, Tier::Fast);
            let p = if *score >= least { p } else { 0.0 };
            (p, predicted == one.truth, confidence(one, &full, Tier::Full).0 == one.truth)
        })
        .collect();
    let right_in_full = answers.iter().filter(|(_, _, full)| *full).count();
    let probability = [0.90_f32, 0.92, 0.94, 0.95, 0.96, 0.97, 0.98, 0.99].into_iter().find(|from| {
        let decided = answers.iter().filter(|(p, ..)| p >= from).count();
        let right = answers.iter().filter(|(p, fast, _)| p >= from && *fast).count();
        let right_in_both =
            answers.iter().filter(|(p, fast, full)| if p >= from { *fast } else { *full }).count();
        let precise = decided > 0 && share(right, decided) >= FAST_TIER_PRECISION;
        precise && right_in_both + answers.len() / 2_000 >= right_in_full
    })?;
    let decided = answers.iter().filter(|(p, ..)| *p >= probability).count();
    Some(FastTier { probability, score: least, gate, usual, share: share(decided, answers.len()) })
}

fn spelling(corpus: &Corpus) -> Spelling {
    let examples =
        corpus.intents.iter().flat_map(|intent| &intent.examples).map(|example| example.text.as_str());
    let values = corpus.entities.iter().flat_map(|entity| match &entity.kind {
        EntityKind::List { values, .. } => values.as_slice(),
        _ => &[],
    });
    let values =
        values.flat_map(|value| std::iter::once(&value.value).chain(&value.synonyms)).map(String::as_str);
    let keywords = corpus.keywords.iter().map(|keyword| keyword.phrase.as_str());
    let common = crate::text::common::words_of(&corpus.language);
    Spelling::new(examples.chain(values).chain(keywords), common)
}
