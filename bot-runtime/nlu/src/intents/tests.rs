use chrono::NaiveDate;

use super::*;
use crate::corpus::{Annotation, Corpus, Entity, EntityKind, Example, Intent, Keyword, SystemType};
use crate::embedder::{EmbedError, Embedder, Embedders};
use crate::text::{normalise, words};
use crate::understanding::Understanding;

fn corpus() -> Corpus {
    let intents = [
        (
            "order_status",
            vec![
                "where is my order",
                "has my parcel been shipped",
                "when will the package arrive",
                "track my parcel",
                "my delivery is late",
                "I want to know where my package is",
                "order tracking please",
                "is my order on its way",
                "status of the delivery",
                "when do I get my parcel",
                "did you ship it yet",
            ],
        ),
        (
            "refund",
            vec![
                "I want my money back",
                "how do I get a refund",
                "please refund me",
                "can I return this",
                "send the item back",
                "return policy",
                "I would like a refund for the shoes",
                "give me back my money",
                "refund the payment",
                "how long does a refund take",
                "I need to return an item",
            ],
        ),
        (
            "opening_hours",
            vec![
                "when do you open",
                "are you open on sunday",
                "opening hours please",
                "what time does the store close",
                "until when is the shop open",
                "do you open on holidays",
                "what are your hours",
                "are you closed today",
                "when does the shop close",
                "store hours",
                "is the store open now",
            ],
        ),
    ];
    let intents = intents.map(|(name, examples)| Intent {
        name: name.into(),
        examples: examples.into_iter().map(Example::new).collect(),
        accept_score: None,
    });
    let keywords =
        vec![Keyword { phrase: "Track & Trace".into(), intent: "order_status".into(), whole: false }];
    Corpus { intents: intents.to_vec(), keywords, ..Corpus::default() }
}

/// Each word is a direction; enough to be near where words are shared.
struct Bag(&'static str);

impl Embedder for Bag {
    fn name(&self) -> &str {
        self.0
    }

    fn dimensions(&self) -> usize {
        1024
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError> {
        let vectors = texts.iter().map(|text| {
            let mut vector = vec![0.0_f32; 1024];
            for word in words(&normalise(text)) {
                let sum =
                    word.text.bytes().fold(7_usize, |sum, byte| (sum * 31 + usize::from(byte)) % 1_000_003);
                vector[sum % 1024] += 1.0;
            }
            let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-6);
            vector.iter().map(|x| x / length).collect()
        });
        Ok(vectors.collect())
    }
}

fn trained(corpus: &Corpus, embedders: Embedders<'_>) -> Result<(Model, Report), TrainError> {
    train(corpus, embedders, &Settings::default())
}

fn with(full: &Bag) -> Embedders<'_> {
    Embedders { fast: None, full: Some(full) }
}

#[test]
fn words_are_understood_without_any_model() -> Result<(), TrainError> {
    let (model, report) = trained(&corpus(), Embedders::default())?;
    assert!(report.accuracy > 0.7, "{report:?}");
    for (text, intent) in [
        ("wheres my parcel", "order_status"),
        ("can i get my money back please", "refund"),
        ("is the shop open on sundays", "opening_hours"),
    ] {
        let found = model.recognise(&Request::text(text), Embedders::default())?;
        assert_eq!(found.intent.as_deref(), Some(intent), "{text}");
        assert_eq!(found.engine, Engine::Fast);
        assert!(!found.degraded);
    }
    Ok(())
}

#[test]
fn exact_texts_and_keywords_decide_at_once() -> Result<(), TrainError> {
    let (model, _) = trained(&corpus(), Embedders::default())?;
    let exact = model.recognise(&Request::text("  RETURN policy!"), Embedders::default())?;
    assert_eq!((exact.engine, exact.intent.as_deref()), (Engine::Exact, Some("refund")));
    let keyword = model.recognise(&Request::text("hello, track & trace 123"), Embedders::default())?;
    assert_eq!((keyword.engine, keyword.decision), (Engine::Keyword, Decision::Accept));
    Ok(())
}

#[test]
fn mistakes_are_mended_and_told() -> Result<(), TrainError> {
    let (model, _) = trained(&corpus(), Embedders::default())?;
    let found = model.recognise(&Request::text("I wnat a refnud"), Embedders::default())?;
    assert_eq!(found.corrected.as_deref(), Some("i want a refund"));
    assert_eq!(found.intent.as_deref(), Some("refund"));
    Ok(())
}

