use proptest::prelude::*;

use super::*;
use crate::corpus::{Annotation, ListValue};
use crate::text::Language;

const FORMATS: [Format; 5] =
    [Format::RasaYaml, Format::RasaJson, Format::Dialogflow, Format::Luis, Format::Csv];

fn file(name: &str, text: &str) -> File {
    File { name: name.to_owned(), text: text.to_owned() }
}

fn sample() -> Corpus {
    let city = Annotation { start: 7, end: 14, entity: "city".into(), ..Annotation::default() };
    let booking = Example { text: "fly to Zürich 🙂 now".into(), language: None, entities: vec![city] };
    let intents =
        [("book", vec![booking, Example::new("a, \"quoted\" text")]), ("greet", vec![Example::new("hello")])];
    let values = vec![ListValue { value: "Zürich".into(), synonyms: vec!["Zurigo".into()] }];
    Corpus {
        language: Language::new("en"),
        intents: intents
            .into_iter()
            .map(|(name, examples)| Intent { name: name.into(), examples, accept_score: None })
            .collect(),
        entities: vec![
            Entity { name: "city".into(), kind: EntityKind::List { values, fuzzy: true }, sensitive: false },
            Entity {
                name: "code".into(),
                kind: EntityKind::Pattern { pattern: "[A-Z]{3}".into() },
                sensitive: false,
            },
        ],
        ..Corpus::default()
    }
}

#[test]
fn what_is_written_is_read_again() -> Result<(), ImportError> {
    for format in FORMATS {
        let corpus = sample();
        let written = export(format, &corpus);
        let read = import(format, &written.files)?.corpus;
        let texts = |corpus: &Corpus| -> Vec<(String, Vec<String>)> {
            let intents = corpus.intents.iter();
            intents
                .map(|one| (one.name.clone(), one.examples.iter().map(|e| e.text.clone()).collect()))
                .collect()
        };
        assert_eq!(texts(&read), texts(&corpus), "{format:?}");
        if format == Format::Csv {
            continue;
        }
        let annotation = &read.intents[0].examples[0].entities[0];
        assert_eq!(
            (annotation.start, annotation.end, annotation.entity.as_str()),
            (7, 14, "city"),
            "{format:?}"
        );
        let kind = |name: &str| {
            read.entities.iter().find(|entity| entity.name == name).map(|entity| entity.kind.clone())
        };
        let Some(EntityKind::List { values, .. }) = kind("city") else {
            panic!("{format:?}: city is no list")
        };
        assert_eq!(
            values,
            [ListValue { value: "Zürich".into(), synonyms: vec!["Zurigo".into()] }],
            "{format:?}"
        );
        assert!(matches!(kind("code"), Some(EntityKind::Pattern { .. })), "{format:?}");
    }
    Ok(())
}

#[test]
fn rasa_yaml_with_all_its_parts() -> Result<(), ImportError> {
    let text = "version: \"3.1\"\nnlu:\n- intent: go\n  examples: |\n    - to [NYC](city:New York)\n    - home\n\
                - intent: faq/price\n  examples:\n  - text: |\n      how much\n- lookup: fruit\n  examples: |\n    - apple\n\
                - synonym: New York\n  examples: |\n    - NYC\n- synonym: lost\n  examples: |\n    - gone\n\
                - regex: code\n  examples: |\n    - \\d{4}\n";
    let import = import(Format::RasaYaml, &[file("nlu.yml", text)])?;
    let names: Vec<&str> = import.corpus.intents.iter().map(|intent| intent.name.as_str()).collect();
    assert_eq!(names, ["go", "faq/price"]);
    assert_eq!(import.corpus.intents[1].examples[0].text, "how much");
    let city = import.corpus.entities.iter().find(|entity| entity.name == "city");
    assert!(
        matches!(&city.map(|city| &city.kind), Some(EntityKind::List { values, .. }) if values[0].synonyms == ["NYC"])
    );
    assert_eq!(import.notes.len(), 1);
    assert_eq!(import.notes[0].place, "lost");
    Ok(())
}

