//! Functions on the words of a text. Letter case does not count, and what stands between words does not either.

use super::{Call, EvalError, Spec, Value, argument, count, text_of};

pub(super) const FUNCTIONS: &[Spec] = &[
    Spec {
        name: "all_words",
        signature: "text, wanted",
        arguments: (2, 2),
        about: "The words of the text that are wanted, if every wanted word is among them; else nothing. `wanted` is a \
                text or a list of words.",
        examples: &[
            ("all_words(\"I like Red and blue!\", \"blue red\")", "\"Red blue\""),
            ("all_words(\"red\", [\"red\", \"blue\"])", "null"),
        ],
        run: |arguments, call| {
            let (text, wanted) = (text_of(arguments, 0), wanted(arguments, call)?);
            let found = among(&text, &wanted);
            let has = |word: &String| found.iter().any(|found| found.to_lowercase() == **word);
            Ok(if wanted.is_empty() || !wanted.iter().all(has) { Value::Null } else { joined(&found) })
        },
    },
    Spec {
        name: "any_word",
        signature: "text, wanted",
        arguments: (2, 2),
        about: "The words of the text that are wanted, as they stand in it; nothing if there are none. `wanted` is a \
                text or a list of words.",
        examples: &[
            ("any_word(\"Well, YES please\", \"yes yeah\")", "\"YES\""),
            ("any_word(\"yesterday\", \"yes\")", "null"),
        ],
        run: |arguments, call| {
            let (text, wanted) = (text_of(arguments, 0), wanted(arguments, call)?);
            let found = among(&text, &wanted);
            Ok(if found.is_empty() { Value::Null } else { joined(&found) })
        },
    },
    Spec {
        name: "phrase",
        signature: "text, wanted",
        arguments: (2, 2),
        about: "The wanted words, if they stand in the text one behind the other; else nothing.",
        examples: &[
            ("phrase(\"Please STOP it now\", \"stop it\")", "\"STOP it\""),
            ("phrase(\"stop now, it is late\", \"stop it\")", "null"),
        ],
        run: |arguments, call| {
            let (text, wanted) = (text_of(arguments, 0), wanted(arguments, call)?);
            let words: Vec<&str> = words(&text).collect();
            if wanted.is_empty() {
                return Ok(Value::Null);
            }
            // Each place is looked at for as many words as are wanted.
            call.budget.spend(words.len().saturating_mul(wanted.len()))?;
            let fits = |window: &&[&str]| {
                window.iter().zip(&wanted).all(|(word, wanted)| word.to_lowercase() == *wanted)
            };
            Ok(words.windows(wanted.len()).find(fits).map_or(Value::Null, joined))
        },
    },
    Spec {
        name: "title",
        signature: "text",
        arguments: (1, 1),
        about: "The text with every word in lower case but for its first letter.",
        examples: &[("title(\"ada LOVELACE\")", "\"Ada Lovelace\"")],
        run: |arguments, _| {
            let mut inside = false;
            let mut title = String::new();
            for letter in text_of(arguments, 0).chars() {
                if inside {
                    title.extend(letter.to_lowercase());
                } else {
                    title.extend(letter.to_uppercase());
                }
                inside = is_of_word(letter);
            }
            Ok(Value::text(title))
        },
    },
    Spec {
        name: "word_count",
        signature: "text",
        arguments: (1, 1),
        about: "How many words the text has.",
        examples: &[("word_count(\"one, two - three!\")", "3")],
        run: |arguments, _| Ok(count(words(&text_of(arguments, 0)).count())),
    },
    Spec {
        name: "words",
        signature: "text",
        arguments: (1, 1),
        about: "The words of the text: what is written in letters, digits, underscores and apostrophes.",
        examples: &[("words(\"Yes, it's fine.\")", "[\"Yes\", \"it's\", \"fine\"]")],
        run: |arguments, _| Ok(Value::list(words(&text_of(arguments, 0)).map(Value::text))),
    },
];

fn is_of_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_' || letter == '\'' || letter == '’'
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter| !is_of_word(letter)).filter(|word| !word.is_empty())
}

/// The second argument's words in lower case.
fn wanted(arguments: &[Value], call: &mut Call<'_, '_>) -> Result<Vec<String>, EvalError> {
    let texts = match argument(arguments, 1) {
        Value::List(items) => items.iter().map(ToString::to_string).collect(),
        _ => vec![text_of(arguments, 1).into_owned()],
    };
    let wanted: Vec<String> = texts.iter().flat_map(|text| words(text)).map(str::to_lowercase).collect();
    // Every word of the text is compared with each of them.
    call.budget.spend(text_of(arguments, 0).len().saturating_mul(wanted.len()) / 4)?;
    Ok(wanted)
}

fn among<'t>(text: &'t str, wanted: &[String]) -> Vec<&'t str> {
    words(text).filter(|word| wanted.contains(&word.to_lowercase())).collect()
}

fn joined(words: &[&str]) -> Value {
    Value::text(words.join(" "))
}