#[test]
fn what_was_never_taught_is_refused() -> Result<(), TrainError> {
    let bag = Bag("bag");
    for embedders in [Embedders::default(), with(&bag)] {
        let (model, _) = trained(&corpus(), embedders)?;
        for text in ["", "🙂", "zzz qqq", "quantum chromodynamics lecture"] {
            let found = model.recognise(&Request::text(text), embedders)?;
            assert_eq!(found.decision, Decision::Fallback, "{text}: {found:?}");
        }
    }
    Ok(())
}

#[test]
fn labelled_messages_out_of_scope_train_a_gate() -> Result<(), TrainError> {
    let mut corpus = corpus();
    let topics = ["weather", "football", "music", "cooking", "politics", "cinema", "astronomy", "gardening"];
    for topic in topics {
        for ask in ["tell me about", "who knows", "I like", "news about", "what is"] {
            corpus.out_of_scope.push(format!("{ask} {topic}"));
        }
    }
    let (_, report) = trained(&corpus, Embedders::default())?;
    assert!(report.out_of_scope_refused.is_some_and(|refused| refused > 0.5), "{report:?}");
    Ok(())
}

#[test]
fn expected_intents_are_preferred_where_it_is_close() -> Result<(), TrainError> {
    let (model, _) = trained(&corpus(), Embedders::default())?;
    let expected = ["refund".to_owned()];
    let confidence = |expected: &[String]| -> Result<f32, EmbedError> {
        let request = Request { text: "my item please", expected, ..Request::default() };
        let found = model.recognise(&request, Embedders::default())?;
        let refund = found.alternatives.iter().find(|one| one.intent == "refund");
        Ok(refund.map_or(0.0, |one| one.confidence))
    };
    assert!(confidence(&expected)? > confidence(&[])?);
    Ok(())
}

#[test]
fn the_same_corpus_gives_the_same_bytes() -> Result<(), TrainError> {
    let bag = Bag("bag");
    let first = trained(&corpus(), with(&bag))?.0.to_bytes();
    assert_eq!(first, trained(&corpus(), with(&bag))?.0.to_bytes());
    Ok(())
}

#[test]
fn a_stored_model_answers_as_before_and_a_damaged_one_is_refused() -> Result<(), TrainError> {
    let bag = Bag("bag");
    let (model, _) = trained(&corpus(), with(&bag))?;
    let bytes = model.to_bytes();
    let Ok(loaded) = Model::from_bytes(&bytes) else { panic!("the model is not read again") };
    for text in ["where is the parcel", "refund", "open tomorrow?"] {
        let request = Request::text(text);
        assert_eq!(loaded.recognise(&request, with(&bag))?, model.recognise(&request, with(&bag))?);
    }
    assert_eq!(Model::from_bytes(b"hello").err(), Some(LoadError::NotAModel));
    let mut newer = bytes.clone();
    newer[6] = 99;
    assert_eq!(Model::from_bytes(&newer).err(), Some(LoadError::Version { found: 99 }));
    let mut damaged = bytes.clone();
    let last = damaged.len() - 1;
    damaged[last] ^= 1;
    assert_eq!(Model::from_bytes(&damaged).err(), Some(LoadError::Damaged));
    assert_eq!(Model::from_bytes(&bytes[..bytes.len() / 2]).err(), Some(LoadError::Damaged));
    Ok(())
}

#[test]
fn without_its_vectors_a_model_says_that_it_is_degraded() -> Result<(), TrainError> {
    let (bag, other) = (Bag("bag"), Bag("another"));
    let (model, _) = trained(&corpus(), with(&bag))?;
    assert_eq!(model.embedding_models(), (None, Some("bag")));
    assert!(!model.recognise(&Request::text("where is it my parcel"), with(&bag))?.degraded);
    for embedders in [Embedders::default(), with(&other)] {
        let found = model.recognise(&Request::text("where is it my parcel"), embedders)?;
        assert!(found.degraded);
        assert_eq!(found.intent.as_deref(), Some("order_status"));
    }
    Ok(())
}

