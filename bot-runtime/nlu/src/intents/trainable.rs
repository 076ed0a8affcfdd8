//! What can be learned, and how it is to be.

use crate::corpus::Corpus;
use crate::embedder::EmbedError;

/// How to train.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// For the order in which examples are dealt to folds.
    pub seed: u64,
    /// Parts for cross-validation, 2 to 10.
    pub folds: usize,
    /// Threads at most.
    pub threads: usize,
    /// Share of the bot's own examples that may fall below [`Thresholds::ask`].
    pub ask_share: f32,
    /// Share of the labelled messages out of scope that are to fall below [`Thresholds::ask`]; where they do with fewer of
    /// the bot's own examples, no more of these are given up.
    pub refused_share: f32,
    /// Share of the bot's own examples that may fall below [`Thresholds::accept`].
    pub accept_share: f32,
    /// The share of them that is too little like the others for the fast tier. Most of what is out of scope is less like
    /// them still, and has to pass the full model.
    pub fast_share: f32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            seed: 1,
            folds: 5,
            threads: 2,
            ask_share: 0.03,
            refused_share: 0.90,
            accept_share: 0.15,
            fast_share: 0.30,
        }
    }
}

/// Why a corpus cannot be learned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrainError {
    /// There must be at least two intents.
    #[error("a model needs at least two intents, there are {found}")]
    TooFewIntents {
        /// How many there are.
        found: usize,
    },
    /// An intent nobody said anything for.
    #[error("intent {intent} has no examples")]
    NoExamples {
        /// Its name.
        intent: String,
    },
    /// More than one process should hold.
    #[error("{found} examples are more than {MOST_EXAMPLES}")]
    TooManyExamples {
        /// How many there are.
        found: usize,
    },
    /// A keyword for an intent that does not exist.
    #[error("keyword {phrase:?} names the unknown intent {intent}")]
    UnknownIntent {
        /// The keyword.
        phrase: String,
        /// The name.
        intent: String,
    },
    /// A model did not answer.
    #[error(transparent)]
    Embedding(#[from] EmbedError),
    /// Whoever was told how far it is wanted no more.
    #[error("the training was broken off")]
    GivenUp,
}

/// Examples of one bot at most.
pub const MOST_EXAMPLES: usize = 100_000;

/// What is wrong with a corpus.
pub(super) fn check(corpus: &Corpus) -> Result<(), TrainError> {
    if corpus.intents.len() < 2 {
        return Err(TrainError::TooFewIntents { found: corpus.intents.len() });
    }
    if let Some(intent) = corpus.intents.iter().find(|intent| intent.examples.is_empty()) {
        return Err(TrainError::NoExamples { intent: intent.name.clone() });
    }
    let found =
        corpus.intents.iter().map(|intent| intent.examples.len()).sum::<usize>() + corpus.out_of_scope.len();
    if found > MOST_EXAMPLES {
        return Err(TrainError::TooManyExamples { found });
    }
    let known = |name: &str| corpus.intents.iter().any(|intent| intent.name == name);
    match corpus.keywords.iter().find(|keyword| !known(&keyword.intent)) {
        Some(keyword) => {
            let (phrase, intent) = (keyword.phrase.clone(), keyword.intent.clone());
            Err(TrainError::UnknownIntent { phrase, intent })
        }
        None => Ok(()),
    }
}
