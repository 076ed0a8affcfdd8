//! Words people use whatever they talk about: known to the spelling, so that they are not "mended" into a word
//! of the bot's.

use super::language::Language;

const ENGLISH: &str = include_str!("common/en.txt");
const GERMAN: &str = include_str!("common/de.txt");
const SPANISH: &str = include_str!("common/es.txt");
const FRENCH: &str = include_str!("common/fr.txt");

/// The common words of all languages there is a list of.
pub(crate) fn all() -> impl Iterator<Item = &'static str> {
    [ENGLISH, GERMAN, SPANISH, FRENCH].into_iter().flat_map(str::split_whitespace)
}

/// The common words of a language; none for languages without a list.
pub(crate) fn words_of(language: &Language) -> std::str::SplitWhitespace<'static> {
    let list = match language.as_str() {
        "en" => ENGLISH,
        "de" => GERMAN,
        "es" => SPANISH,
        "fr" => FRENCH,
        _ => "",
    };
    list.split_whitespace()
}