#[test]
fn the_full_model_is_looked_at_with_the_fast_one_beside_it() -> Result<(), TrainError> {
    let (fast, full) = (Bag("fast"), Bag("full"));
    let both = Embedders { fast: Some(&fast), full: Some(&full) };
    let (model, _) = trained(&corpus(), both)?;
    let model = model.without_fast_tier();
    let stored = Model::from_bytes(&model.to_bytes());
    assert!(stored.is_ok(), "{:?}", stored.err());
    let asked = Request::text("is the shop open on sundays");
    let found = model.recognise(&asked, both)?;
    assert_eq!((found.intent.as_deref(), found.engine), (Some("opening_hours"), Engine::Embedding));
    // One of the two alone says too little.
    for alone in [Embedders { fast: None, ..both }, Embedders { full: None, ..both }] {
        let found = model.recognise(&asked, alone)?;
        assert_eq!((found.degraded, found.engine), (true, Engine::Fast));
    }
    Ok(())
}

#[test]
fn what_cannot_be_learned_is_said() {
    let mut few = corpus();
    few.intents.truncate(1);
    assert_eq!(trained(&few, Embedders::default()).err(), Some(TrainError::TooFewIntents { found: 1 }));
    let mut empty = corpus();
    empty.intents[2].examples.clear();
    let error = trained(&empty, Embedders::default()).err();
    assert_eq!(error, Some(TrainError::NoExamples { intent: "opening_hours".into() }));
    let mut wrong = corpus();
    wrong.keywords[0].intent = "nobody".into();
    assert!(matches!(trained(&wrong, Embedders::default()).err(), Some(TrainError::UnknownIntent { .. })));
}

#[test]
fn one_example_an_intent_is_enough_to_start() -> Result<(), TrainError> {
    let mut corpus = corpus();
    for intent in &mut corpus.intents {
        intent.examples.truncate(1);
    }
    let (model, _) = trained(&corpus, Embedders::default())?;
    let found = model.recognise(&Request::text("where is my big order"), Embedders::default())?;
    assert_eq!(found.intent.as_deref(), Some("order_status"));
    Ok(())
}

#[test]
fn conflicts_name_both_sides() -> Result<(), EmbedError> {
    let mut corpus = corpus();
    corpus.intents[0].examples.push(Example::new("Return policy?"));
    corpus.intents[2].examples.push(Example::new("I want to know where my packages is"));
    let found = conflicts(&corpus, Embedders::default())?;
    assert_eq!(found[0].kind, ConflictKind::Equal);
    assert_eq!((found[0].left.0.as_str(), found[0].right.0.as_str()), ("order_status", "refund"));
    assert!(found[1..].iter().any(|one| one.kind == ConflictKind::Near), "{found:?}");
    Ok(())
}

#[test]
fn a_message_is_read_with_its_values() -> Result<(), Box<dyn std::error::Error>> {
    let mut corpus = corpus();
    let items = [
        "shoes",
        "red shirt",
        "blue hat",
        "phone",
        "lamp",
        "table",
        "green coat",
        "book",
        "bag",
        "belt",
        "cup",
    ];
    for item in items {
        let text = format!("I want to return the {item} please");
        let start = "I want to return the ".len();
        let entities = vec![Annotation {
            start,
            end: start + item.len(),
            entity: "item".into(),
            ..Annotation::default()
        }];
        corpus.intents[1].examples.push(Example { text, language: None, entities });
    }
    corpus.entities = vec![
        Entity { name: "item".into(), kind: EntityKind::FreeText, sensitive: true },
        Entity {
            name: "day".into(),
            kind: EntityKind::System { system: SystemType::Date },
            sensitive: false,
        },
    ];
    let (model, _) = trained(&corpus, Embedders::default())?;
    let model = Model::from_bytes(&model.to_bytes())?;
    let understanding = Understanding::new(Some(model), &corpus)?;
    let now =
        NaiveDate::from_ymd_opt(2026, 5, 6).and_then(|day| day.and_hms_opt(9, 0, 0)).ok_or("no such day")?;
    let request = Request::text("I want to return the yellow shirt please tomorrow");
    let reading = understanding.read(&request, now, Embedders::default())?;
    assert_eq!(reading.recognition.intent.as_deref(), Some("refund"));
    let values: Vec<_> =
        reading.entities.iter().map(|e| (e.entity.as_str(), e.text.as_str(), e.sensitive)).collect();
    assert_eq!(values, [("item", "yellow shirt", true), ("day", "tomorrow", false)]);
    Ok(())
}
