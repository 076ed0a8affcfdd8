//! Names of other products as identifiers of ours.

use std::collections::{HashMap, HashSet};

use botbuilder_nlu::{Corpus, exchange::Note};

/// The longest identifier.
const LONGEST: usize = 64;

/// The corpus with every name an identifier; a note for each that changed. Things whose names become the same stay
/// apart.
pub(super) fn to_ours(mut corpus: Corpus, notes: &mut Vec<Note>) -> Corpus {
    let intents = renamed("intent", corpus.intents.iter().map(|intent| intent.name.as_str()), notes);
    let entities = renamed("entity", corpus.entities.iter().map(|entity| entity.name.as_str()), notes);
    let ours = |names: &HashMap<String, String>, name: &mut String| {
        if let Some(new) = names.get(name) {
            name.clone_from(new);
        }
    };
    for intent in &mut corpus.intents {
        ours(&intents, &mut intent.name);
        for annotation in intent.examples.iter_mut().flat_map(|example| &mut example.entities) {
            ours(&entities, &mut annotation.entity);
        }
    }
    for entity in &mut corpus.entities {
        ours(&entities, &mut entity.name);
    }
    for keyword in &mut corpus.keywords {
        ours(&intents, &mut keyword.intent);
    }
    corpus
}

fn renamed<'n>(
    what: &str,
    names: impl Iterator<Item = &'n str>,
    notes: &mut Vec<Note>,
) -> HashMap<String, String> {
    let mut taken = HashSet::new();
    let mut renamed = HashMap::new();
    for name in names {
        let plain = identifier(name);
        let mut new = plain.clone();
        let mut number = 2;
        while !taken.insert(new.clone()) {
            let ending = format!("_{number}");
            new = format!("{}{ending}", &plain[..plain.len().min(LONGEST - ending.len())]);
            number += 1;
        }
        if new != name {
            notes.push(Note { place: name.to_owned(), message: format!("the {what} is called {new} here") });
        }
        renamed.insert(name.to_owned(), new);
    }
    renamed
}

/// Small letters, digits and underscores, a letter first.
fn identifier(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut was_small = false;
    for letter in name.chars() {
        if letter.is_ascii_alphanumeric() {
            if letter.is_ascii_uppercase() && was_small {
                out.push('_');
            }
            out.push(letter.to_ascii_lowercase());
        } else if !out.is_empty() && !out.ends_with('_') {
            out.push('_');
        }
        was_small = letter.is_ascii_lowercase();
    }
    let mut out = out.trim_matches('_').to_owned();
    if !out.starts_with(|letter: char| letter.is_ascii_lowercase()) {
        out.insert_str(0, if out.is_empty() { "x" } else { "x_" });
    }
    out.truncate(LONGEST);
    out
}

#[cfg(test)]
mod tests {
    use botbuilder_nlu::corpus::{Annotation, Entity, Example, Intent};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_become_identifiers_and_stay_apart() {
        let intent = |name: &str| Intent {
            name: name.to_owned(),
            examples: vec![Example {
                entities: vec![Annotation { entity: "cityName".into(), end: 1, ..Annotation::default() }],
                ..Example::new("to Rome")
            }],
            ..Intent::default()
        };
        let corpus = Corpus {
            intents: vec![intent("orderStatus"), intent("Order status"), intent("2 hours?"), intent("ok")],
            entities: vec![Entity { name: "cityName".into(), ..Entity::default() }],
            ..Corpus::default()
        };
        let mut notes = Vec::new();
        let ours = to_ours(corpus, &mut notes);
        let names: Vec<&str> = ours.intents.iter().map(|intent| intent.name.as_str()).collect();
        assert_eq!(names, ["order_status", "order_status_2", "x_2_hours", "ok"]);
        assert_eq!(ours.intents[0].examples[0].entities[0].entity, "city_name");
        assert_eq!(notes.len(), 4);
    }

    proptest! {
        #[test]
        fn whatever_a_name_is_it_becomes_an_identifier(name in "\\PC{0,90}") {
            let made = identifier(&name);
            prop_assert!(made.len() <= LONGEST && made.starts_with(|letter: char| letter.is_ascii_lowercase()));
            prop_assert!(made.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'));
        }
    }
}