#[test]
fn luis_counts_utf16_and_none_is_out_of_scope() -> Result<(), ImportError> {
    let text = r#"{"luis_schema_version": "7.0.0", "culture": "de-de", "intents": [{"name": "None"}, {"name": "Go"}],
        "prebuiltEntities": [{"name": "number"}, {"name": "age"}],
        "utterances": [{"text": "🙂 nach Ulm", "intent": "Go", "entities": [{"entity": "city", "startPos": 8, "endPos": 10}]},
        {"text": "bla", "intent": "None", "entities": []},
        {"text": "x", "intent": "Go", "entities": [{"entity": "city", "startPos": 5, "endPos": 9}]}]}"#;
    let import = import(Format::Luis, &[file("app.json", text)])?;
    assert_eq!(import.corpus.language.as_str(), "de");
    assert_eq!(import.corpus.out_of_scope, ["bla"]);
    let example = &import.corpus.intents[0].examples[0];
    assert_eq!(&example.text[example.entities[0].start..example.entities[0].end], "Ulm");
    assert_eq!(import.notes.len(), 2, "{:?}", import.notes);
    Ok(())
}

#[test]
fn dialogflow_names_built_in_entities() -> Result<(), ImportError> {
    let phrases = r#"[{"data": [{"text": "meet "}, {"text": "tomorrow", "alias": "day", "meta": "@sys.date"}], "isTemplate": false}]"#;
    let files = [
        file("agent.json", "{}"),
        file("intents/meet.json", r#"{"name": "meet"}"#),
        file("intents/meet_usersays_en.json", phrases),
    ];
    let import = import(Format::Dialogflow, &files)?;
    let kind = import.corpus.entities.first().map(|entity| entity.kind.clone());
    assert_eq!(kind, Some(EntityKind::System { system: SystemType::Date }));
    let found = &import.corpus.intents[0].examples[0].entities[0];
    assert_eq!((found.entity.as_str(), found.role.as_deref()), ("sys_date", Some("day")));
    Ok(())
}

#[test]
fn tables_of_spreadsheets() -> Result<(), ImportError> {
    let import =
        import(Format::Csv, &[file("t.csv", "\u{feff}Text;Intent\nhallo;greet\n;greet\nhallo;greet\n")])?;
    assert_eq!(import.corpus.intents[0].examples.len(), 1);
    assert_eq!(import.notes.len(), 2);
    assert!(super::import(Format::Csv, &[file("t.csv", "a,b\n1,2\n")]).is_err());
    Ok(())
}

#[test]
fn too_much_is_refused() {
    let big = file("t.csv", &"x".repeat(MOST_BYTES + 1));
    assert!(matches!(import(Format::Csv, &[big]), Err(ImportError::TooMuch { what: "bytes", .. })));
}

proptest! {
    #[test]
    fn any_text_is_survived(text in "\\PC{0,200}", lines in "[-a-z:|\\[\\](){}\"\\n ,&*]{0,200}") {
        for format in FORMATS {
            for name in ["intents/a_usersays_en.json", "entities/a_entries_en.json", "nlu.yml"] {
                let _ = import(format, &[file(name, &text)]);
                let _ = import(format, &[file(name, &lines)]);
            }
        }
    }

    #[test]
    fn examples_survive_every_format(texts in proptest::collection::vec("[a-zA-ZäöüßéñЖ你🙂0-9'?!,.\":;#&|-]{1,12}( [a-zäöü你🙂,\"#:-]{1,8}){0,4}", 1..6)) {
        let mut corpus = Corpus::default();
        for text in &texts {
            intent(&mut corpus, "some intent").examples.push(Example::new(text.clone()));
        }
        let mut whole = Import { corpus, notes: Vec::new() };
        complete(&mut whole);
        let keys = |corpus: &Corpus| -> Vec<String> {
            corpus.intents.iter().flat_map(|one| &one.examples).map(|example| example.text.clone()).collect()
        };
        for format in FORMATS {
            // A line of Rasa's begins with `-`, so an example cannot; a table has no blanks at the ends.
            if format == Format::RasaYaml && texts.iter().any(|text| text.starts_with('-')) {
                continue;
            }
            let read = import(format, &export(format, &whole.corpus).files);
            prop_assert_eq!(read.map(|read| keys(&read.corpus)), Ok(keys(&whole.corpus)), "{:?}", format);
        }
    }
}
